"""What keeps pages apart from other sites: headers, cookies, and tokens in forms."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl

from sendlimit.store.web_access import digest, new_secret
from sendlimit.web.errors import WebError
from sendlimit.web.peer import KEY

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from sendlimit.config.web import WebSection
    from sendlimit.web.peer import Peer

SESSION_COOKIE = "sendlimit_session"
FORM_COOKIE = "sendlimit_form"
TOKEN_FIELD = "form_token"  # noqa: S105 - the name of a field
_FIELDS_MAX = 50

HEADERS = {
    # All comes from this server, nothing is inline, and no other site may show a page in a frame.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
"""Of every page and file."""


class FormToken(NamedTuple):
    """The cookie that a form's token belongs to.

    Attributes:
        secret: the cookie's value.
        token: for the forms of the page.
        is_new: the browser has no such cookie yet.
    """

    secret: str
    token: str
    is_new: bool


def form_token(request: Request) -> FormToken:
    """Return the token for the forms of an answer; it ends with the session."""
    known = request.cookies.get(FORM_COOKIE, "")
    secret = known or new_secret()
    return FormToken(secret, _token(secret, request), is_new=not known)


def _token(secret: str, request: Request) -> str:
    return digest(f"form:{secret}:{request.cookies.get(SESSION_COOKIE, '')}")


async def read_form(request: Request) -> dict[str, str]:
    """Return the fields of a form that was made for this browser and session (RFC 9110 9.2.1).

    Raises:
        WebError: it was not: another site has made it, or it is too old.
    """
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        raise WebError("forbidden", "the form is from another site", "form")
    text = (await request.body()).decode("utf-8", "replace")
    try:
        fields = dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_FIELDS_MAX))
    except ValueError:
        raise WebError("bad_request", "the form has too many fields") from None
    secret = request.cookies.get(FORM_COOKIE, "")
    sent = fields.pop(TOKEN_FIELD, "")
    if not secret or not hmac.compare_digest(sent.encode(), _token(secret, request).encode()):
        raise WebError("forbidden", "the form has no valid token", "form")
    return fields


def is_proxied(request: Request, section: WebSection) -> bool:
    """Say whether the trusted proxy has passed the request on."""
    peer: Peer = request.scope[KEY]
    return bool(section.trusted_proxy) and peer.name == section.trusted_proxy


def client_address(request: Request, section: WebSection) -> str:
    """Return the address of the browser; behind the trusted proxy as the proxy says it."""
    peer: Peer = request.scope[KEY]
    if is_proxied(request, section):
        forwarded = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
        return forwarded or peer.name
    return peer.name


def set_cookie(
    request: Request, response: Response, section: WebSection, name: str, value: str
) -> None:
    """Give the browser a cookie for these pages only, gone when it is closed; "" takes it away."""
    is_https = is_proxied(request, section) and (
        request.headers.get("x-forwarded-proto", "").lower() == "https"
    )
    response.set_cookie(
        name,
        value,
        max_age=None if value else 0,
        path="/",
        secure=is_https,
        httponly=True,
        samesite="lax",
    )
