"""Counters in memory: what absent means, what is loaded, forgotten, and follows the database."""

import pytest

from sendlimit.counting import counters as counters_module
from sendlimit.counting.counters import CLOCK_ALLOWANCE_S, OBJECTS_MAX, Counters
from sendlimit.counting.stretches import Stretches
from sendlimit.rules.limit import LATCH, CounterKey
from sendlimit.rules.window import Window
from support.counting_samples import ALICE, ALICES_DAY, BOB, DAILY, NOON, UTC, key_of, named

_BOBS_DAY = key_of(DAILY, BOB.mailbox)
_HOURLY = "mailbox.messages_per_hour"
_MORNING = NOON - 4 * 3600


class _Held:
    """Counters of a daemon that took the lease at a moment."""

    def __init__(
        self, since: int = NOON, names: tuple[str, ...] = (DAILY,), limit: int = 1000
    ) -> None:
        self.stretches = Stretches()
        self.counters = Counters(self.stretches, limit)
        self.names = [named(name) for name in names]
        self.counters.forget(0)
        self.counters.begin(since)

    def run(self, at: int) -> None:
        periods = {name: UTC.period(name.window, at) for name in self.names}
        self.counters.run(periods, 0)

    def load(self, **used: int) -> None:
        while loading := self.counters.next_chunk():
            rows = sorted((f"{name}@example.org", amount) for name, amount in used.items())
            self.counters.load(loading, rows, more=False)


def test_absent_is_not_known_before_the_period_was_read() -> None:
    """The lease was just taken: others have counted in this period."""
    held = _Held()
    held.run(NOON)
    assert not held.counters.get(ALICES_DAY).known


def test_absent_is_nothing_once_the_period_was_read_whole() -> None:
    """What has a row is that, what has none is 0; a counter that waited for it, too."""
    held = _Held()
    held.run(NOON)
    waited = held.counters.get(key_of(DAILY, "carol@example.org"))
    held.load(alice=5)
    assert waited.known
    for key, used in [(ALICES_DAY, 5), (_BOBS_DAY, 0)]:
        counter = held.counters.get(key)
        assert (counter.used, counter.known) == (used, True)


def test_a_chunk_continues_after_the_last_subject() -> None:
    """Loading goes on where it was, and completes with the chunk that is the last."""
    held = _Held()
    held.run(NOON)
    first = held.counters.next_chunk()
    assert first is not None
    assert first.after is None
    held.counters.load(first, [(ALICE.mailbox, 5)], more=True)
    second = held.counters.next_chunk()
    assert second is not None
    assert (second.name, second.after) == (named(DAILY), ALICE.mailbox)
    held.counters.load(second, [(BOB.mailbox, 6)], more=False)
    assert held.counters.next_chunk() is None
    assert (held.counters.get(ALICES_DAY).used, held.counters.get(_BOBS_DAY).used) == (5, 6)


def test_a_chunk_fills_only_what_is_absent() -> None:
    """What memory knows is newer than what was read beside it; what is pending is added."""
    held = _Held()
    held.run(NOON)
    held.counters.follow(ALICES_DAY, 7)
    unknown = held.counters.get(_BOBS_DAY)
    held.counters.add(_BOBS_DAY, 2)
    held.load(alice=5, bob=10)
    assert held.counters.get(ALICES_DAY).used == 7
    assert (unknown.used, unknown.known) == (12, True)


def test_a_chunk_changes_nothing_that_was_known() -> None:
    """What is expected of pending counters stays expected; a number that was changed by SQL ends that."""
    held = _Held()
    held.run(NOON)
    held.counters.follow(ALICES_DAY, 7)
    held.counters.add(ALICES_DAY, 1)
    held.stretches.close(1)
    held.load(alice=7, bob=10)
    assert held.stretches.take(1).expected == {ALICES_DAY: 8}
    held.counters.follow(_BOBS_DAY, 11)
    assert held.stretches.in_flight is not None
    assert held.stretches.in_flight.expected == {}


def test_a_chunk_of_an_earlier_lease_is_dropped() -> None:
    """The lease was lost and taken again while it was read: others may have counted."""
    held = _Held()
    held.run(NOON)
    loading = held.counters.next_chunk()
    assert loading is not None
    held.counters.forget(0)
    held.counters.begin(NOON)
    held.run(NOON)
    held.counters.load(loading, [(ALICE.mailbox, 5)], more=False)
    assert not held.counters.get(ALICES_DAY).known


