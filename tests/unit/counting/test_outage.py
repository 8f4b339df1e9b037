"""Whatever the cause is, an outage has one beginning and one end."""

import pytest

from sendlimit.counting.outage import (
    AWAY,
    DECIDES,
    FAULT,
    FAULT_S,
    LOADING,
    STEPS,
    STUCK,
    Deciding,
    Outage,
)
from sendlimit.errors import StoreError, StoreStuck, StoreUnavailable
from support.doubles.events import RecordingEvents


@pytest.fixture
def outage() -> Outage:
    """One that decides."""
    outage = Outage()
    outage.events = RecordingEvents()
    outage.ended(0, 0.0, answered=False)
    assert outage.state is DECIDES
    return outage


def _recorded(outage: Outage) -> list[object]:
    assert isinstance(outage.events, RecordingEvents)
    return outage.events.recorded


def test_start() -> None:
    """A start that reaches the database is no end of an outage; one that does not is a beginning."""
    outage = Outage()
    outage.events = RecordingEvents()
    assert outage.state is LOADING

    outage.began(AWAY, StoreUnavailable(), 1.0)

    assert _recorded(outage) == [("down", "StoreUnavailable")]


@pytest.mark.parametrize("cause", [AWAY, STUCK, FAULT])
def test_each_cause(outage: Outage, cause: Deciding) -> None:
    """Each of the three causes is told once, and its end with the bookings."""
    for _ in range(3):
        outage.began(cause, StoreError("broken"), 1.0)
    assert (outage.state, outage.error) == (cause, "broken")

    outage.ended(7, 2.0, answered=True)

    assert outage.state is DECIDES
    assert _recorded(outage) == [("down", "StoreError"), ("back", 7)]


def test_causes_in_turn(outage: Outage) -> None:
    """A cause that follows another one is the same outage; the newest cause is told to who asks."""
    outage.began(STUCK, StoreStuck(), 1.0)
    outage.began(AWAY, StoreUnavailable("gone"), 2.0)

    assert (outage.state, outage.error) == (AWAY, "gone")
    assert _recorded(outage) == [("down", "StoreStuck")]


def test_fault_ends_with_an_answer(outage: Outage) -> None:
    """A batch without a question does not end a fault, unless none has failed for a minute."""
    outage.began(FAULT, StoreError(), 10.0)
    outage.ended(0, 11.0, answered=False)
    assert outage.state is FAULT

    outage.began(FAULT, StoreError(), 50.0)
    outage.ended(0, 10.0 + FAULT_S, answered=False)
    assert outage.state is FAULT

    outage.ended(0, 50.0 + FAULT_S, answered=False)
    assert outage.state is DECIDES


def test_steps() -> None:
    """Nothing leads back to the start, and no step has no end."""
    assert set(STEPS) == set(Deciding)
    assert all(LOADING not in following for following in STEPS.values())
    assert all(state not in following for state, following in STEPS.items())


def test_illegal_step(outage: Outage) -> None:
    """Loading is no cause of an outage."""
    with pytest.raises(ValueError, match="what is decides can't be loading"):
        outage.began(LOADING, StoreError(), 1.0)
