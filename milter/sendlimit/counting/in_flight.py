"""The batch in flight: what one transaction is made of, until its outcome is known.

State machine; `InFlightBatch.step` alone changes the state:

    | state       | allowed next                     |
    |-------------|----------------------------------|
    | built       | begun                            |
    | begun       | sent, rolled back                |
    | sent        | committed, rolled back, in doubt |
    | in doubt    | committed, rolled back           |
    | rolled back | begun                            |
    | committed   | (final)                          |

What a failure means:

    | failure                           | while begun | while sent                           |
    |-----------------------------------|-------------|--------------------------------------|
    | the database rolled it back       | rolled back | rolled back                          |
    | the connection was lost           | rolled back | in doubt: the fence decides          |
    | any other error, or a fault of us | rolled back | in doubt: the fence decides          |

In doubt, the fence finds the batch's number in the committer's own row (committed) or another
one (rolled back, and never to be committed).
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from sendlimit.counting.batch import reverse
from sendlimit.counting.pending import PendingWrites
from sendlimit.counting.stretches import NOTHING, Stretch

if TYPE_CHECKING:
    from sendlimit.counting.batch import Answer
    from sendlimit.counting.waiter import Waiter
    from sendlimit.rules.limit import CounterKey


class BatchState(Enum):
    """How far a batch has come."""

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


class InFlightBatch:
    """What one transaction is made of; the committer's thread alone uses it.

    Attributes:
        number: the number that er_committer has once the batch is committed.
        waiters: in order; those that were abandoned are dropped when it is done again.
        pending: what is written besides; answers that were given early are added to it.
        stretch: what was counted without a question.
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
        self.number = number
        self.waiters = waiters
        self.pending = pending
        self.stretch = stretch
        self.answers: list[Answer] = []
        self.recoveries = 0
        self._state = BatchState.BUILT

    @property
    def additions(self) -> dict[CounterKey, int]:
        """What is added without a question."""
        sums = dict(self.stretch.sums)
        for key, amount in self.pending.additions.items():
            sums[key] = sums.get(key, 0) + amount
        return sums

    @property
    def state(self) -> BatchState:
        """How far it has come."""
        return self._state

    def step(self, state: BatchState) -> None:
        """Go on to a state.

        Raises:
            AssertionError: the table does not allow it.
        """
        if state not in STEPS[self._state]:
            raise AssertionError(f"batch {self.number}: {self._state.value} -> {state.value}")
        self._state = state

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