def test_memory_follows_the_database_and_what_came_since() -> None:
    """A flush returns what the counters are with its own stretch; later amounts are on top."""
    held = _Held()
    held.run(NOON)
    counter = held.counters.get(ALICES_DAY)
    held.counters.add(ALICES_DAY, 1)
    held.stretches.take(1)
    held.counters.add(ALICES_DAY, 2)
    held.counters.follow(ALICES_DAY, 41)
    assert (counter.used, counter.known) == (43, True)


def test_a_new_period_is_complete_when_the_one_before_was() -> None:
    """Midnight: the new day starts at 0 at once, without asking."""
    held = _Held(since=_MORNING)
    held.run(NOON)
    held.load(alice=5)
    tomorrow = NOON + 86_400
    held.run(tomorrow)
    assert held.counters.next_chunk() is None
    counter = held.counters.get(key_of(DAILY, ALICE.mailbox, tomorrow))
    assert (counter.used, counter.known) == (0, True)


def test_a_new_period_is_not_complete_when_the_one_before_was_not() -> None:
    """What was never read whole says nothing."""
    held = _Held(since=_MORNING)
    held.run(NOON)
    held.run(NOON + 86_400)
    assert held.counters.next_chunk() is not None


@pytest.mark.parametrize(("taken_before", "complete"), [(0, False), (1, True)])
def test_a_period_that_began_soon_after_the_taking_has_to_be_read(
    *, taken_before: int, complete: bool
) -> None:
    """A daemon whose clock is a minute ahead may have counted in it before it stopped."""
    hour = UTC.period(Window.HOUR, NOON).end
    held = _Held(since=hour - CLOCK_ALLOWANCE_S - taken_before, names=(_HOURLY,))
    held.run(hour - 1)
    held.load(alice=5)
    held.run(hour)
    assert (held.counters.next_chunk() is None) == complete


def test_a_period_that_comes_again_has_to_be_read() -> None:
    """The clock was put back over midnight: yesterday's counters are forgotten, not 0."""
    held = _Held(since=_MORNING)
    held.run(NOON)
    held.load(alice=5)
    held.run(NOON + 86_400)
    held.run(NOON)
    assert held.counters.next_chunk() is not None
    assert not held.counters.get(ALICES_DAY).known


def test_a_period_that_was_ahead_has_to_be_read() -> None:
    """The clock was a day ahead for a while: what was counted tomorrow is forgotten, not 0."""
    held = _Held(since=_MORNING)
    for at in (NOON, NOON + 86_400, NOON):
        held.run(at)
        held.load(alice=5)
    held.run(NOON + 86_400)
    assert held.counters.next_chunk() is not None
    held.load(alice=5)
    held.run(NOON + 2 * 86_400)
    assert held.counters.next_chunk() is None


def test_a_finished_period_is_forgotten() -> None:
    """A mail whose moment was read before its end is asked about."""
    held = _Held(since=_MORNING, names=(_HOURLY,))
    held.run(NOON)
    held.load(alice=5)
    key = key_of(_HOURLY, ALICE.mailbox, NOON)
    held.counters.get(key)
    held.run(NOON + 3600)
    assert not held.counters.get(key).known
    assert len(held.counters) == 1


def test_a_finished_period_keeps_what_is_pending() -> None:
    """Its amounts are still booked, by key."""
    held = _Held(since=_MORNING)
    held.run(NOON)
    held.load(alice=5)
    held.counters.add(ALICES_DAY, 3)
    held.run(NOON + 86_400)
    assert held.stretches.take(1).sums == {ALICES_DAY: 3}


def test_a_name_that_is_limited_from_now_on_has_to_be_read() -> None:
    """Completeness is said of a name's period: another name of the same day was not loaded."""
    held = _Held(since=_MORNING)
    held.run(NOON)
    held.load()
    held.names.append(named("mailbox.recipients_per_day"))
    held.run(NOON)
    assert held.counters.get(ALICES_DAY).known
    loading = held.counters.next_chunk()
    assert loading is not None
    assert loading.name == named("mailbox.recipients_per_day")


