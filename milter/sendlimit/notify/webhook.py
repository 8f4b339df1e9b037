"""The webhook: a POST of one JSON document for each notice, signed when there is a key.

docs/notifications.md describes the document and how a receiver checks the signature. The URL
may be a secret, as those of chat programs are, so neither log nor error shows it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import requests

from sendlimit import __version__
from sendlimit.notify.host import host_name
from sendlimit.notify.outbox import DeliveryError, Route
from sendlimit.notify.texts import sentence

if TYPE_CHECKING:
    from sendlimit.notify.notices import Notice
    from sendlimit.rules.window import Calendar

FORMAT = 1
SIGNATURE_HEADER = "X-Sendlimit-Signature"
TIMEOUT_S = (5.0, 10.0)
"""For the connection, and for the answer."""
_TRANSIENT = {408, 425, 429}  # besides 5xx; RFC 9110 15.5.9, RFC 8470 5.2, RFC 6585 4


@dataclass(frozen=True)
class WebhookRoute(Route):
    """Posts every notice to webhook_url.

    Attributes:
        url: http or https.
        key: key of the signature; None: posts are not signed.
        calendar: for the sentence in the document.
    """

    name = "webhook"

    url: str
    key: bytes | None
    calendar: Calendar

    def deliver(self, notice: Notice) -> None:
        """Post a notice; only the status of the answer is read.

        Raises:
            DeliveryError: no answer, or another status than 2xx.
        """
        body = json.dumps(document(notice, self.calendar, host_name())).encode()
        headers = {"Content-Type": "application/json", "User-Agent": f"sendlimit/{__version__}"}
        if self.key is not None:
            headers[SIGNATURE_HEADER] = signature(self.key, body)
        try:
            with requests.post(
                self.url,
                data=body,
                headers=headers,
                timeout=TIMEOUT_S,
                allow_redirects=False,  # a redirect would become a GET without the document
                stream=True,  # the body of the answer may have any length and is not read
            ) as response:
                status = response.status_code
        except requests.Timeout as error:
            raise DeliveryError("no answer in time") from error
        except requests.RequestException as error:
            # The text of the error holds the URL.
            raise DeliveryError(type(error).__name__) from error
        if not 200 <= status < 300:  # noqa: PLR2004 - RFC 9110 15.3: successful
            is_permanent = status < 500 and status not in _TRANSIENT  # noqa: PLR2004 - RFC 9110 15.6
            raise DeliveryError(f"HTTP status {status}", is_permanent=is_permanent)


def signature(key: bytes, body: bytes) -> str:
    """Return the signature of a body: "sha256=" and the HMAC in hex."""
    return "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()


def document(notice: Notice, calendar: Calendar, host: str) -> dict[str, Any]:
    """Return the JSON document of a notice."""
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
