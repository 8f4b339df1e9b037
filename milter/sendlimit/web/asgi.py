"""What every request goes through before a route: its time, its size, its path, its log line."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from sendlimit.web.database import begin_request
from sendlimit.web.errors import WebError
from sendlimit.web.paths import undecoded_path
from sendlimit.web.peer import KEY

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from sendlimit.web.peer import Peer

BODY_MAX = 64 * 1024
_LOG = logging.getLogger("sendlimit.web")


class Frame:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begin_request()
        begun = time.monotonic()
        status = 0

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            scope["path"] = undecoded_path(scope["raw_path"])
            await self._app(scope, _limited(scope, receive), send_and_note)
        except WebError as error:
            await error.response()(scope, receive, send_and_note)
        except Exception:  # noqa: BLE001 - the boundary: the client has its answer already
            _LOG.exception("%s %s failed", scope["method"], scope["path"])
        finally:
            _note(scope, status, time.monotonic() - begun)


def _limited(scope: Scope, receive: Receive) -> Receive:
    """Return what reads a body of at most BODY_MAX octets.

    Raises:
        WebError: the client has announced a longer one.
    """
    announced = dict(scope["headers"]).get(b"content-length", b"0")
    if announced.isdigit() and int(announced) > BODY_MAX:
        raise _too_large()
    had = 0

    async def receive_some() -> Message:
        nonlocal had
        message = await receive()
        had += len(message.get("body", b""))
        if had > BODY_MAX:
            raise _too_large()
        return message

    return receive_some


def _too_large() -> WebError:
    return WebError("too_large", f"the body has more than {BODY_MAX} octets")


def _note(scope: Scope, status: int, seconds: float) -> None:
    """Log a request: never its query or headers, which may have secrets."""
    peer: Peer = scope[KEY]
    path = scope["raw_path"].decode("ascii", "backslashreplace")
    level = logging.WARNING if status >= 500 else logging.DEBUG  # noqa: PLR2004 - 5xx
    _LOG.log(
        level, "%s %s %d %.0f ms from %s", scope["method"], path, status, seconds * 1000, peer.name
    )
