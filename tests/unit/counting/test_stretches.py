"""What is pending, by stretch of the journal: booked whole, in order, never twice."""

import pytest

from sendlimit.counting.counters import Counters
from sendlimit.counting.stretches import CLOSE_AT, Stretch, Stretches
from sendlimit.rules.limit import CounterKey
from support.counting_samples import ALICES_DAY, key_of

_BOBS_DAY = key_of("mailbox.messages_per_day", "bob@example.org")


def _key(number: int) -> CounterKey:
    return ALICES_DAY._replace(subject=f"u{number}@example.org")


def test_what_was_added_is_taken_with_the_last_number() -> None:
    """Counters in memory and those that are not are summed up together."""
    stretches = Stretches()
    counter = Counters(stretches).get(ALICES_DAY)
    counter.pending += 2
    stretches.touched.append(counter)
    stretches.add(ALICES_DAY, 1)
    stretches.add(_BOBS_DAY, -1)
    assert stretches
    assert stretches.take(7) == Stretch({ALICES_DAY: 3, _BOBS_DAY: -1}, 7)
    assert not stretches
    assert (counter.pending, stretches.touched) == (0, [])


def test_nothing_pending_is_a_stretch_with_the_last_number() -> None:
    """A flush that only moves the beat says up to where all is booked."""
    assert Stretches().take(9) == Stretch({}, 9)


def test_the_oldest_is_taken_first_and_comes_first_again() -> None:
    """A stretch that is not in is tried again before all others, with its own number."""
    stretches = Stretches()
    for number in range(CLOSE_AT):
        stretches.add(_key(number), 1)
    stretches.close(2000)
    stretches.add(ALICES_DAY, 1)
    first = stretches.take(2001)
    assert (len(first.sums), first.last) == (CLOSE_AT, 2000)
    stretches.give_back()
    assert stretches.take(2001) is first
    stretches.booked()
    assert stretches.take(2001) == Stretch({ALICES_DAY: 1}, 2001)


def test_small_stretches_are_joined() -> None:
    """A long outage with few senders stays one transaction, with the later number."""
    stretches = Stretches()
    for last in (1, 2, 3):
        stretches.add(ALICES_DAY, 1)
        stretches.close(last)
    assert not stretches.more_than_one
    assert stretches.take(3) == Stretch({ALICES_DAY: 3}, 3)


def test_a_stretch_in_flight_is_not_joined_to() -> None:
    """What a transaction carries does not change any more."""
    stretches = Stretches()
    stretches.add(ALICES_DAY, 1)
    flight = stretches.take(1)
    stretches.add(ALICES_DAY, 1)
    stretches.close(2)
    assert flight == Stretch({ALICES_DAY: 1}, 1)
    stretches.give_back()
    assert stretches.more_than_one


def test_what_comes_and_goes_leaves_nothing() -> None:
    """A counter whose sum is nothing stands twice in touched and once in no stretch."""
    stretches = Stretches()
    counter = Counters(stretches).get(ALICES_DAY)
    for amount in (1, -1):
        counter.pending += amount
        stretches.touched.append(counter)
    assert stretches.take(2) == Stretch({}, 2)


@pytest.mark.parametrize(("in_flight", "since"), [(False, 4), (True, 3)])
def test_what_came_since_the_flush_in_flight(*, in_flight: bool, since: int) -> None:
    """Memory is the returned number and what came since; before a flush all is pending."""
    stretches = Stretches()
    stretches.add(ALICES_DAY, 1)
    if in_flight:
        stretches.take(1)
    else:
        stretches.close(1)
    stretches.add(ALICES_DAY, 2)
    stretches.close(2)
    stretches.add(ALICES_DAY, 1)
    assert stretches.since(ALICES_DAY) == since
    assert stretches.pending(ALICES_DAY) == 4
    assert stretches.since(_BOBS_DAY) == 0


def _charged(stretches: Stretches, counters: Counters, key: CounterKey, used: int) -> None:
    counter = counters.get(key)
    counter.used, counter.known = used, True
    counter.pending += 1
    stretches.touched.append(counter)


def test_what_the_database_should_have() -> None:
    """Of each counter that is known what is used of it when the stretch ends; of joined ones the last."""
    stretches = Stretches()
    counters = Counters(stretches)
    _charged(stretches, counters, ALICES_DAY, 5)
    stretches.add(_BOBS_DAY, 1)
    stretches.close(1)
    _charged(stretches, counters, ALICES_DAY, 6)
    _charged(stretches, counters, _key(1), 1)
    flight = stretches.take(2)
    assert flight.expected == {ALICES_DAY: 6, _key(1): 1}
    assert flight.sums == {ALICES_DAY: 2, _BOBS_DAY: 1, _key(1): 1}


def test_expecting_nothing() -> None:
    """Neither of what is in flight nor of what waits; the amounts stay."""
    stretches = Stretches()
    counters = Counters(stretches)
    _charged(stretches, counters, ALICES_DAY, 5)
    stretches.take(1)
    _charged(stretches, counters, ALICES_DAY, 6)
    stretches.close(2)
    stretches.expect_nothing()
    assert stretches.in_flight == Stretch({ALICES_DAY: 1}, 1)
    stretches.booked()
    assert stretches.take(2) == Stretch({ALICES_DAY: 1}, 2)
