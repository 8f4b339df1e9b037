"""Rolling windows in memory: what other steps have used is known, and never too little (R19)."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendlimit.counting.counters import CLOCK_ALLOWANCE_S, Counters
from sendlimit.counting.lease import Lease
from sendlimit.counting.memory import Memory
from sendlimit.counting.stretches import Stretches
from sendlimit.rules.counting_settings import CountingSettings
from sendlimit.rules.decision import Request
from sendlimit.rules.limit import Charge, CounterKey, Setting
from sendlimit.rules.rolling import step_keys
from sendlimit.rules.window import Window
from support.counting_samples import (
    ALICE,
    ALICES_DAY,
    BOB,
    DAILY,
    NOON,
    UTC,
    file_rules,
    key_of,
    setting,
)
from support.doubles.records import ListedRecords

if TYPE_CHECKING:
    from sendlimit.counting.reservation import Reservation

_ROLLING = "domain.messages_per_rolling_hour"
_ROLLING_RECIPIENTS = "mailbox.recipients_per_rolling_day"
_LIMIT_OF_3 = setting("*", _ROLLING, 3)
_VALID = 1.0
_LONG_AGO = NOON - 8 * 86_400


def _step(minutes: int) -> CounterKey:
    return key_of(_ROLLING, "example.org", NOON + minutes * 60)


class _Sole:
    """A daemon that took the lease long ago, or at a moment, with steps in the database."""

    def __init__(
        self, *limits: Setting, since: int = _LONG_AGO, rows: dict[CounterKey, int] | None = None
    ) -> None:
        self.rows = rows or {}
        self.counters = Counters(stretches := Stretches())
        self.stretches = stretches
        self.lease = Lease("me")
        settings = CountingSettings(file_rules(*limits), UTC)
        self.memory = Memory(self.lease, settings, ListedRecords(), self.counters, stretches)
        self.lease.joined()
        self.lease.taken(0.0, 1, 0)
        self.memory.begin(since, ())
        self.memory.plans.look_at_clock(NOON)

    def load(self) -> list[int]:
        """Read all that is to be read; return the starts of what was read."""
        starts = []
        while loading := self.counters.next_chunk():
            name, start, *_ = loading
            starts.append(start)
            rows = [
                (key.subject, used)
                for key, used in self.rows.items()
                if (key.scope, key.unit, key.window, key.period_start) == (*name, start)
            ]
            self.counters.load(loading, rows, more=False)
        return starts

    def send(self, at: int = NOON) -> Reservation | None:
        """Ask memory for a mail of Alice's."""
        return self.memory.reserve(ALICE, at, _VALID)


def test_all_steps_are_read_after_the_lease_was_taken() -> None:
    """The running one first; until then the database is asked."""
    sole = _Sole(_LIMIT_OF_3, since=NOON, rows={_step(-60): 2})
    assert sole.send() is None
    starts = [start for start in sole.load() if start % 3600 == 0 or start > NOON - 3600]
    assert starts[0] in {NOON, NOON - 43_200}
    assert {NOON - 3600, NOON + 60} <= {*starts}
    assert [sole.send() is not None for _ in range(3)] == [True, False, False]


def test_known_steps_of_one_subject_are_enough() -> None:
    """A flush has returned them for its request; the rest is still to be read."""
    sole = _Sole(_LIMIT_OF_3, since=NOON)
    keys = {*sole.memory.keys_of(Request(ALICE, NOON))}
    assert sole.memory.steps_of(Request(ALICE, NOON)) == (_step(0),)
    sole.memory.follow(dict.fromkeys({*keys, *step_keys(_step(0))}, 0) | {_step(-1): 2})
    assert [sole.send() is not None for _ in range(2)] == [True, False]


def test_a_new_step_needs_no_reading() -> None:
    """What was granted a minute ago is in memory; what left the window makes room at once."""
    sole = _Sole(_LIMIT_OF_3)
    sole.load()
    assert all(sole.send() for _ in range(2))
    assert sole.send(NOON + 60)
    assert sole.counters.next_chunk() is None
    assert sole.send(NOON + 61 * 60 - 1) is None
    assert sole.send(NOON + 61 * 60)
    assert sole.counters.next_chunk() is None