def test_above_the_cap_all_is_forgotten_and_nothing_is_complete() -> None:
    """An absent counter is asked for again; what is pending stays, loading gives up."""
    held = _Held(limit=10)
    held.run(NOON)
    held.load()
    assert held.counters.get(_BOBS_DAY).known
    held.counters.add(_BOBS_DAY, 2)
    for number in range(10):
        held.counters.get(_day_of(number))
    assert held.counters.crowded
    held.counters.tidy(NOON, 0)
    assert len(held.counters) == 0
    assert held.counters.next_chunk() is None
    counter = held.counters.get(_BOBS_DAY)
    assert (counter.used, counter.known) == (2, False)
    assert held.stretches.take(1).sums == {_BOBS_DAY: 2}


def test_many_objects_are_tidied_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mail waits for one portion; the next call goes on, and what was counted stays."""
    monkeypatch.setattr(counters_module, "OBJECTS_MAX", 10)
    monkeypatch.setattr(counters_module, "TIDIED_AT_ONCE", 10)
    held = _Held(names=(DAILY,))
    held.run(NOON)
    held.load()
    for number in range(25):
        held.counters.get(_day_of(number)).used = number
    calls = 0
    while held.counters.crowded or not calls:
        held.counters.tidy(NOON, 0)
        calls += 1

    assert calls == 2
    assert len(held.counters) == 25
    assert [held.counters.get(_day_of(number)).used for number in range(25)] == [*range(25)]


def test_loading_ends_before_the_cap() -> None:
    """A database with more senders than fit stays in loading until the next period."""
    held = _Held(limit=10)
    held.run(NOON)
    held.load(**{f"u{number}": 1 for number in range(10)})
    assert held.counters.next_chunk() is None
    assert not held.counters.get(_BOBS_DAY).known
    assert held.counters.get(key_of(DAILY, "u3@example.org")).used == 1


def test_objects_become_numbers_again() -> None:
    """Counters without a plan keep their value, their knowledge and what is pending."""
    held = _Held(limit=10**6)
    held.run(NOON)
    held.load(alice=5)
    held.counters.get(ALICES_DAY)
    held.counters.add(ALICES_DAY, 1)
    for number in range(OBJECTS_MAX):
        held.counters.get(_day_of(number))
    assert held.counters.crowded
    before = len(held.counters)
    held.counters.tidy(NOON, 0)
    assert not held.counters.crowded
    assert len(held.counters) == before
    counter = held.counters.get(ALICES_DAY)
    assert (counter.used, counter.known, counter.pending) == (6, True, 0)
    assert held.stretches.take(1).sums == {ALICES_DAY: 1}


def test_counters_that_are_not_known_stay_objects_without_being_sorted_out_each_time() -> None:
    """In a long outage nothing is known: making space does not begin anew with each mail."""
    held = _Held(limit=10**6)
    for number in range(OBJECTS_MAX + 1):
        held.counters.get(_day_of(number))
    held.counters.tidy(NOON, 0)
    assert not held.counters.crowded
    assert not held.counters.get(_day_of(0)).known


def test_what_is_not_in_memory_is_counted_by_key() -> None:
    """A release of a forgotten counter is pending, and found when the counter comes back."""
    held = _Held()
    held.counters.add(ALICES_DAY, -1)
    assert held.stretches.since(ALICES_DAY) == -1
    assert held.counters.get(ALICES_DAY).used == -1


def test_the_latch_is_not_followed() -> None:
    """It has no limit: its number is of no use in memory."""
    held = _Held()
    held.counters.follow(LATCH, 10)
    assert len(held.counters) == 0


def test_counters_of_a_subject() -> None:
    """What a change of a mailbox makes stale: its own counters in memory, of all names."""
    held = _Held(names=(DAILY, _HOURLY))
    held.run(NOON)
    held.counters.follow(ALICES_DAY, 1)
    hour = key_of(_HOURLY, ALICE.mailbox)
    held.counters.get(hour)
    held.counters.get(_BOBS_DAY)
    assert sorted(held.counters.of_subjects([ALICE.mailbox])) == sorted([ALICES_DAY, hour])


def _day_of(number: int) -> CounterKey:
    return key_of(DAILY, f"u{number}@example.org")
