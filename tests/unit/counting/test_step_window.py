"""What the other steps of a rolling window have used: where they lie, and whether all are known (R19)."""

from sendlimit.counting.counters import Counters
from sendlimit.counting.step_window import OtherSteps, StepWindow
from sendlimit.counting.stretches import Stretches
from sendlimit.rules.limit import CounterKey
from support.counting_samples import ALICE, NOON, UTC, key_of, named

_NAME = "mailbox.messages_per_rolling_day"
_HOUR = 3600


def _step(hours: int) -> CounterKey:
    return key_of(_NAME, ALICE.mailbox, NOON + hours * _HOUR)


def _window(stretches: Stretches) -> tuple[Counters, StepWindow]:
    counters = Counters(stretches)
    counters.begin(NOON)
    counters.run({named(_NAME): UTC.period(named(_NAME).window, NOON)}, 0)
    running = counters.get(_step(0))
    return counters, StepWindow(
        running, OtherSteps(counters.steps(named(_NAME), NOON)[1:], counters), 5
    )


def test_steps_are_summed_up_once_all_are_known() -> None:
    """Read as a row, as 0 without one, or an object with what is pending; the running one is apart."""
    stretches = Stretches()
    counters, window = _window(stretches)
    assert window.used_before() is None
    while loading := counters.next_chunk():
        rows = [(ALICE.mailbox, 2)] if loading.start in {NOON - 3 * _HOUR, NOON} else []
        counters.load(loading, rows, more=False)
    counters.add(_step(-1), 4)
    assert window.used_before() == 6
    assert window.usage() == {_step(-3): 2, _step(-1): 4}
    assert window.counter.used == 2


def test_what_is_not_known_is_what_this_daemon_has_seen() -> None:
    """As pending for a step that was not read yet, in an outage."""
    stretches = Stretches()
    stretches.add(_step(-2), 3)
    _, window = _window(stretches)
    assert window.used_before() is None
    assert window.usage() == {_step(-2): 3}


def test_what_is_pending_is_not_lost_when_a_step_was_read() -> None:
    """The table has no row of it yet."""
    stretches = Stretches()
    stretches.add(_step(-2), 3)
    counters, window = _window(stretches)
    while loading := counters.next_chunk():
        counters.load(loading, [], more=False)
    assert window.used_before() == 3


def test_an_object_that_is_not_known() -> None:
    """A counter that waits to be read makes the window unknown."""
    counters, window = _window(Stretches())
    counters.get(_step(-24))
    assert window.used_before() is None


def _read(counters: Counters) -> None:
    while loading := counters.next_chunk():
        counters.load(loading, [], more=False)


def _go_on(counters: Counters, window: StepWindow, hours: int) -> bool:
    period = UTC.period(named(_NAME).window, NOON + hours * _HOUR)
    counters.run({named(_NAME): period}, 0)
    group, *others = counters.steps(named(_NAME), period.start)
    return window.go_on(group, OtherSteps(others, counters), counters)


def test_a_new_step_adds_the_one_before() -> None:
    """Without asking for the others: at most, as what leaves the window is seen where it is asked."""
    counters, window = _window(Stretches())
    _read(counters)
    counters.add(_step(-20), 2)
    assert window.used_before() == 2
    counters.add(_step(0), 1)
    assert not _go_on(counters, window, 2), "the same object"
    assert (window.counter.key, window.counter.used) == (_step(2), 0)
    assert window.used_before() == 3
    assert not _go_on(counters, window, 10)
    assert window.used_before() == 3
    window.sum_anew()
    assert window.used_before() == 1
    assert window.usage() == {_step(0): 1}


def test_a_step_that_is_still_in_use() -> None:
    """A counter that is not known stays where it waits for its number; the next step has its own."""
    counters, window = _window(Stretches())
    first = window.counter
    assert _go_on(counters, window, 1)
    assert first.key == _step(0)
    assert window.counter.key == _step(1)
    _read(counters)
    assert window.used_before() == 0


def test_a_step_that_another_daemon_has_counted_in() -> None:
    """Its clock was ahead: what is in the table counts when the step comes."""
    counters, window = _window(Stretches())
    while loading := counters.next_chunk():
        rows = [(ALICE.mailbox, 2)] if loading.start == NOON + _HOUR else []
        counters.load(loading, rows, more=False)
    _go_on(counters, window, 1)
    assert (window.counter.used, window.counter.known) == (2, True)
