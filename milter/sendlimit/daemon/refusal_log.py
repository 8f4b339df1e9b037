"""Refusals in the log: one line each, or of a flood one line a minute (log.refusals).

With "merged" the first refusal by a limit is a line of its own. Those that follow in the minute
after it are counted, and the minute ends with one line that has their number; so does each further
minute, until one passes without a refusal.

LIMITS: what is kept is bounded: an hour of clients, CLIENTS_MAX of them.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sendlimit import maillog
from sendlimit.rules.limit import Scope

if TYPE_CHECKING:
    from collections.abc import Callable

    from sendlimit.maillog import Refusal
    from sendlimit.rules.limit import CounterKey

MERGED_S = 60.0
"""How long refusals by one limit are merged into a line."""
CLIENT_S = 3600.0
"""How long a client's mailboxes are remembered."""
CLIENTS_MAX = 10_000
MAILBOXES_MAX = 100
"""Mailboxes of one client that are told apart."""


@dataclass(slots=True)
class _Flood:
    """Refusals by one limit in one minute, the first not counted.

    Attributes:
        until: end of the minute.
        number: of refusals.
        last: the last one.
    """

    until: float
    number: int
    last: Refusal


class RefusalLog:
    """Writes refusals to the log; lives as long as the daemon, any thread may call it.

    `_mutex` guards all that is remembered.

    Args:
        monotonic: seconds of a clock that only goes forward.

    Attributes:
        merged: whether a flood is one line a minute; the main thread sets it.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.merged = False
        self._monotonic = monotonic
        self._mutex = threading.Lock()
        self._floods: dict[tuple[CounterKey, bool], _Flood] = {}
        self._clients: dict[str, dict[str, float]] = {}

    def refused(self, refusal: Refusal) -> None:
        """Log a refusal, or count it in its minute."""
        now = self._monotonic()
        with self._mutex:
            mailboxes = self._note_client(refusal, now)
            if self.merged:
                key = (refusal.exceeded.key, refusal.refused)
                flood = self._floods.get(key)
                if flood is not None:
                    flood.number += 1
                    flood.last = refusal
                    return
                self._floods[key] = _Flood(now + MERGED_S, 0, refusal)
        line = maillog.refused if refusal.refused else maillog.would_refuse
        line(refusal, mailboxes)

    def tick(self) -> None:
        """End the minutes that are over: log their numbers. Called about once a second."""
        self._end(self._monotonic())

    def close(self) -> None:
        """Log what is counted: the daemon stops, or refusals are no longer merged."""
        self._end(None)

    def _end(self, now: float | None) -> None:
        over = []
        with self._mutex:
            for key, flood in [*self._floods.items()]:
                if now is not None and now < flood.until:
                    continue
                if flood.number:
                    mailboxes = len(self._clients.get(flood.last.client, ()))
                    over.append((flood.last, flood.number, mailboxes))
                if flood.number and now is not None:
                    flood.until, flood.number = now + MERGED_S, 0
                else:
                    del self._floods[key]
        for last, number, mailboxes in over:
            line = maillog.refusals_merged if last.refused else maillog.would_refuse_merged
            line(last, mailboxes, number)

    def _note_client(self, refusal: Refusal, now: float) -> int:
        """Return for how many mailboxes the client was refused by limits of their own."""
        mailboxes = self._clients.get(refusal.client, {})
        if refusal.exceeded.key.scope is Scope.MAILBOX:
            mailboxes = {name: at for name, at in mailboxes.items() if now - at < CLIENT_S}
            if len(mailboxes) < MAILBOXES_MAX or refusal.mailbox in mailboxes:
                mailboxes[refusal.mailbox] = now
            self._clients.pop(refusal.client, None)
            self._clients[refusal.client] = mailboxes  # the last one again
            if len(self._clients) > CLIENTS_MAX:
                del self._clients[next(iter(self._clients))]
        return len(mailboxes)
