"""Ask the application of `sendlimit web` without a server, as an ASGI server would."""

from __future__ import annotations

import asyncio
import json as json_format
from typing import TYPE_CHECKING, Any, NamedTuple

from sendlimit.config import Config
from sendlimit.reports.context import ReportContext
from sendlimit.store.location import parse_url
from sendlimit.web.access import Gate
from sendlimit.web.api.common import Service
from sendlimit.web.app import make_app
from sendlimit.web.database import Database
from sendlimit.web.live import LiveContext
from sendlimit.web.peer import KEY, Peer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Message

ADMIN = Peer("admin", "panel")
READER = Peer("read", "webmail")
STRANGER = Peer(None, "127.0.0.1")


class Answer(NamedTuple):
    """What came back; names of headers in lower case, cookies as the headers have them."""

    status: int
    headers: dict[str, str]
    body: bytes
    set_cookies: tuple[str, ...] = ()

    @property
    def json(self) -> Any:  # noqa: ANN401 - the test says what it expects
        """The body as JSON."""
        return json_format.loads(self.body)

    @property
    def code(self) -> str:
        """The code of an error."""
        return str(self.json["error"]["code"])


class WebClient:
    """One client of an application."""

    def __init__(self, app: ASGIApp, peer: Peer = ADMIN) -> None:
        """Take the application and who asks it."""
        self.app = app
        self.peer = peer

    def as_peer(self, peer: Peer) -> WebClient:
        """Return another client of the same application."""
        return WebClient(self.app, peer)

    def __call__(
        self,
        method: str,
        target: str,
        json: object = None,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Ask.

        Args:
            method: of the request.
            target: path and query, as they go over the line.
            json: the body as a value.
            body: the body as octets.
            headers: further ones.
        """
        return asyncio.run(self._ask(method, target, json, body=body, headers=headers or {}))

    async def _ask(
        self,
        method: str,
        target: str,
        json: object,
        *,
        body: bytes | None,
        headers: Mapping[str, str],
    ) -> Answer:
        octets = body if body is not None else b""
        sent = {"host": "test", **headers}
        if json is not None:
            octets = json_format.dumps(json).encode()
            sent = {"content-type": "application/json", **sent}
        path, _, query = target.partition("?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
            "client": None,
            "server": None,
            KEY: self.peer,
        }
        messages: list[Message] = []
        parts = iter([{"type": "http.request", "body": octets, "more_body": False}])

        async def receive() -> Message:
            return next(parts, {"type": "http.disconnect"})

        async def send(message: Message) -> None:
            messages.append(message)

        await self.app(scope, receive, send)
        start = messages[0]
        return Answer(
            start["status"],
            {name.decode(): value.decode() for name, value in start["headers"]},
            b"".join(message.get("body", b"") for message in messages[1:]),
            tuple(value.decode() for name, value in start["headers"] if name == b"set-cookie"),
        )


def web_service(url: str, now: int, **tables: object) -> Service:
    """Return the service on a store.

    Args:
        url: of the store.
        now: seconds since 1970.
        tables: of the configuration, beside [store].
    """
    config = Config.model_validate(
        {
            "calendar": {"timezone": "Europe/Berlin"},
            "limits": {"mailbox": {"messages_per_day": 100}, "global": {"messages_per_day": 999}},
            "web": {"listen": "127.0.0.1:9141"},
            **tables,
            "store": {"url": url},
        }
    )
    database = Database(parse_url(url), "")
    live = LiveContext(ReportContext.of(config))
    return Service(live, database, Gate(database), lambda: now)


def web_client(service: Service, peer: Peer = ADMIN) -> WebClient:
    """Return a client of an application of its own."""
    return WebClient(make_app(service), peer)
