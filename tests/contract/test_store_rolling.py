"""What every store gives of rolling windows: all steps, read behind the latch (R19)."""

from dataclasses import replace

import pytest

from sendlimit.rules.limit import LATCH, CounterKey, Scope
from sendlimit.rules.rolling import step_keys
from sendlimit.store import Flush, Store, Writing
from sendlimit.store.changes import Author
from sendlimit.store.connection import Connection
from sendlimit.store.usage import (
    remove_finished,
    reset,
    running_keys,
    top,
    usage,
    used_at_least,
)
from support.counting_samples import ALICE, ALICES_DAY, BOB, NOON, UTC, key_of, named
from support.real_stores import add, insert_counter, used

_ROLLING = "mailbox.messages_per_rolling_day"
_HOURLY = "mailbox.messages_per_rolling_hour"
_HOUR, _DAY = 3600, 86_400
_RUNNING = key_of(_ROLLING, ALICE.mailbox)


def _step(hours: int, subject: str = ALICE.mailbox) -> CounterKey:
    return key_of(_ROLLING, subject, NOON + hours * _HOUR)


@pytest.fixture
def steps(tables: Connection) -> dict[CounterKey, int]:
    """Steps of Alice's in the table, from the first that has left the window to one of a later clock."""
    insert_counter(tables, _step(-25), 100)
    insert_counter(tables, _step(2), 100)
    insert_counter(tables, _step(-2, BOB.mailbox), 7)
    counted = {_step(-24): 3, _step(-23): 1, _step(-2): 4, _step(0): 5, _step(1): 2}
    for key, amount in counted.items():
        insert_counter(tables, key, amount)
    return counted


def test_packet_1_loads_the_steps(store: Store, steps: dict[CounterKey, int]) -> None:
    """As they were before the batch, which adds to the running one and to an earlier one."""
    additions = {LATCH: 1, _RUNNING: 1, _step(-2): 2, ALICES_DAY: 1}
    loaded = store.begin(
        additions, ["*", ALICE.mailbox], [_RUNNING, key_of(_HOURLY, ALICE.mailbox)]
    )
    usage = {key: amount for key, amount in loaded.usage.items() if amount}
    assert usage == steps
    assert loaded.usage.keys() >= {LATCH, ALICES_DAY, *step_keys(_RUNNING)}
    store.write(Writing("me", 1, corrections={_RUNNING: -1}))
    assert used(store, [_RUNNING, _step(-2)]) == {_RUNNING: 5, _step(-2): 6}


def test_no_steps_cost_nothing(store: Store) -> None:
    """Without a rolling limit packet 1 is what it was."""
    assert add(store, {ALICES_DAY: 1}).usage == {LATCH: 0, ALICES_DAY: 0}


def test_a_flush_returns_the_steps(store: Store, steps: dict[CounterKey, int]) -> None:
    """With what it adds, 0 where there is no row; and it makes none."""
    store.begin({LATCH: 0}, ())
    store.write(Writing("me", 1, holder="me"))
    flush = Flush("me", batch=2, journal=0, fences=0, beat=1)
    flushed = store.flush(
        replace(flush, additions={LATCH: 1, _RUNNING: 1}, read=[ALICES_DAY], steps=[_RUNNING])
    )
    expected = dict.fromkeys(step_keys(_RUNNING), 0) | steps | {_RUNNING: 6, ALICES_DAY: 0}
    assert flushed.usage == expected
    assert used(store, [_step(-24)]) == {_step(-24): 3}


# the commands


def test_usage_of_a_running_step_is_that_of_its_window(
    tables: Connection, steps: dict[CounterKey, int]
) -> None:
    """`show` and the API sum it up; other counters are read beside it."""
    insert_counter(tables, ALICES_DAY, 9)
    assert usage(tables, [_RUNNING, ALICES_DAY]) == {**steps, ALICES_DAY: 9}


@pytest.mark.usefixtures("steps")
def test_who_has_used_most(tables: Connection) -> None:
    """The sum of the steps, not one of them."""
    name = named(_ROLLING)
    assert top(tables, name, NOON, 5) == [(ALICE.mailbox, 15), (BOB.mailbox, 7)]
    assert top(tables, name, NOON, 1) == [(ALICE.mailbox, 15)]
    assert used_at_least(tables, name, NOON, 8) == [(ALICE.mailbox, 15)]


@pytest.mark.usefixtures("steps")
def test_a_reset_takes_all_steps(tables: Connection) -> None:
    """Those of the window that runs; what has left it stays."""
    made = reset(
        tables,
        running_keys(Scope.MAILBOX, ALICE.mailbox, UTC, NOON),
        Author("root", "command", NOON),
    )
    assert sum(made.result.values()) == 15
    assert usage(tables, [_RUNNING]) == dict.fromkeys(made.result, 0)
    assert usage(tables, [_step(-2, BOB.mailbox)]) == {_step(-2, BOB.mailbox): 7}


@pytest.mark.usefixtures("steps")
def test_purge_removes_steps_a_day_after_they_have_left(tables: Connection) -> None:
    """However long the history is kept: they are none."""
    earlier = NOON - 90 * _DAY
    assert remove_finished(tables, UTC, earlier, lambda _: None, NOON) == 0
    assert remove_finished(tables, UTC, earlier, lambda _: None, NOON + _DAY) == 1
    assert remove_finished(tables, UTC, earlier, lambda _: None, NOON + 4 * _DAY) == 7
