"""The events that make log lines of their own.

Refusals and undecided mails are logged by the session, which alone knows client and sender.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendlimit import maillog
from sendlimit.counting.events import Events

if TYPE_CHECKING:
    from sendlimit.errors import StoreError
    from sendlimit.rules.suspicion import Suspension


class EventLog(Events):
    """Writes faults and what happens to the database to the log."""

    def fault(self, where: str, /) -> None:
        """Log the exception that is being handled."""
        maillog.fault(where)

    def suspended(self, suspension: Suspension, /) -> None:
        """Log it with the addresses of the clients."""
        line = maillog.would_suspend if suspension.observe else maillog.suspended
        line(suspension)

    def store_down(self, error: StoreError, /) -> None:
        """Log the beginning of an outage."""
        maillog.store_down(error)

    def store_back(self, bookings: int, /) -> None:
        """Log the end of an outage."""
        maillog.store_back(bookings)

    def batch_retried(self, error: StoreError, /) -> None:
        """Log a retry."""
        maillog.batch_retried(error)

    def journal_unreadable(self, error: ValueError, /) -> None:
        """Log the damage."""
        maillog.journal_unreadable(error)
