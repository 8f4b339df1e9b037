"""The webhook: a POST of one JSON document for each notice, signed when there is a key.

docs/notifications.md describes the document and how a receiver checks the signature. A URL
may be a secret (those of chat programs are), so neither log nor error shows it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import requests

from sendlimit import __version__
from sendlimit.notify.host import host_name
from sendlimit.notify.outbox import DeliveryError
from sendlimit.notify.texts import sentence

if TYPE_CHECKING:
    from sendlimit.notify.notices import Notice
    from sendlimit.rules.window import Calendar

FORMAT = 1
SIGNATURE_HEADER = "X-Sendlimit-Signature"
TIMEOUT_S = (5.0, 10.0)
"""To connect, and to wait for the answer."""
_TRY_LATER = {408, 425, 429}  # besides 5xx; RFC 9110 15.5.9, RFC 8470 5.2, RFC 6585 4


class WebhookRoute:
    """The way to webhook_url."""

    name = "webhook"

    def __init__(self, url: str, key: bytes | None, calendar: Calendar) -> None:
        """Take the settings.

        Args:
            url: http or https.
            key: of the signature; None: none.
            calendar: for the sentence.
        """
        self._url = url
        self._key = key
        self._calendar = calendar

    def takes(self, notice: Notice) -> bool:
        """Take every notice."""
        del notice
        return True

    def deliver(self, notice: Notice) -> None:
        """Post a notice; only the status of the answer is read.

        Raises:
            DeliveryError: no answer, or another status than 2xx.
        """
        body = json.dumps(document(notice, self._calendar, host_name())).encode()
        headers = {"Content-Type": "application/json", "User-Agent": f"sendlimit/{__version__}"}
        if self._key is not None:
            headers[SIGNATURE_HEADER] = signature(self._key, body)
        try:
            with requests.post(
                self._url,
                data=body,
                headers=headers,
                timeout=TIMEOUT_S,
                allow_redirects=False,  # would become a GET without the document
                stream=True,  # the body, of whatever length, is left alone
            ) as response:
                status = response.status_code
        except requests.Timeout as error:
            raise DeliveryError("no answer in time") from error
        except requests.RequestException as error:
            # Its own text holds the URL.
            raise DeliveryError(type(error).__name__) from error
        if not 200 <= status < 300:  # noqa: PLR2004 - RFC 9110 15.3: successful
            is_lasting = status < 500 and status not in _TRY_LATER  # noqa: PLR2004 - RFC 9110 15.6
            raise DeliveryError(f"HTTP status {status}", is_lasting=is_lasting)


def signature(key: bytes, body: bytes) -> str:
    """Sign a body: "sha256=" and the HMAC in hex."""
    return "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()


def document(notice: Notice, calendar: Calendar, host: str) -> dict[str, Any]:
    """Return a notice as JSON has it."""
    found: dict[str, Any] = {
        "format": FORMAT,
        "id": notice.id,
        "event": str(notice.event),
        "at": _utc(notice.at),
        "host": host,
        "mode": "observe" if notice.observe else "enforce",
        "text": sentence(notice, calendar),
    }
    if notice.exceeded is not None and notice.sender is not None:
        limit, key, used, period = notice.exceeded
        found |= {
            "mailbox": notice.sender.mailbox,
            "scope": str(limit.name.scope),
            "subject": key.subject,
            "unit": str(limit.name.unit),
            "window": str(limit.name.window),
            "limit": limit.max,
            "used": used,
            "period_start": _utc(period.start),
            "period_end": _utc(period.end),
        }
    elif notice.error:
        found["error"] = notice.error
    else:
        found["bookings"] = notice.bookings
    return found


def _utc(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
