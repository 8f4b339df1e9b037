"""What is in flight: what one transaction is made of, until its outcome is known.

A batch beside other daemons is two packets; a flush of the daemon that is alone is one, so it is
sent without having been begun. State machine; `InFlight.step` alone changes the state:

    | state       | allowed next of a batch          | of a flush                       |
    |-------------|----------------------------------|----------------------------------|
    | built       | begun                            | sent                             |
    | begun       | sent, rolled back                |                                  |
    | sent        | committed, rolled back, in doubt | committed, rolled back, in doubt |
    | in doubt    | committed, rolled back           | committed, rolled back           |
    | rolled back | begun                            | (final: another one carries it)  |
    | committed   | (final)                          | (final)                          |

What a failure means:

    | failure                           | while begun | while sent                           |
    |-----------------------------------|-------------|--------------------------------------|
    | the database rolled it back       | rolled back | rolled back                          |
    | the connection was lost           | rolled back | in doubt: the fence decides          |
    | any other error, or our own fault  | rolled back | in doubt: the fence decides          |

In doubt, the fence finds the number in the committer's own row (committed) or another one (rolled
back, and never to be committed).
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from sendlimit.counting.batch import reverse
from sendlimit.counting.illegal_step import IllegalStepError
from sendlimit.counting.pending import PendingWrites
from sendlimit.counting.stretches import NOTHING, Stretch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sendlimit.counting.batch import Answer
    from sendlimit.counting.waiter import Waiter
    from sendlimit.rules.limit import CounterKey
    from sendlimit.store import Flush


class BatchState(Enum):
    """How far a batch or a flush has come."""

    BUILT = "built"
    BEGUN = "begun"
    SENT = "sent"
    IN_DOUBT = "in doubt"
    ROLLED_BACK = "rolled back"
    COMMITTED = "committed"


STEPS = {
    BatchState.BUILT: {BatchState.BEGUN},
    BatchState.BEGUN: {BatchState.SENT, BatchState.ROLLED_BACK},
    BatchState.SENT: {BatchState.COMMITTED, BatchState.ROLLED_BACK, BatchState.IN_DOUBT},
    BatchState.IN_DOUBT: {BatchState.COMMITTED, BatchState.ROLLED_BACK},
    BatchState.ROLLED_BACK: {BatchState.BEGUN},
    BatchState.COMMITTED: set(),
}
FLUSH_STEPS = STEPS | {
    BatchState.BUILT: {BatchState.SENT},
    BatchState.BEGUN: set(),
    BatchState.ROLLED_BACK: set(),
}


class InFlight:
    """A transaction on its way; the committer's thread alone uses it.

    Args:
        number: that er_committer has once it is committed.
        steps: which state may follow which.
    """

    def __init__(self, number: int, steps: Mapping[BatchState, set[BatchState]]) -> None:
        self.number = number
        self._steps = steps
        self._state = BatchState.BUILT

    @property
    def state(self) -> BatchState:
        """How far it has come."""
        return self._state

    def step(self, state: BatchState) -> None:
        """Go on to a state.

        Raises:
            IllegalStepError: the table does not allow it.
        """
        if state not in self._steps[self._state]:
            raise IllegalStepError(f"batch {self.number}: {self._state.value} -> {state.value}")
        self._state = state


class InFlightFlush(InFlight):
    """A flush of the daemon that is alone (write_behind.py).

    Attributes:
        flush: as it is sent.
        stretch: that it carries.
        pending: its episodes.
        sent: CLOCK_BOOTTIME before it was sent.
    """

    def __init__(self, flush: Flush, stretch: Stretch, pending: PendingWrites, sent: float) -> None:
        super().__init__(flush.batch, FLUSH_STEPS)
        self.flush = flush
        self.stretch = stretch
        self.pending = pending
        self.sent = sent


class InFlightBatch(InFlight):
    """A batch that is decided and written beside other daemons (batch_writer.py).

    Attributes:
        waiters: in order; those that were abandoned are dropped when it is done again.
        pending: what is written besides; answers that were given early are added to it.
        stretch: what was counted without a request.
        answers: of the last try, one a waiter.
        recoveries: how often the connection was opened again for it.
    """

    def __init__(
        self,
        number: int,
        waiters: list[Waiter],
        pending: PendingWrites,
        stretch: Stretch = NOTHING,
    ) -> None:
        super().__init__(number, STEPS)
        self.waiters = waiters
        self.pending = pending
        self.stretch = stretch
        self.answers: list[Answer] = []
        self.recoveries = 0

    @property
    def additions(self) -> dict[CounterKey, int]:
        """What is added without a request."""
        sums = dict(self.stretch.sums)
        for key, amount in self.pending.additions.items():
            sums[key] = sums.get(key, 0) + amount
        return sums

    def failed(self) -> None:
        """Note that a statement failed without saying what became of the transaction."""
        if self._state is BatchState.SENT:
            self.step(BatchState.IN_DOUBT)
        elif self._state is BatchState.BEGUN:
            self.step(BatchState.ROLLED_BACK)

    def answer(self) -> PendingWrites:
        """Give the answers; return what undoes those whose waiters had been abandoned.

        The mail of an abandoned waiter was accepted undecided and is booked at its end.
        """
        undo = PendingWrites()
        for waiter, answer in zip(self.waiters, self.answers, strict=True):
            if not waiter.answer(answer):
                undo.add(reverse(answer.effects))
        return undo

    def answer_early(self) -> PendingWrites:
        """Give the answers of a batch whose commit is on its way, and stand by them.

        From here on they are pending: if the database loses the batch, they are written with
        the next one.

        Returns:
            What undoes the answers of abandoned waiters.
        """
        undo = self.answer()
        for answer in self.answers:
            self.pending.add(answer.effects)
        self.waiters, self.answers = [], []
        return undo

    def undo(self) -> PendingWrites:
        """Return what undoes the answers, of which none was given."""
        undo = PendingWrites()
        for answer in self.answers:
            undo.add(reverse(answer.effects))
        return undo
