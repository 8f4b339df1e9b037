"""The events that make log lines of their own.

Refusals and undecided mails are logged by the session, which alone knows client and sender.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendlimit import maillog
from sendlimit.counting.events import Events

if TYPE_CHECKING:
    from sendlimit.errors import JournalError, StoreError
    from sendlimit.rules.suspicion import Suspension
    from sendlimit.store.unreadable import UnreadableRow

UNREADABLE_MAX = 1000
"""Rows that are remembered as reported."""


class EventLog(Events):
    """Writes faults and what happens to the database to the log."""

    def __init__(self) -> None:
        self._unreadable: set[UnreadableRow] = set()

    def fault(self, where: str, /) -> None:
        """Log the exception that is being handled."""
        maillog.fault(where)

    def suspended(self, suspension: Suspension, /) -> None:
        """Log it with the addresses of the clients."""
        line = maillog.would_suspend if suspension.observe else maillog.suspended
        line(suspension)

    def store_awaited(self, error: StoreError, /) -> None:
        """Log that the start waits for the database."""
        maillog.store_awaited(error)

    def store_down(self, error: StoreError, /) -> None:
        """Log the beginning of an outage."""
        maillog.store_down(error)

    def store_back(self, bookings: int, /) -> None:
        """Log the end of an outage."""
        maillog.store_back(bookings)

    def mode_changed(self, mode: str, /) -> None:
        """Log how mail is decided from now on."""
        maillog.counting(mode)

    def batch_retried(self, error: StoreError, /) -> None:
        """Log a retry."""
        maillog.batch_retried(error)

    def journal_unreadable(self, error: ValueError, /) -> None:
        """Log the damage."""
        maillog.journal_unreadable(error)

    def journal_full(self, error: JournalError, /) -> None:
        """Log what would be lost from now on."""
        maillog.journal_full(error)

    def journal_whole(self) -> None:
        """Log that nothing would be lost any more."""
        maillog.journal_whole()

    def row_unreadable(self, row: UnreadableRow, /) -> None:
        """Log each row once; it is met with every batch."""
        if row not in self._unreadable and len(self._unreadable) < UNREADABLE_MAX:
            self._unreadable.add(row)
            maillog.row_unreadable(row.table, row.key, row.problem)

    def publishing_failed(self, error: StoreError, /) -> None:
        """Log that the views are outdated."""
        maillog.views_outdated(error)
