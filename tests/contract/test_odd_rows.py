"""A row of one subject is odd: all others are counted and limited as ever, in SQLite's file."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sendlimit.rules.limit import LATCH
from sendlimit.store.changes import Author
from sendlimit.store.connection import Connection, open_connection
from sendlimit.store.episodes import episodes_since, last_episodes
from sendlimit.store.history import Span, counts
from sendlimit.store.location import SQLiteLocation
from sendlimit.store.overrides import overrides, unreadable_overrides, unset_override
from sendlimit.store.sqlite import SQLiteStore
from sendlimit.store.usage import remove_finished, top, usage
from support.counting_samples import ALICE, BOB, NOON, UTC, key_of, named

if TYPE_CHECKING:
    from sendlimit.store.unreadable import UnreadableRow

_ROOT = Author("root", "command", NOON)
_DAY = "mailbox.messages_per_day"
_ALICES, _BOBS = key_of(_DAY, ALICE.mailbox), key_of(_DAY, BOB.mailbox)
_BOBS_LIMIT = f"('{BOB.mailbox}', 'mailbox', 'messages', 'day', 7, NULL)"
_LIMIT = 'INSERT INTO er_limit (subject, scope, unit, "window", max, valid_until) VALUES '
_COUNTER = 'INSERT INTO er_counter (scope, subject, unit, "window", period_start, used) VALUES '
_REFUSAL = (
    'INSERT INTO er_refusal (scope, subject, unit, "window", period_start, "limit", first_at, last_at,'
    " attempts) VALUES "
)


class Tables:
    """A file with tables that another program writes to, past all checks.

    Attributes:
        store: the ledger's.
        connection: a command's.
        reported: rows that the ledger's store could not read.
    """

    def __init__(self, file: Path) -> None:
        location = SQLiteLocation(str(file))
        self.reported: list[UnreadableRow] = []
        self.store = SQLiteStore(location, self.reported.append)
        self.store.connect()
        self.connection: Connection = open_connection(location)
        self._file = file

    def write(self, statement: str) -> None:
        """Run a statement without the tables' checks."""
        with closing(sqlite3.connect(self._file)) as other, other:
            other.execute("PRAGMA ignore_check_constraints = ON")
            other.execute(statement)


@pytest.fixture
def tables(tmp_path: Path) -> Iterator[Tables]:
    """Tables with a limit of 7 for Bob."""
    tables = Tables(tmp_path / "s.db")
    tables.write(_LIMIT + _BOBS_LIMIT)
    yield tables
    tables.connection.close()
    tables.store.close()


ODD_LIMITS = [
    pytest.param("('{alice}', 'mailbox', 'messages', 'day', 5, '2036-11-27T18:00')", id="ISO moment"),
    pytest.param("('{alice}', 'mailbox', 'messages', 'day', 5, 'soon')", id="no moment"),
    pytest.param("('{alice}', 'mailbox', 'messages', 'day', 5, 17)", id="a number as moment"),
    pytest.param("('{alice}', 'mailbox', 'messages', 'day', 5, x'00ff')", id="octets as moment"),
    pytest.param("('{alice}', 'mailbox', 'messages', 'day', 'many', NULL)", id="a word as limit"),
    pytest.param("('{alice}', 'mailbox', 'messages', 'day', -1, NULL)", id="negative limit"),
    pytest.param("('{alice}', 'mailbox', 'messages', 'day', 1.5, NULL)", id="half a mail"),
    pytest.param("('{alice}', 'mailbox', 'messages', 'fortnight', 5, NULL)", id="window of another release"),
    pytest.param("('{alice}', 'mailbox', 'bytes', 'day', 5, NULL)", id="unit of another release"),
    pytest.param("('{alice}', 'team', 'messages', 'day', 5, NULL)", id="scope of another release"),
]  # fmt: skip


