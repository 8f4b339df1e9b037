"""The waiter's states: answered or abandoned, whichever comes first."""

import threading

import pytest

from sendlimit.counting.batch import Answer
from sendlimit.counting.waiter import Waiter, WaiterState
from sendlimit.rules.decision import Decision, Request
from support.counting_samples import ALICE, NOON

_ANSWER = Answer(Decision(), ())


@pytest.fixture
def waiter() -> Waiter:
    """A waiter without an answer."""
    return Waiter(Request(ALICE, NOON))


def test_answer(waiter: Waiter) -> None:
    """An answer ends the waiting and is kept."""
    assert waiter.answer(_ANSWER)

    assert waiter.wait(0)
    assert (waiter.state, waiter.result) == (WaiterState.ANSWERED, _ANSWER)


def test_abandon(waiter: Waiter) -> None:
    """Abandoning ends the waiting without an answer."""
    assert waiter.abandon()

    assert waiter.wait(0)
    assert (waiter.state, waiter.result) == (WaiterState.ABANDONED, None)


def test_no_answer_yet(waiter: Waiter) -> None:
    """Without an answer the time runs out, and the state stays."""
    assert not waiter.wait(0.001)
    assert waiter.state is WaiterState.WAITING


@pytest.mark.parametrize("first", ["answer", "abandon"])
@pytest.mark.parametrize("second", ["answer", "abandon"])
def test_first_step_holds(waiter: Waiter, first: str, second: str) -> None:
    """A step that comes second changes nothing and says so."""
    steps = {"answer": lambda: waiter.answer(_ANSWER), "abandon": waiter.abandon}
    steps[first]()
    state = waiter.state

    assert not steps[second]()
    assert waiter.state is state


def test_answer_and_abandon_race(waiter: Waiter) -> None:
    """Of many threads that answer and abandon at once, one step is taken."""
    start = threading.Barrier(8)
    taken: list[bool] = []

    def end(number: int) -> None:
        start.wait(10)
        taken.append(waiter.answer(_ANSWER) if number % 2 else waiter.abandon())

    threads = [threading.Thread(target=end, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert sorted(taken) == [False] * 7 + [True]
    assert (waiter.result is _ANSWER) == (waiter.state is WaiterState.ANSWERED)
