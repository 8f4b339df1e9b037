"""Who is at the other end of a connection: by SO_PEERCRED on a unix socket, by address on TCP.

Source: unix(7), SO_PEERCRED: the credentials of the process that called connect(2).
"""

from __future__ import annotations

import pwd
import socket
import struct
from typing import TYPE_CHECKING, NamedTuple

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Receive, Scope, Send

KEY = "sendlimit.peer"
"""Of the peer in a request's scope."""
_UCRED = struct.Struct("3i")
_FIRST_REQUEST_S = 10.0


class Peer(NamedTuple):
    """The other end.

    Attributes:
        role: that the unix socket gives, "read" or "admin"; None: a log-in or a token decides.
        name: of the unix user, or the address.
        is_refused: a unix socket that the user may not use.
    """

    role: str | None
    name: str
    is_refused: bool = False


class SocketRole(NamedTuple):
    """What a unix socket is for: a role, and the user who has it, beside root."""

    role: str
    owner: int


def peer_of(connection: socket.socket, roles: Mapping[str, SocketRole]) -> Peer:
    """Return who is at the other end.

    Args:
        connection: as accepted.
        roles: of the unix sockets, by their names.
    """
    if connection.family != socket.AF_UNIX:
        return Peer(None, str(connection.getpeername()[0]))
    length = _UCRED.size
    _, uid, _ = _UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, length))
    role, owner = roles[connection.getsockname()]
    return Peer(role, _user_name(uid), is_refused=uid not in {owner, 0})


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


class _WithPeer:
    """An application that is told who asks."""

    def __init__(self, app: ASGIApp, peer: Peer) -> None:
        self._app = app
        self._peer = peer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[KEY] = self._peer
        await self._app(scope, receive, send)


def protocol_with_peers(roles: Mapping[str, SocketRole]) -> type[H11Protocol]:
    """Return uvicorn's protocol, which says in each request's scope who asks.

    Args:
        roles: of the unix sockets, by their names.
    """

    class PeerProtocol(H11Protocol):
        """A connection whose first request has to come soon."""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            """Look who has connected."""
            super().connection_made(transport)
            try:
                peer = peer_of(transport.get_extra_info("socket"), roles)
            except OSError:
                transport.close()  # it has gone already
                return
            self.app = _WithPeer(self.app, peer)
            self.loop.call_later(_FIRST_REQUEST_S, self._close_if_silent)

        def _close_if_silent(self) -> None:
            if self.cycle is None and not self.transport.is_closing():
                self.transport.close()

    return PeerProtocol
