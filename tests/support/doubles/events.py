"""A receiver of events that records them."""

from sendlimit.counting.events import Events
from sendlimit.errors import JournalError, StoreError
from sendlimit.rules.decision import Decision, LimitUsage
from sendlimit.rules.mailbox import Sender
from sendlimit.rules.suspicion import Suspension


class RecordingEvents(Events):
    """Stands in for log, metrics and notices.

    Attributes:
        recorded: one word or tuple for each event, in order.
        modes: how mail was decided, each change.
        open: reservations that were made and have not ended.
    """

    def __init__(self) -> None:
        self.recorded: list[object] = []
        self.open = 0
        self.modes: list[str] = []

    def decided(self, _sender: Sender, decision: Decision, _seconds: float, /) -> None:
        """Record whether the mail passed."""
        self.recorded.append("refused" if decision.refused else "passed")

    def undecided(self, *, accepted: bool, seconds: float) -> None:
        """Record what was answered."""
        assert seconds >= 0
        self.recorded.append("accepted undecided" if accepted else "refused undecided")

    def uncounted(self, *, exempt: bool) -> None:
        """Record why."""
        self.recorded.append("exempt" if exempt else "not authenticated")

    def refused(self, _sender: Sender, exceeded: LimitUsage, /) -> None:
        """Record the name of the limit."""
        self.recorded.append(str(exceeded.limit.name))

    def suspended(self, suspension: Suspension, /) -> None:
        """Record whose login."""
        what = "would suspend" if suspension.observe else "suspended"
        self.recorded.append((what, suspension.sender.mailbox))

    def opened(self) -> None:
        """Count the reservation."""
        self.open += 1

    def ended(self) -> None:
        """Count one less."""
        self.open -= 1

    def fault(self, where: str, /) -> None:
        """Record where."""
        self.recorded.append(("fault", where))

    def store_awaited(self, error: StoreError, /) -> None:
        """Keep the kind."""
        self.recorded.append(("awaited", type(error).__name__))

    def store_down(self, error: StoreError, /) -> None:
        """Record the kind of the error."""
        self.recorded.append(("down", type(error).__name__))

    def store_back(self, bookings: int, /) -> None:
        """Record the number of bookings."""
        self.recorded.append(("back", bookings))

    def journal_full(self, error: JournalError, /) -> None:
        """Keep the reason."""
        self.recorded.append(("journal full", str(error)))

    def journal_whole(self) -> None:
        """Keep the end."""
        self.recorded.append("journal whole")

    def mode_changed(self, mode: str, /) -> None:
        """Record the mode."""
        self.modes.append(mode)

    def batch_done(self, decisions: int, seconds: float, /) -> None:
        """Record nothing: tests would depend on how work falls into batches."""
        assert decisions >= 0
        assert seconds >= 0

    def batch_retried(self, error: StoreError, /) -> None:
        """Record the kind of the error."""
        self.recorded.append(("retried", type(error).__name__))

    def journal_unreadable(self, error: ValueError, /) -> None:
        """Record what is damaged."""
        self.recorded.append(("journal", str(error)))

    def publishing_failed(self, _error: StoreError, /) -> None:
        """Record that it happened."""
        self.recorded.append("publishing failed")

    def notice_done(self, route: str, outcome: str, /) -> None:
        """Record route and outcome."""
        self.recorded.append((route, outcome))
