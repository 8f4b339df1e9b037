"""A row of one subject is odd: all others are counted and limited as ever, in SQLite's file."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sendlimit.rules.limit import LATCH, Scope
from sendlimit.store.changes import Author, recorded_changes
from sendlimit.store.connection import Connection, open_connection
from sendlimit.store.episodes import (
    episodes_since,
    last_episodes,
    latest_episode,
    move_episodes,
)
from sendlimit.store.findings import KeptFinding, keep_findings, read_findings
from sendlimit.store.health import last_activity
from sendlimit.store.history import Span, amounts, beginning, busiest, counts
from sendlimit.store.hours import hours_seen
from sendlimit.store.learned import Span as LearnSpan
from sendlimit.store.learned import counts_by_subject, refusals_by_subject
from sendlimit.store.location import SQLiteLocation
from sendlimit.store.overrides import overrides, unreadable_overrides, unset_override
from sendlimit.store.sqlite import SQLiteStore
from sendlimit.store.usage import remove_finished, scopes_of, top, usage, used_at_least
from sendlimit.store.web_access import (
    Token,
    find_session,
    remove_token,
    remove_user,
    tokens,
    users,
)
from support.counting_samples import ALICE, BOB, NOON, UTC, key_of, named

if TYPE_CHECKING:
    from sendlimit.store.unreadable import UnreadableRow

_ROOT = Author("root", "command", NOON)
_DAY = "mailbox.messages_per_day"
_ALICES, _BOBS = key_of(_DAY, ALICE.mailbox), key_of(_DAY, BOB.mailbox)
_BOBS_LIMIT = f"('{BOB.mailbox}', 'mailbox', 'messages', 'day', 7, NULL)"
_LIMIT = 'INSERT INTO er_limit (subject, scope, unit, "window", max, valid_until) VALUES '
_TRIGGERS = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
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
        """Run a statement without the tables' checks and triggers, as a row of before has come in."""
        with closing(sqlite3.connect(self._file)) as other, other:
            other.execute("PRAGMA ignore_check_constraints = ON")
            for (name,) in other.execute(_TRIGGERS).fetchall():
                other.execute(f"DROP TRIGGER {name}")
            other.execute(statement)

    def insert(self, table: str, *values: str) -> None:
        """Insert a row, its columns as SQL has them."""
        self.write(f"INSERT INTO {table} VALUES ({', '.join(values)})")  # noqa: S608 - constants


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
    assert last_episodes(tables.connection, [(Scope.MAILBOX, ALICE.mailbox)]) == {}


ODD_MOMENTS = ["'soon'", "'2036-11-27T18:00'", "''", "17", "x'00ff'", "'0000-00-00 00:00:00'"]


@pytest.mark.parametrize("moment", ODD_MOMENTS)
def test_odd_access(tables: Tables, moment: str) -> None:
    """Users and tokens are listed whatever their moment is, so that they can go; a session is none."""
    digest = "0" * 64
    tables.insert("er_web_user", "'odd'", "'hash'", moment)
    tables.insert("er_web_token", "'odd'", "'read'", f"'{digest}'", moment)
    tables.insert("er_web_session", f"'{digest}'", "'user'", "'odd'", moment, moment)

    assert users(tables.connection) == [("odd", None)]
    assert tokens(tables.connection) == [(Token("odd", "read"), None)]
    assert find_session(tables.connection, digest) is None
    assert remove_user(tables.connection, "odd")
    assert remove_token(tables.connection, "odd")


@pytest.mark.parametrize("level", ["'error'", "'loud'"])
@pytest.mark.parametrize("moment", ODD_MOMENTS)
def test_odd_finding(tables: Tables, moment: str, level: str) -> None:
    """What doctor kept is shown without the odd row, and the next run replaces it."""
    good = KeptFinding("mail", "no-mail", "mail", "warning", "none", NOON)
    keep_findings(tables.connection, [good], NOON)
    tables.insert("er_finding", "'daemon'", "'daemon'", "'odd'", level, "'x'", moment, moment)
    tables.write(f"UPDATE er_finding SET last_at = {moment} WHERE `check` = 'run'")  # noqa: S608 - constants

    assert read_findings(tables.connection) == (None, [good])
    keep_findings(tables.connection, [good], NOON + 60)
    assert read_findings(tables.connection) == (NOON + 60, [good])


@pytest.mark.parametrize(
    "values",
    [
        "'2099-01-01 00:00:00', x'00ff', 'command', 'limit set', 'a@b.org', NULL, '{}'",
        "'2099-01-01 00:00:00', 'root', 7, 'limit set', x'00ff', x'00ff', '[1'",
        "'soon', 'root', 'command', '', '', '{', 'NaN'",
    ],
)
def test_odd_change(tables: Tables, values: str) -> None:
    """A change written by hand is listed as text, and can be JSON."""
    columns = 'at, who, origin, what, subject, "before", "after"'
    tables.write(f"INSERT INTO er_change ({columns}) VALUES ({values})")  # noqa: S608 - constants

    (found,) = recorded_changes(tables.connection, 0)
    assert isinstance(found.who, str)
    assert json.dumps([found.change.subject, found.change.before, found.change.after])