def test_a_refusal_is_by_the_steps_of_its_moment() -> None:
    """Also where the plan was refused by those of an hour ago, and has gone on since."""
    sole = _Sole(_LIMIT_OF_3)
    sole.load()
    for hour in range(3):
        at = NOON + hour * 3660
        assert [sole.send(at) is not None for _ in range(4)] == [True, True, True, False]


def _pending(sole: _Sole) -> Counter[CounterKey]:
    sole.stretches.close(0)
    sums: Counter[CounterKey] = Counter()
    for stretch in sole.stretches.all(0):
        sums.update(stretch.sums)
    return sums


def test_a_late_mail_of_yesterday() -> None:
    """The next mail of its mailbox is counted today, in the new step and in the new day."""
    sole = _Sole(_LIMIT_OF_3, setting("*", DAILY, 2))
    sole.load()
    midnight = UTC.period(Window.DAY, NOON).end
    late = sole.send(midnight - 1)
    assert late is not None
    assert sole.memory.reserve(BOB, midnight, _VALID)
    minutes = (midnight - NOON) // 60 - 1
    sole.memory.follow({ALICES_DAY: 0} | dict.fromkeys(step_keys(_step(minutes)), 0))
    assert sole.send(midnight - 1)
    assert sole.send(midnight) is None, "all three are in the window"
    sole.memory.release(late, late.at)
    assert sole.send(midnight)
    days = {key: used for key, used in _pending(sole).items() if key.window is Window.DAY}
    assert days[ALICES_DAY] == days[ALICES_DAY._replace(period_start=midnight)] == 1


def test_a_clock_that_was_put_forward_and_back() -> None:
    """Today's counters were let go meanwhile: they have to be read before anything is granted."""
    sole = _Sole(_LIMIT_OF_3, setting("*", DAILY, 3))
    sole.load()
    assert sole.send()
    for at in (NOON + 86_400, NOON):
        sole.memory.plans.look_at_clock(at)
    assert sole.send() is None
    sole.rows = {ALICES_DAY: 1}
    sole.load()
    assert [sole.send() is not None for _ in range(2)] == [True, False]


def test_a_mail_is_given_back_to_its_step() -> None:
    """Also when its step is not the running one any more (R8)."""
    sole = _Sole(_LIMIT_OF_3)
    sole.load()
    reservations = [sole.send() for _ in range(3)]
    assert sole.send(NOON + 120) is None
    assert reservations[0] is not None
    sole.memory.release(reservations[0], NOON)
    assert sole.send(NOON + 120)
    sole.stretches.close(0)
    (stretch,) = sole.stretches.all(0)
    assert {key: used for key, used in stretch.sums.items() if key.window == "rolling_hour"} == {
        _step(0): 2,
        _step(2): 1,
    }


@pytest.mark.parametrize("how", ["booked", "added", "followed"])
def test_what_raises_an_earlier_step_is_seen(how: str) -> None:
    """A booking of an outage, charges of another batch, a row that was edited: by the next mail."""
    sole = _Sole(_LIMIT_OF_3)
    sole.load()
    assert sole.send(NOON + 600)
    if how == "booked":
        sole.memory.book(Request(BOB, NOON + 570))
        sole.memory.book(Request(BOB, NOON + 570))
    elif how == "added":
        sole.memory.add([Charge(_step(1), 2)], NOON + 600)
    else:
        sole.memory.follow({_step(1): 2})
    assert sole.send(NOON + 600) is None


def test_a_late_mail_is_seen_by_those_of_the_new_step() -> None:
    """A callback read the clock before the minute ended, and comes to the memory after another."""
    sole = _Sole(_LIMIT_OF_3)
    sole.load()
    assert sole.send(NOON + 60)
    assert sole.memory.reserve(BOB, NOON + 60, _VALID)
    sole.memory.follow(dict.fromkeys(step_keys(_step(0)), 0))
    assert sole.send(NOON + 59)
    assert sole.send(NOON + 60) is None
    assert sole.memory.reserve(BOB, NOON + 59, _VALID) is None


