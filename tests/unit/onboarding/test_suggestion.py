"""Suggestions from the counters of a SQLite store."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sendlimit.onboarding.suggestion import (
    ExceedingSubject,
    Suggestion,
    suggest_limits,
    time_to_evaluate,
)
from sendlimit.rules.limit import CounterKey, Scope, Setting, Unit
from sendlimit.rules.window import Window
from sendlimit.store.connection import Connection
from sendlimit.store.rows import key_params
from support.counting_samples import NOON, UTC, file_rules, named, setting
from support.real_stores import open_tables

A_DAY = named("mailbox.messages_per_day")
DAY_S = 86400


@pytest.fixture
def tables(tmp_path: Path) -> Iterator[Connection]:
    """Empty tables."""
    connection = open_tables(f"sqlite:///{tmp_path}/sendlimit.db")
    yield connection
    connection.close()


def count(tables: Connection, subject: str, used: int, days_ago: int = 1) -> None:
    """Write the counter of a mailbox for a day before today."""
    start = UTC.period(Window.DAY, NOON - days_ago * DAY_S).start
    key = CounterKey(Scope.MAILBOX, subject, Unit.MESSAGES, Window.DAY, start)
    tables.execute(
        "INSERT INTO er_counter (scope, subject, unit, `window`, period_start, used)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        (*key_params(key), used),
    )


def suggest(tables: Connection, *settings: Setting, at_limits: tuple[int, ...] = ()) -> Suggestion:
    """Suggest a limit of messages a day; there is one."""
    span = time_to_evaluate(A_DAY, None, UTC, NOON)
    found = suggest_limits(tables, span, UTC, file_rules(*settings), at_limits)
    assert found is not None
    return found


def test_default_time() -> None:
    """Days are looked back 30, months 365 days, unless told otherwise."""
    assert time_to_evaluate(A_DAY, None, UTC, NOON).since == NOON - 30 * DAY_S - DAY_S // 2
    assert time_to_evaluate(A_DAY, 2, UTC, NOON).since == NOON - 2 * DAY_S - DAY_S // 2
    monthly = A_DAY._replace(window=Window.MONTH)
    assert time_to_evaluate(monthly, None, UTC, NOON).since < NOON - 330 * DAY_S


def test_nothing_counted(tables: Connection) -> None:
    """Without a finished period with mail there is no suggestion; today is not finished."""
    count(tables, "a@example.org", 5, days_ago=0)
    assert (
        suggest_limits(tables, time_to_evaluate(A_DAY, None, UTC, NOON), UTC, file_rules()) is None
    )


def test_suggestion(tables: Connection) -> None:
    """The time begins with the first mail; the proposal and the limits asked for are tried."""
    count(tables, "a@example.org", 4, days_ago=3)
    count(tables, "a@example.org", 12)
    count(tables, "b@example.org", 8)

    found = suggest(tables, at_limits=(10, 5))

    assert (found.periods, found.periods_with_mail, found.mailboxes_refused) == (3, 2, 0)
    assert [(one.name, one.subjects, one.max, one.proposed) for one in found.statistics] == [
        (A_DAY, 2, 12, 15)
    ]
    assert [tuple(one) for one in found.trials] == [(5, 2, 2, 10), (10, 1, 1, 2), (15, 0, 0, 0)]
    assert found.exceeding == []


@pytest.mark.parametrize(
    ("own", "expected"),
    [(None, (None, None)), (950, (950, None)), (500, (500, 950))],
    ids=["unlimited", "enough", "too-low"],
)
def test_exceeding(tables: Connection, own: int | None, expected: tuple[int | None, ...]) -> None:
    """A mailbox above the proposal needs a limit, unless its own is high enough."""
    for number in range(100):
        count(tables, f"m{number}@example.org", 8)
    count(tables, "busy@example.org", 900)

    found = suggest(tables, setting("busy@example.org", str(A_DAY), own))

    assert found.exceeding == [ExceedingSubject(A_DAY, "busy@example.org", 900, 1, *expected)]


def test_limit_for_everyone_is_not_its_own(tables: Connection) -> None:
    """What is set for everyone does not count as a limit of the mailbox's own."""
    for number in range(100):
        count(tables, f"m{number}@example.org", 8)
    count(tables, "busy@example.org", 900)

    (found,) = suggest(tables, setting("*", str(A_DAY), 5000)).exceeding

    assert (found.own, found.proposed) == (None, 950)
