"""What plain SQL can put into the tables: they refuse what is no limit; what is there outlives an upgrade."""

from pathlib import Path

import pytest

from sendlimit.errors import StoreError
from sendlimit.store import SCHEMA_VERSION
from sendlimit.store.connection import Connection, SQLiteConnection, open_connection
from sendlimit.store.location import parse_url
from sendlimit.store.migrations import migrations, schema_version, upgrade
from sendlimit.store.overrides import overrides, unreadable_overrides
from support.real_stores import open_tables

_LIMIT = (
    "INSERT INTO er_limit (subject, scope, unit, `window`, max, valid_until, set_at) VALUES"
    " ('{subject}', '{scope}', 'messages', '{window}', {max}, {valid_until}, '{set_at}')"
)
_GOOD = {
    "subject": "alice@example.org",
    "scope": "mailbox",
    "window": "day",
    "max": "5",
    "valid_until": "NULL",
    "set_at": "2026-11-26 10:00:00",
}
_REFUSED = [
    {"subject": ""},
    {"subject": "Alice@example.org"},
    {"scope": "team"},
    {"scope": ""},
    {"window": "fortnight"},
    {"max": "-1"},
    {"max": "'many'"},
    {"max": "1000000000000001"},
    {"valid_until": "'2026-11-27 25:00:00'"},
    {"valid_until": "'2026-02-30 10:00:00'"},
    {"valid_until": "'soon'"},
    {"valid_until": "'0000-00-00 00:00:00'"},
    {"valid_until": "''"},
    {"set_at": "yesterday"},
]
_SQLITE_ONLY = [{"valid_until": "'2036-11-27T18:00'"}, {"max": "1.5"}, {"max": "x'00'"}]
"""MariaDB's columns turn these into a moment and numbers."""


def _is_sqlite(connection: Connection) -> bool:
    return isinstance(connection, SQLiteConnection)


def _without_checks(connection: Connection) -> None:
    """Let this connection write what it likes, as another program or a damaged file does."""
    if _is_sqlite(connection):
        connection.execute("PRAGMA ignore_check_constraints = ON")
    else:
        connection.execute("SET SESSION check_constraint_checks = 0, sql_mode = ''")


@pytest.mark.parametrize("change", _REFUSED + _SQLITE_ONLY, ids=str)
def test_odd_limit(store_url: str, change: dict[str, str]) -> None:
    """Neither a new row nor a changed one may have such a value; a good one may."""
    connection = open_tables(store_url)
    try:
        connection.execute(_LIMIT.format(**_GOOD))
        column, value = next(iter(change.items()))
        if not _is_sqlite(connection):
            if change in _SQLITE_ONLY:
                return
            connection.execute("SET SESSION sql_mode = ''")  # what is cut or unknown is a warning
            if change in ({"max": "'many'"}, {"max": "-1"}):
                return  # MariaDB makes them 0
        quoted = value if column in {"max", "valid_until"} else f"'{value}'"
        for statement in (
            _LIMIT.format(**{**_GOOD, "subject": "bob@example.org"} | change),
            f"UPDATE er_limit SET `{column}` = {quoted}",  # noqa: S608 - a constant of this file
        ):
            with pytest.raises(StoreError):
                connection.execute(statement)
        assert [row.setting.max for row in overrides(connection)] == [5]
        assert unreadable_overrides(connection) == []
    finally:
        connection.close()


@pytest.mark.parametrize("used", ["'many'", "1.5", "x'00'"])
def test_odd_counter(tmp_path: Path, used: str) -> None:
    """SQLite refuses a counter that is no whole number, and one of no period."""
    connection = open_tables(f"sqlite:///{tmp_path}/s.db")
    new = "INSERT INTO er_counter VALUES ('mailbox', 'a@b.org', 'messages', 'day', {}, {})"
    try:
        connection.execute(new.format("'2026-11-26 00:00:00'", 3))
        for statement in (
            new.format("'2026-11-27 00:00:00'", used),
            new.format("'today'", 3),
            f"UPDATE er_counter SET used = {used}",  # noqa: S608 - a constant of this file
        ):
            with pytest.raises(StoreError):
                connection.execute(statement)
    finally:
        connection.close()


def test_odd_counter_that_was_there(tmp_path: Path) -> None:
    """A counter that is as large as a number can be is counted on: the next mail does not fail."""
    connection = open_tables(f"sqlite:///{tmp_path}/s.db")
    try:
        connection.execute(
            "INSERT INTO er_counter VALUES"
            " ('mailbox', 'a@b.org', 'messages', 'day', '2026-11-26 00:00:00', 9223372036854775807)"
        )
        connection.execute("UPDATE er_counter SET used = used + 1 WHERE subject = 'a@b.org'")
    finally:
        connection.close()


def test_odd_rows_outlive_an_upgrade(store_url: str) -> None:
    """Rows that were odd in the first version are there in the last, and named; others hold as before."""
    location = parse_url(store_url)
    connection = open_connection(location, getattr(location, "password", None) or "")
    try:
        connection.script(migrations(location)[0].text)
        _without_checks(connection)
        odd = [
            {"subject": "b@example.org", "valid_until": "'0000-00-00 00:00:00'"},
            {"subject": "c@example.org", "scope": ""},
            {"subject": "d@example.org", "window": "fortnight"},
        ]
        if _is_sqlite(connection):
            odd += [
                {"subject": "e@example.org", "max": "'many'"},
                {"subject": "f@example.org", "max": "-1"},
                {"subject": "g@example.org", "valid_until": "'2036-11-27T18:00'"},
            ]
        for change in ({}, *odd):
            connection.execute(_LIMIT.format(**_GOOD | change))
        connection.close()

        connection = open_connection(location, getattr(location, "password", None) or "")
        assert upgrade(connection, location) == SCHEMA_VERSION == schema_version(connection)
        assert [row.setting.subject for row in overrides(connection)] == [_GOOD["subject"]]
        named = {row.key.split()[0] for row in unreadable_overrides(connection)}
        assert named == {change["subject"] for change in odd}
    finally:
        connection.close()