def test_odd_history(tables: Tables) -> None:
    """Learning and proposals leave odd counts and refusals out, of one subject or of many."""
    span = LearnSpan(NOON - 86400 * 9, NOON + 86400)
    for subject, used in ((ALICE.mailbox, "'many'"), (BOB.mailbox, "3")):
        tables.write(
            _COUNTER + f"('mailbox', '{subject}', 'messages', 'day', '2026-11-22 00:00:00', {used})"
        )
    tables.write(_COUNTER + f"('mailbox', '{BOB.mailbox}', 'messages', 'day', '2026-11-21T', 9)")
    tables.write(
        _REFUSAL + f"('mailbox', '{ALICE.mailbox}', 'messages', 'day', '2026-11-22 00:00:00', 3,"
        " '2026-11-21T', '2026-11-22T', 1)"
    )

    start = _BOBS.period_start
    learned = dict(counts_by_subject(tables.connection, named(_DAY), span))
    assert learned == {BOB.mailbox: [(start, 3)]}
    assert refusals_by_subject(tables.connection, Scope.MAILBOX, span) == {}
    days = Span(named(_DAY), span.since, span.until)
    assert amounts(tables.connection, days) == {3: 1, 9: 1}
    assert busiest(tables.connection, days) == {BOB.mailbox: 9}
    assert beginning(tables.connection, days) == (span.since, 2)


@pytest.mark.parametrize("column", ["hour", "used"])
def test_odd_hour(tables: Tables, column: str) -> None:
    """An hour of the server's day that can't be read is left out of the picture."""
    day, hours = "'2026-11-22 00:00:00'", ["'2026-11-22 08:00:00'", "'2026-11-22 09:00:00'"]
    tables.insert("er_hour", hours[0], day, "7")
    odd = ["'early'", day, "8"] if column == "hour" else [hours[1], day, "'many'"]
    tables.insert("er_hour", *odd)
    assert list(hours_seen(tables.connection, _BOBS.period_start).values()) == [7]


def test_odd_scope(tables: Tables) -> None:
    """A counter of a scope of another release hides no other, and counts in no list."""
    for scope in ("team", "mailbox"):
        tables.write(
            _COUNTER + f"('{scope}', '{BOB.mailbox}', 'messages', 'day', '2026-11-22 00:00:00', 3)"
        )
    tables.write(
        _COUNTER + f"('mailbox', '{ALICE.mailbox}', 'messages', 'day', '2026-11-22 00:00:00', 'x')"
    )
    assert scopes_of(tables.connection, BOB.mailbox) == {Scope.MAILBOX}
    least = used_at_least(tables.connection, named(_DAY), _BOBS.period_start, 1)
    assert least == [(BOB.mailbox, 3)]


def test_odd_last_activity(tables: Tables) -> None:
    """Doctor finds the last mail beside moments that are none."""
    tables.write("INSERT INTO er_committer (id, batch, last_at) VALUES ('odd', 1, 'soon')")
    tables.write(
        "INSERT INTO er_committer (id, batch, last_at) VALUES ('x', 1, '2026-11-22 10:00:00')"
    )
    tables.write(
        _REFUSAL + f"('mailbox', '{ALICE.mailbox}', 'messages', 'day', 'x', 3, 'x', 'soon', 1)"
    )

    seen = last_activity(tables.connection)
    assert (seen.batch, seen.refusal) == (NOON - 2 * 3600, None)


def test_odd_refusal_is_renamed(tables: Tables) -> None:
    """A rename merges what can be read; an odd episode of the old name gives way."""
    odd = "'2026-11-22 00:00:00', 3, 'early', '2026-11-22 10:00:00', 1"
    good = "'2026-11-22 00:00:00', 3, '2026-11-22 10:00:00', '2026-11-22 10:00:00', 1"
    tables.write(_REFUSAL + f"('mailbox', '{ALICE.mailbox}', 'messages', 'day', {odd})")
    tables.write(_REFUSAL + f"('mailbox', '{BOB.mailbox}', 'messages', 'day', {good})")

    move_episodes(tables.connection, Scope.MAILBOX, ALICE.mailbox, BOB.mailbox)

    assert [each.key.subject for each in episodes_since(tables.connection, 0)] == [BOB.mailbox]
    latest = latest_episode(tables.connection)
    assert latest is not None
    assert latest.attempts == 1
