"""What doctor reads in the database."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sendlimit.store.connection import Connection, open_connection
from sendlimit.store.health import (
    ahead_s,
    last_activity,
    messages_of_all_days,
    published_limits,
    round_trip_s,
    was_refused,
)
from sendlimit.store.location import SQLiteLocation
from sendlimit.store.migrations import upgrade
from sendlimit.store.sqltime import to_sql
from support.counting_samples import moment

NOW = moment("2026-11-22 12:30", "Europe/Berlin")
TODAY = moment("2026-11-22 00:00", "Europe/Berlin")
DAY_S = 86400
_REFUSAL = (
    "INSERT INTO er_refusal (scope, subject, unit, `window`, period_start, `limit`, first_at,"
    " last_at, attempts, last_mailbox) VALUES (%s, %s, 'messages', 'day', %s, 1, %s, %s, 1, %s)"
)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    """Empty tables."""
    location = SQLiteLocation(str(tmp_path / "sendlimit.db"))
    opened = open_connection(location)
    upgrade(opened, location)
    yield opened
    opened.close()


def test_round_trip(connection: Connection) -> None:
    """SQLite's file is not slow."""
    assert 0 < round_trip_s(connection) < 1


def test_ahead(connection: Connection) -> None:
    """The database's clock is read in UTC, whatever the zone of this host is."""
    assert abs(ahead_s(connection, lambda: time.time() - 100) - 100) <= 1


def test_published_limits(connection: Connection) -> None:
    """They are read as they were written."""
    row = ("*", "global", "messages", "day", 999, 0)
    connection.execute(
        "INSERT INTO er_file_limit (subject, scope, unit, `window`, max, is_learned)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        row,
    )

    assert published_limits(connection) == [row]


def test_last_activity(connection: Connection) -> None:
    """The tables tell of days with mail, batches and refusals; what was given back is no mail."""
    assert last_activity(connection) == (None, None, None)
    day = "INSERT INTO er_counter VALUES ('global', '*', 'messages', 'day', %s, %s)"
    connection.execute(day, (to_sql(TODAY - DAY_S), 7))
    connection.execute(day, (to_sql(TODAY), 0))
    committer = "INSERT INTO er_committer (id, batch, last_at) VALUES (%s, %s, %s)"
    connection.execute(committer, ("counted", 5, to_sql(NOW - 60)))
    connection.execute(committer, ("only looked", 0, to_sql(NOW)))
    times = (to_sql(TODAY), to_sql(NOW - 90), to_sql(NOW - 30))
    connection.execute(_REFUSAL, ("global", "*", *times, ""))

    assert last_activity(connection) == (TODAY - DAY_S, NOW - 60, NOW - 30)


def test_messages_of_all_days(connection: Connection) -> None:
    """The days of one mailbox are added up; nothing is 0."""
    row = "INSERT INTO er_counter VALUES ('mailbox', %s, 'messages', 'day', %s, %s)"
    for mailbox, day, used in (("a@x", TODAY, 2), ("a@x", TODAY - DAY_S, 3), ("b@x", TODAY, 9)):
        connection.execute(row, (mailbox, to_sql(day), used))

    assert messages_of_all_days(connection, "a@x") == 5
    assert messages_of_all_days(connection, "c@x") == 0


def test_was_refused(connection: Connection) -> None:
    """A refusal counts from the moment on, by any limit, for the mailbox that sent."""
    connection.execute(_REFUSAL, ("global", "*", to_sql(TODAY), to_sql(NOW), to_sql(NOW), "a@x"))

    assert was_refused(connection, "a@x", NOW)
    assert not was_refused(connection, "a@x", NOW + 1)
    assert not was_refused(connection, "b@x", NOW)