def test_recipients_at_the_end() -> None:
    """All or none, by what the window leaves."""
    sole = _Sole(setting("*", _ROLLING_RECIPIENTS, 5))
    sole.load()
    assert sole.memory.settle(Request(ALICE, NOON, 3), _VALID)
    assert sole.memory.settle(Request(ALICE, NOON + 3600, 3), _VALID) is None
    assert sole.memory.settle(Request(ALICE, NOON + 3600, 2), _VALID)
    assert sole.memory.settle(Request(ALICE, NOON + 25 * 3600, 3), _VALID)


def test_metered_by_what_is_known() -> None:
    """While the database is away the limit holds on; unknown steps count what this daemon has seen."""
    sole = _Sole(_LIMIT_OF_3, since=NOON)
    sole.memory.add([Charge(_step(-5), 1)], NOON)
    decisions = [sole.memory.meter(Request(ALICE, NOON + 60)).decision for _ in range(3)]
    assert [decision and decision.refused for decision in decisions] == [False, False, True]


def test_without_a_rolling_limit_nothing_is_looked_at() -> None:
    """Plans have no windows, periods no further steps."""
    sole = _Sole(setting("*", "mailbox.messages_per_day", 3))
    sole.load()
    assert sole.send()
    assert sole.memory.steps_of(Request(ALICE, NOON)) == ()


_SENDERS = {"alice": ALICE, "bob": BOB}
_DO = st.one_of(
    st.tuples(
        st.just("send"), st.sampled_from(["alice", "bob"]), st.integers(0, CLOCK_ALLOWANCE_S)
    ),
    st.tuples(st.just("release"), st.just(""), st.integers(0, 50)),
    st.tuples(
        st.just("book"), st.sampled_from(["alice", "bob"]), st.integers(0, CLOCK_ALLOWANCE_S)
    ),
    st.tuples(
        st.just("wait"), st.just(""), st.sampled_from([1, 30, 60, 61, 600, 3599, 3600, 7200])
    ),
    st.tuples(st.just("flush"), st.just(""), st.just(0)),
)


@pytest.mark.parametrize("scope", ["domain", "mailbox"])
@given(todo=st.lists(_DO, max_size=60))
def test_exactly_the_limit(scope: str, todo: list[tuple[str, str, int]]) -> None:
    """Mails, some of them late, releases, bookings, flushes: what has room is granted, and nothing else."""
    name = f"{scope}.messages_per_rolling_hour"
    sole = _Sole(setting("*", name, 3))
    sole.load()
    model: Counter[CounterKey] = Counter()
    reservations: list[Reservation] = []
    now = NOON + CLOCK_ALLOWANCE_S
    for what, who, number in todo:
        sender = _SENDERS[who or "alice"]
        subject = "example.org" if scope == "domain" else sender.mailbox
        key = key_of(name, subject, now - number)
        if what == "wait":
            now += number
        elif what == "send":
            has_room = sum(model[step] for step in step_keys(key)) < 3
            reservation = sole.memory.reserve(sender, now - number, _VALID)
            if reservation is None:
                assert not has_room or number > 0, "of what is late, the database may be asked"
            else:
                assert has_room
                model[key] += 1
                reservations.append(reservation)
        elif what == "release" and reservations:
            reservation = reservations.pop(number % len(reservations))
            (charged,) = [c.key for c in reservation.charges if c.key.window == "rolling_hour"]
            model[charged] -= 1
            sole.memory.release(reservation, reservation.at)
        elif what == "book":
            sole.memory.book(Request(sender, now - number))
            model[key] += 1
        elif what == "flush":
            stretch = sole.stretches.take(0)
            for one, amount in stretch.sums.items():
                sole.rows[one] = sole.rows.get(one, 0) + amount
            sole.memory.plans.look_at_clock(now)
            sole.memory.follow({one: sole.rows[one] for one in stretch.sums})
            sole.stretches.booked()
            sole.load()
