"""Who is told: keeps what it was told."""

from sendlimit.errors import StoreError
from sendlimit.rules.decision import Decision, LimitUsage
from sendlimit.rules.mailbox import Sender


class RecordingWitness:
    """Stands in for log and metrics of session and committer.

    Attributes:
        told: one word or tuple an event, in order.
        open: reservations that were made and have not ended.
    """

    def __init__(self) -> None:
        """Begin with nothing told."""
        self.told: list[object] = []
        self.open = 0

    def decided(self, _sender: Sender, decision: Decision, _seconds: float) -> None:
        """A decision was made."""
        self.told.append("refused" if decision.refused else "passed")

    def undecided(self, *, accepted: bool, seconds: float) -> None:
        """No decision could be made in time."""
        assert seconds >= 0
        self.told.append("accepted undecided" if accepted else "refused undecided")

    def uncounted(self, *, exempt: bool) -> None:
        """A mail that is not counted."""
        self.told.append("exempt" if exempt else "not authenticated")

    def refused(self, _sender: Sender, hit: LimitUsage) -> None:
        """A refusal was noted."""
        self.told.append(str(hit.limit.name))

    def opened(self) -> None:
        """A reservation was made."""
        self.open += 1

    def ended(self) -> None:
        """A reservation ended."""
        self.open -= 1

    def fault(self, where: str) -> None:
        """Something raised."""
        self.told.append(("fault", where))

    def store_down(self, error: StoreError) -> None:
        """The database is away."""
        self.told.append(("down", type(error).__name__))

    def store_back(self, bookings: int) -> None:
        """The database is back."""
        self.told.append(("back", bookings))

    def batch_done(self, questions: int, seconds: float) -> None:
        """A batch is in."""
        assert questions >= 0
        assert seconds >= 0

    def batch_retried(self, error: StoreError) -> None:
        """A batch is done again."""
        self.told.append(("retried", type(error).__name__))

    def journal_unreadable(self, error: ValueError) -> None:
        """The journal is damaged."""
        self.told.append(("journal", str(error)))
