"""Whatever the cause is, an outage has one beginning and one end."""

import pytest

from sendlimit.counting.illegal_step import IllegalStepError
from sendlimit.counting.outage import (
    AWAITED_S,
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
from sendlimit.errors import SchemaError, StoreDenied, StoreError, StoreStuck, StoreUnavailable
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


@pytest.fixture
def start() -> Outage:
    """One whose database was not tried yet."""
    outage = Outage()
    outage.events = RecordingEvents()
    assert outage.state is LOADING
    return outage


def test_database_that_comes_a_moment_later(start: Outage) -> None:
    """A start that finds the database after some seconds has no outage: nothing to be told of."""
    for now in (1.0, 1.5, 1.0 + AWAITED_S - 0.1):
        start.began(AWAY, StoreUnavailable("gone"), now)
    assert (start.state, start.error) == (LOADING, "gone")

    start.ended(3, 1.0 + AWAITED_S, answered=True)

    assert start.state is DECIDES
    assert _recorded(start) == [("awaited", "StoreUnavailable"), ("back", 3)]


def test_database_that_does_not_come(start: Outage) -> None:
    """A start that does not reach the database in time is the beginning of an outage."""
    for now in (1.0, 1.0 + AWAITED_S, 2.0 + AWAITED_S):
        start.began(AWAY, StoreUnavailable(), now)

    assert start.state is AWAY
    assert _recorded(start) == [("awaited", "StoreUnavailable"), ("down", "StoreUnavailable")]


@pytest.mark.parametrize(
    ("cause", "error"),
    [(AWAY, StoreDenied()), (AWAY, SchemaError()), (STUCK, StoreStuck()), (FAULT, StoreError())],
)
def test_what_does_not_pass_by_itself(start: Outage, cause: Deciding, error: StoreError) -> None:
    """A database that answers and can't be used is an outage at once, at a start, too."""
    start.began(cause, error, 1.0)

    assert start.state is cause
    assert _recorded(start) == [("down", type(error).__name__)]


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
    """A batch without a request does not end a fault, unless none has failed for a minute."""
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
    with pytest.raises(IllegalStepError, match="what is decides can't be loading"):
        outage.began(LOADING, StoreError(), 1.0)