@pytest.mark.parametrize("row", ODD_LIMITS)
def test_odd_limit(tables: Tables, row: str) -> None:
    """Bob's limit is found by batch, flush, commands and doctor; the odd row is named, and can go."""
    tables.write(_LIMIT + row.format(alice=ALICE.mailbox))

    loaded = tables.store.begin({LATCH: 0, _BOBS: 0}, [ALICE.mailbox, BOB.mailbox])
    tables.store.rollback()

    assert [setting.max for setting in loaded.settings] == [7]
    assert [setting.max for setting in tables.store.limits()] == [7]
    assert {row.key.split()[0] for row in tables.reported} == {ALICE.mailbox}
    assert tables.store.names_in_force(NOON) == {named(_DAY)}
    assert [row.setting.max for row in overrides(tables.connection)] == [7]
    assert len(unreadable_overrides(tables.connection)) == 1


@pytest.mark.parametrize("until", ["'2036-11-27T18:00'", "'soon'"])
def test_odd_limit_is_unset(tables: Tables, until: str) -> None:
    """'limit unset' removes a row that can't be read."""
    tables.write(_LIMIT + f"('{ALICE.mailbox}', 'mailbox', 'messages', 'day', 5, {until})")

    unset_override(tables.connection, ALICE.mailbox, named(_DAY), _ROOT, is_boost=True)

    assert unreadable_overrides(tables.connection) == []
    assert len(overrides(tables.connection)) == 1


@pytest.mark.parametrize("used", ["'many'", "1.5", "x'00ff'", "''"])
def test_odd_counter(tables: Tables, used: str) -> None:
    """A counter that is no number counts as 0; Bob's is read, by ledger and commands."""
    for subject, value in ((ALICE.mailbox, used), (BOB.mailbox, "3")):
        tables.write(
            _COUNTER
            + f"('mailbox', '{subject}', 'messages', 'day', '2026-11-22 00:00:00', {value})"
        )

    assert tables.store.usage([_ALICES, _BOBS]) == {_ALICES: 0, _BOBS: 3}
    assert dict(tables.store.counters(named(_DAY), _BOBS.period_start, None, 10)) == {
        ALICE.mailbox: 0,
        BOB.mailbox: 3,
    }
    assert usage(tables.connection, [_ALICES, _BOBS]) == {_BOBS: 3}
    assert (BOB.mailbox, 3) in top(tables.connection, named(_DAY), _BOBS.period_start, 10)


@pytest.mark.parametrize("start", ["'yesterday'", "''", "x'00'"])
def test_odd_period(tables: Tables, start: str) -> None:
    """A counter of no period hinders neither history nor purge, which removes it."""
    tables.write(_COUNTER + f"('mailbox', '{BOB.mailbox}', 'messages', 'day', {start}, 3)")
    tables.write(
        _COUNTER + f"('mailbox', '{BOB.mailbox}', 'messages', 'day', '2020-01-01 00:00:00', 4)"
    )
    span = Span(named(_DAY), 0, NOON)

    assert [count for _, count in counts(tables.connection, span, BOB.mailbox)] == [4]
    assert remove_finished(tables.connection, UTC, NOON, lambda _: None) >= 1
    assert counts(tables.connection, span, BOB.mailbox) == []


@pytest.mark.parametrize(
    "values",
    [
        "'2026-11-22 00:00:00', 3, 'early', '2026-11-22 10:00:00', 1",
        "'2026-11-22 00:00:00', 3, '2026-11-22 10:00:00', '2036-99-99 10:00:00', 1",
        "'2026-11-22 00:00:00', 'three', '2026-11-22 10:00:00', '2036-11-22 10:00:00', 1",
        "'2026-11-22 00:00:00', 3, '2026-11-22 10:00:00', '2036-11-22 10:00:00', 'often'",
        "'once', 3, '2026-11-22 10:00:00', '2036-11-22 10:00:00', 1",
    ],
)
def test_odd_refusal(tables: Tables, values: str) -> None:
    """An episode that can't be read hides no other."""
    tables.write(_REFUSAL + f"('mailbox', '{ALICE.mailbox}', 'messages', 'day', {values})")
    good = "'2026-11-22 00:00:00', 3, '2026-11-22 10:00:00', '2026-11-22 10:00:00', 1"
    tables.write(_REFUSAL + f"('mailbox', '{BOB.mailbox}', 'messages', 'day', {good})")

    assert [each.key.subject for each in episodes_since(tables.connection, 0)] == [BOB.mailbox]
    assert last_episodes(tables.connection, [(named(_DAY), ALICE.mailbox)]) == {}
