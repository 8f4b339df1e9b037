"""What sessions and the committer report; log lines, metrics and notices are made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sendlimit.errors import JournalError, StoreError
    from sendlimit.rules.decision import Decision, LimitUsage
    from sendlimit.rules.mailbox import Sender
    from sendlimit.rules.suspicion import Suspension
    from sendlimit.store.unreadable import UnreadableRow


class Events:
    """One method for each event; each does nothing here, a subclass overrides what it needs.

    Any thread may call any method. A method must not block or raise: it runs inside a milter
    callback or between two batches.
    """

    def decided(self, sender: Sender, decision: Decision, seconds: float, /) -> None:
        """A limit decision was made; the callback waited that many seconds for it."""

    def undecided(self, *, accepted: bool, seconds: float) -> None:
        """No decision could be made in time; the callback waited that many seconds."""

    def uncounted(self, *, exempt: bool) -> None:
        """A mail is not counted, because its login is exempt or because it has none."""

    def refused(self, sender: Sender, exceeded: LimitUsage, /) -> None:
        """A mail or a recipient was refused, or would be if the mode were "enforce"."""

    def suspended(self, suspension: Suspension, /) -> None:
        """A login was suspended, or would be if the mode were "enforce" (R17)."""

    def opened(self) -> None:
        """A reservation was made."""

    def ended(self) -> None:
        """A reservation became final or was given back."""

    def fault(self, where: str, /) -> None:
        """An exception was caught that is an error of sendlimit; called in the except clause."""

    def store_awaited(self, error: StoreError, /) -> None:
        """The database can't be reached at the start, as when it starts a moment later."""

    def store_down(self, error: StoreError, /) -> None:
        """Nothing is decided: the database is away or stuck, or a batch failed; once for each outage."""

    def store_back(self, bookings: int, /) -> None:
        """The outage is over, and that many mails accepted meanwhile are booked."""

    def mode_changed(self, mode: str, /) -> None:
        """Decisions are made in another way now; mode is a value of counting.mode.Mode."""

    def batch_done(self, decisions: int, seconds: float, /) -> None:
        """A transaction was committed that many seconds after its batch was begun."""

    def batch_retried(self, error: StoreError, /) -> None:
        """A transaction failed and is done again."""

    def journal_unreadable(self, error: ValueError, /) -> None:
        """The file of an earlier stop is damaged and was put aside."""

    def journal_full(self, error: JournalError, /) -> None:
        """The crash journal has no space: what is accepted now would be lost if the process were killed."""

    def journal_whole(self) -> None:
        """All that is not booked yet is in the crash journal again."""

    def row_unreadable(self, row: UnreadableRow, /) -> None:
        """A row of the tables can't be read and is left out; reported each time it is met."""

    def publishing_failed(self, error: StoreError, /) -> None:
        """The views could not be told the file's limits or the days; counting goes on."""

    def notice_done(self, route: str, outcome: str, /) -> None:
        """A notice was sent, given up or dropped; outcome is a value of notify.outbox.Outcome."""
