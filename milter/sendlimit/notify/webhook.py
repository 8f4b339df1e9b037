"""The webhook: a POST for each notice, signed when there is a key.

docs/notifications.md describes our JSON document and how a receiver checks the signature;
`webhook_formats` has what other receivers want. The URL may be a secret, as those of chat programs
are, so neither log nor error shows it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from sendlimit import __version__
from sendlimit.config.webhook_body import BODY_PLACEHOLDERS
from sendlimit.errors import causes
from sendlimit.notify.host import host_name
from sendlimit.notify.notices import Event
from sendlimit.notify.outbox import DeliveryError, Route
from sendlimit.notify.texts import sentence
from sendlimit.notify.webhook_formats import FORMATS, Body, Message

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sendlimit.config.webhook_body import WebhookBody
    from sendlimit.notify.notices import Notice
    from sendlimit.rules.window import Calendar

FORMAT = 1
SIGNATURE_HEADER = "X-Sendlimit-Signature"
TIMEOUT_S = (5.0, 10.0)
"""For the connection, and for the answer."""
_JSON = "application/json"
_TRANSIENT = {408, 425, 429}  # besides 5xx; RFC 9110 15.5.9, RFC 8470 5.2, RFC 6585 4


@dataclass(frozen=True)
class WebhookRoute(Route):
    """Posts every notice to webhook_url.

    Attributes:
        url: http or https.
        key: key of the signature; None: posts are not signed.
        calendar: for the sentence in the document.
        format: a key of FORMATS; "sendlimit" is our document.
        own_body: the admin's own body, which goes before the format.
        ca_file: CAs that may have signed the receiver's certificate; None: those of the system.
    """

    name = "webhook"

    url: str
    key: bytes | None
    calendar: Calendar
    format: str = "sendlimit"
    own_body: WebhookBody | None = None
    ca_file: str | None = None

    def deliver(self, notice: Notice) -> None:
        """Post a notice; only the status of the answer is read.

        Raises:
            DeliveryError: no answer, or another status than 2xx.
        """
        body = self._body(notice)
        headers = {"User-Agent": f"sendlimit/{__version__}", **body.headers}
        if self.key is not None:
            headers[SIGNATURE_HEADER] = signature(self.key, body.octets)
        try:
            with requests.post(
                self.url,
                data=body.octets,
                headers=headers,
                timeout=TIMEOUT_S,
                verify=self.ca_file or system_cas(),
                allow_redirects=False,  # a redirect would become a GET without the document
                stream=True,  # the body of the answer may have any length and is not read
            ) as response:
                status = response.status_code
        except requests.Timeout as error:
            raise DeliveryError("no answer in time") from error
        except requests.exceptions.SSLError as error:
            is_certificate = "CERTIFICATE_VERIFY_FAILED" in str(error)
            reason = "the receiver's certificate is not trusted" if is_certificate else "TLS failed"
            raise DeliveryError(reason) from error
        except (requests.RequestException, OSError) as error:
            raise DeliveryError(_without_url(error)) from error
        if not 200 <= status < 300:  # noqa: PLR2004 - RFC 9110 15.3: successful
            is_permanent = status < 500 and status not in _TRANSIENT  # noqa: PLR2004 - RFC 9110 15.6
            raise DeliveryError(f"HTTP status {status}", is_permanent=is_permanent)

    def _body(self, notice: Notice) -> Body:
        host = host_name()
        if self.own_body is None and self.format in FORMATS:
            text = sentence(notice, self.calendar)
            return FORMATS[self.format](Message(notice.event, text, host, self.url))
        found = document(notice, self.calendar, host)
        if self.own_body is None:
            return Body(json.dumps(found).encode(), {"Content-Type": _JSON})
        values = dict.fromkeys(BODY_PLACEHOLDERS, "") | flat_values(found)
        kind = _JSON if self.own_body.is_json else "text/plain; charset=utf-8"
        return Body(self.own_body.filled(values), {"Content-Type": kind})


def _without_url(error: BaseException) -> str:
    """Return why there was no answer: the words of the system's error; ours would hold the URL."""
    for cause in causes(error):
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
    return type(error).__name__


def system_cas() -> str | bool:
    """Return the system's file or directory of CAs; True where it has none: those of requests."""
    paths = ssl.get_default_verify_paths()
    if paths.cafile is None and paths.capath and any(Path(paths.capath).glob("*.0")):
        return paths.capath
    return paths.cafile or True


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
        limit, key, used, period, *_ = notice.exceeded
        resets_at = notice.exceeded.resets_at
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
            "resets_at": None if resets_at is None else _utc(resets_at),
        }
    elif notice.suspension is not None:
        suspension = notice.suspension
        found |= {
            "mailbox": suspension.sender.mailbox,
            "reason": str(suspension.reason),
            "number": suspension.number,
            "clients": list(suspension.clients),
            "until": None if suspension.until is None else _utc(suspension.until),
        }
    elif notice.event in {Event.STORE_DOWN, Event.FINDING, Event.FINDING_OVER}:
        found["error"] = notice.error
    elif notice.event is Event.STORE_BACK:
        found["bookings"] = notice.bookings
    return found


def flat_values(document: Mapping[str, Any]) -> dict[str, str]:
    """Return the document as texts: a list with blanks between, nothing as ""."""
    return {
        key: " ".join(value) if isinstance(value, list) else "" if value is None else str(value)
        for key, value in document.items()
    }


def _utc(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
