"""The batch in flight: its states, and what a failure means in each."""

from itertools import product

import pytest

from sendlimit.counting.batch import Answer
from sendlimit.counting.illegal_step import IllegalStepError
from sendlimit.counting.in_flight import (
    FLUSH_STEPS,
    STEPS,
    BatchState,
    InFlight,
    InFlightBatch,
)
from sendlimit.counting.pending import PendingWrites
from sendlimit.counting.waiter import Waiter
from sendlimit.rules.decision import Decision, Request
from sendlimit.rules.limit import LATCH, Charge
from support.counting_samples import ALICE, NOON

_GRANTED = Answer(Decision(charges=(Charge(LATCH, 1),)), (Charge(LATCH, 1),))
_WAYS = {
    BatchState.BUILT: (),
    BatchState.BEGUN: (BatchState.BEGUN,),
    BatchState.SENT: (BatchState.BEGUN, BatchState.SENT),
    BatchState.IN_DOUBT: (BatchState.BEGUN, BatchState.SENT, BatchState.IN_DOUBT),
    BatchState.ROLLED_BACK: (BatchState.BEGUN, BatchState.ROLLED_BACK),
    BatchState.COMMITTED: (BatchState.BEGUN, BatchState.SENT, BatchState.COMMITTED),
}


def _batch(state: BatchState, waiters: int = 0) -> InFlightBatch:
    batch = InFlightBatch(
        1, [Waiter(Request(ALICE, NOON)) for _ in range(waiters)], PendingWrites()
    )
    batch.answers = [_GRANTED] * waiters
    for step in _WAYS[state]:
        batch.step(step)
    return batch


@pytest.mark.parametrize(("state", "to"), [*product(BatchState, BatchState)])
def test_steps(state: BatchState, to: BatchState) -> None:
    """A step that the table does not have is an error and changes nothing."""
    batch = _batch(state)
    if to in STEPS[state]:
        batch.step(to)
        assert batch.state is to
        return
    with pytest.raises(IllegalStepError, match=f"batch 1: {state.value} -> {to.value}"):
        batch.step(to)
    assert batch.state is state


_WAYS_OF_A_FLUSH = {
    BatchState.BUILT: (),
    BatchState.SENT: (BatchState.SENT,),
    BatchState.IN_DOUBT: (BatchState.SENT, BatchState.IN_DOUBT),
    BatchState.ROLLED_BACK: (BatchState.SENT, BatchState.ROLLED_BACK),
    BatchState.COMMITTED: (BatchState.SENT, BatchState.COMMITTED),
}


@pytest.mark.parametrize(("state", "to"), [*product(_WAYS_OF_A_FLUSH, BatchState)])
def test_steps_of_a_flush(state: BatchState, to: BatchState) -> None:
    """It is one packet: never begun; what is rolled back is carried by another one."""
    flush = InFlight(1, FLUSH_STEPS)
    for step in _WAYS_OF_A_FLUSH[state]:
        flush.step(step)
    if to in FLUSH_STEPS[state]:
        flush.step(to)
        assert flush.state is to
        return
    with pytest.raises(IllegalStepError):
        flush.step(to)
    assert flush.state is state


@pytest.mark.parametrize(
    ("state", "then"),
    [
        (BatchState.BUILT, BatchState.BUILT),
        (BatchState.BEGUN, BatchState.ROLLED_BACK),
        (BatchState.SENT, BatchState.IN_DOUBT),
        (BatchState.IN_DOUBT, BatchState.IN_DOUBT),
        (BatchState.ROLLED_BACK, BatchState.ROLLED_BACK),
        (BatchState.COMMITTED, BatchState.COMMITTED),
    ],
)
def test_failure(state: BatchState, then: BatchState) -> None:
    """A batch that fails before packet 2 was sent is rolled back, afterwards it is in doubt."""
    batch = _batch(state)
    batch.failed()

    assert batch.state is then


def test_answer_of_an_abandoned_waiter_is_undone() -> None:
    """Who has left books its mail itself: the answer's effects are to be taken back."""
    batch = _batch(BatchState.SENT, waiters=3)
    batch.waiters[1].abandon()

    assert batch.answer().additions == {LATCH: -1}
    assert [waiter.result for waiter in batch.waiters] == [_GRANTED, None, _GRANTED]


def test_early_answers_become_pending() -> None:
    """Answers that were given before the commit are written with the next batch if it is lost."""
    batch = _batch(BatchState.SENT, waiters=2)
    batch.waiters[0].abandon()
    undo = batch.answer_early()

    assert batch.pending.additions == {LATCH: 2}
    assert undo.additions == {LATCH: -1}
    assert batch.undo().additions == {}
