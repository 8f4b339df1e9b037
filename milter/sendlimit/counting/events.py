"""What the milter session and the committer tell: log lines, metrics and notices are made of it.

Nobody who is told may wait or raise: it happens on the way of a mail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sendlimit.errors import StoreError
    from sendlimit.rules.decision import Decision, LimitUsage
    from sendlimit.rules.mailbox import Sender


class Witness(Protocol):
    """Is told what became of a mail."""

    def decided(self, sender: Sender, decision: Decision, seconds: float) -> None:
        """A decision was made; seconds: how long the callback waited for it."""

    def undecided(self, *, accepted: bool, seconds: float) -> None:
        """No decision could be made in time."""

    def uncounted(self, *, exempt: bool) -> None:
        """A mail that is not counted: not authenticated, or exempt."""

    def refused(self, sender: Sender, hit: LimitUsage) -> None:
        """A mail or a recipient was refused, or would be in observe mode."""

    def fault(self, where: str) -> None:
        """A callback raised; called in the except clause."""

    def opened(self) -> None:
        """A reservation was made."""

    def ended(self) -> None:
        """A reservation became final or was given back."""


class Observer(Protocol):
    """Is told what became of batches and of the database."""

    def store_down(self, error: StoreError) -> None:
        """The database is away, or its tables are not right; said once per outage."""

    def store_back(self, bookings: int) -> None:
        """It is back, and this many mails accepted meanwhile are booked."""

    def batch_done(self, questions: int, seconds: float) -> None:
        """A batch is in."""

    def batch_retried(self, error: StoreError) -> None:
        """A batch is done again."""

    def journal_unreadable(self, error: ValueError) -> None:
        """The journal of an earlier stop is damaged and was put aside."""

    def fault(self, where: str) -> None:
        """Something in the committer itself raised; called in the except clause."""
