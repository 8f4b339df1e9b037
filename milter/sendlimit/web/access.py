"""Who may use the API: the role of a unix socket or of a bearer token (RFC 6750 2.1)."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from typing import TYPE_CHECKING, NamedTuple

from sendlimit.store.web_access import digest, find_token
from sendlimit.web.errors import WebError
from sendlimit.web.peer import KEY

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from sendlimit.web.database import Database
    from sendlimit.web.peer import Peer

ADMIN, READ = "admin", "read"
_BEARER = "bearer "


class Caller(NamedTuple):
    """Who asks the API: its name for the audit trail, and its role."""

    name: str
    role: str


class Attempts:
    """Failed attempts of each client in the last minutes; for one thread.

    Args:
        allowed: how many a client has in the time.
        within_s: the time in seconds.
        clock: seconds of a clock that only goes forward.
    """

    _CLIENTS_MAX = 10_000

    def __init__(
        self, allowed: int, within_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._allowed = allowed
        self._within_s = within_s
        self._clock = clock
        self._failed: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_s(self, client: str) -> int:
        """Return how many seconds a client has to wait; 0: it may try."""
        times = self._recent(client)
        if len(times) < self._allowed:
            return 0
        return max(1, int(times[0] + self._within_s - self._clock() + 1))

    def fail(self, client: str) -> None:
        """Note a failed attempt."""
        times = self._recent(client)
        times.append(self._clock())
        self._failed[client] = times
        self._failed.move_to_end(client)
        while len(self._failed) > self._CLIENTS_MAX:
            self._failed.popitem(last=False)

    def forget(self, client: str) -> None:
        """Forget the failures of a client who has succeeded."""
        self._failed.pop(client, None)

    def _recent(self, client: str) -> deque[float]:
        times = self._failed.get(client)
        if times is None:
            return deque(maxlen=self._allowed)
        while times and times[0] <= self._clock() - self._within_s:
            times.popleft()
        return times


class Gate:
    """Lets callers of the API in.

    A token that is right is let in whatever its address has failed before: it can't be guessed,
    and another program of the same address must not lock it out.
    """

    def __init__(self, database: Database, failed: Attempts | None = None) -> None:
        self._database = database
        self._failed = failed or Attempts(10, 60.0)

    async def caller(self, request: Request) -> Caller:
        """Return who asks.

        Raises:
            WebError: the caller may not, or the store is away.
        """
        peer: Peer = request.scope[KEY]
        if peer.is_refused:
            raise WebError("forbidden", f"this socket is not for {peer.name}")
        if peer.role is not None:
            return Caller(peer.name, peer.role)
        header = request.headers.get("authorization", "")
        if not header.lower().startswith(_BEARER):
            raise WebError("unauthorized", "say 'Authorization: Bearer TOKEN'")
        hashed = digest(header[len(_BEARER) :].strip())
        found = await self._database.run(lambda connection: find_token(connection, hashed))
        if found is not None:
            return Caller(found.name, found.role)
        if wait_s := self._failed.wait_s(peer.name):
            raise WebError("busy", "too many wrong tokens", retry_after_s=wait_s)
        self._failed.fail(peer.name)
        raise WebError("unauthorized", "there is no such token")
