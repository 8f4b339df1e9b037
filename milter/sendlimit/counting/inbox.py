"""The committer's end of the ledger's queue: requests that wait, and refusals to be recorded."""

from __future__ import annotations

from contextlib import suppress
from queue import Empty
from typing import TYPE_CHECKING

from sendlimit.counting.waiter import Waiter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sendlimit.counting.backlog import Backlog
    from sendlimit.counting.ledger import Ledger
    from sendlimit.rules.episode import Episode

BATCH_MAX = 500
"""Requests in one transaction: beyond it a batch takes longer, not fewer packets a mail."""


class Inbox:
    """Takes from the queue; the committer's thread alone uses it.

    Args:
        ledger: whose queue.
        backlog: gets what is to be recorded.

    Attributes:
        waiters: those that were taken and have no answer yet, in order.
    """

    def __init__(self, ledger: Ledger, backlog: Backlog) -> None:
        self.waiters: list[Waiter] = []
        self._ledger = ledger
        self._backlog = backlog

    def take(self, pause: float = 0.0) -> bool:
        """Take what is on the queue, or comes within so many seconds; return whether anything did."""
        queue = self._ledger.queue
        try:
            item = queue.get(timeout=pause) if pause else queue.get_nowait()
        except Empty:
            return False
        with suppress(Empty):
            while True:
                self._sort(item)
                if len(self.waiters) >= BATCH_MAX:
                    break
                item = queue.get_nowait()
        return True

    def abandon(self, waiters: Iterable[Waiter] = ()) -> None:
        """Let callbacks go on without an answer: these, and all that wait."""
        for waiter in (*waiters, *self.waiters):
            waiter.abandon()
        self.waiters = []

    def abandon_all(self) -> None:
        """Take what is left on the queue, and let all go on without an answer."""
        while self.take():
            self.abandon()
        self.abandon()

    def _sort(self, item: Waiter | Episode | None) -> None:
        if isinstance(item, Waiter):
            self.waiters.append(item)
        elif item is not None:
            self._backlog.pending.record(item)
