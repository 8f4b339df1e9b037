"""Who is told what happens: the log, and where configured the metrics and the notices.

Nothing here may wait or raise: it is called from the callbacks and from the committer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendlimit import maillog

if TYPE_CHECKING:
    from sendlimit.config import Config
    from sendlimit.errors import StoreError
    from sendlimit.ledger import Ledger
    from sendlimit.mailbox import Sender
    from sendlimit.policy import Decision, Hit


class Witnesses:
    """The log's part of what session and committer tell; lives as long as the daemon."""

    def __init__(self, config: Config) -> None:
        """Take the configuration."""
        self._config = config

    def start(self, ledger: Ledger) -> None:
        """Begin."""

    def reload(self, config: Config) -> None:
        """Take a new configuration."""
        self._config = config

    def stop(self) -> None:
        """End."""

    def decided(self, sender: Sender, decision: Decision, seconds: float) -> None:
        """A decision was made."""

    def undecided(self, *, accepted: bool, seconds: float) -> None:
        """No decision could be made in time."""

    def uncounted(self, *, exempt: bool) -> None:
        """A mail that is not counted."""

    def refused(self, sender: Sender, hit: Hit) -> None:
        """A mail or recipient was refused."""

    def opened(self) -> None:
        """A reservation was made."""

    def ended(self) -> None:
        """A reservation ended."""

    def fault(self, where: str) -> None:
        """A callback or the committer raised."""
        maillog.fault(where)

    def store_down(self, error: StoreError) -> None:
        """The database is away."""
        maillog.store_down(error)

    def store_back(self, bookings: int) -> None:
        """The database is back."""
        maillog.store_back(bookings)

    def batch_done(self, questions: int, seconds: float) -> None:
        """A batch is in."""

    def batch_retried(self, error: StoreError) -> None:
        """A batch is done again."""
        maillog.batch_retried(error)

    def journal_unreadable(self, error: ValueError) -> None:
        """The journal is damaged."""
        maillog.journal_unreadable(error)
