"""Odd rows for every table and column, found in the schema of a store."""

import contextlib
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pymysql

_SQL = Path(__file__).parents[2] / "sql" / "sqlite"


def _tables() -> list[str]:
    """Return the tables that the files of sql/ make."""
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        for file in sorted(_SQL.glob("*.sql")):
            connection.executescript(file.read_text())
        query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'er_%'"
        return sorted(name for (name,) in connection.execute(query))


TABLES = _tables()

ODD_VALUES: tuple[object, ...] = (
    None,
    -1,
    0,
    2**63 - 1,
    -(2**63),
    2**64 - 1,
    1.5,
    "",
    "many",
    "a\x00b\x1b[31m\r\n%s'\"\\\u202e",
    "x" * 70_000,
    "2036-11-27T18:00",
    "2026-02-30 25:61:61",
    "0000-00-00 00:00:00",
    '{"a": [1, NaN',
    b"\x00\xff",
    b"\xff",
)
"""What a column may hold that nothing of ours has written, whatever its type."""
_AS_TEXT = b"\xff"
"""This is written as a text that is no UTF-8."""

_USUAL = {
    "scope": "mailbox",
    "unit": "messages",
    "window": "day",
    "kind": "user",
    "role": "read",
    "level": "warning",
}
_ALWAYS = frozenset({"id", "subject"})
"""Columns that have a value also where they need none."""
_IS_MOMENT = re.compile("_at$|_start$|_end$|^hour$|^day_start$")


class Column(NamedTuple):
    """A column that can be written.

    Attributes:
        name: of the column.
        is_number: by its type.
        is_needed: a row must have a value for it.
    """

    name: str
    is_number: bool
    is_needed: bool


class _Cursor(Protocol):
    def execute(self, statement: str, params: Any = ..., /) -> Any: ...  # noqa: ANN401 - two drivers
    def fetchall(self) -> Any: ...  # noqa: ANN401


def odd_subject(number: int) -> str:
    """Name the mailbox of the row with an odd value."""
    return f"odd{number}@odd.test"


class OddTables:
    """A store's tables, written past all checks, as rows were before there were checks.

    Args:
        cursor: of a connection that commits by itself, with %s or ? as placeholder.
        errors: what the tables refuse a row with.
        placeholder: of the driver.
        schema: statement that returns (name, type, is needed) of the columns of a table.
        unchecked: while it lasts, the tables take what they refuse else.
    """

    def __init__(
        self,
        cursor: _Cursor,
        errors: tuple[type[Exception], ...],
        placeholder: str,
        schema: str,
        unchecked: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext,
    ) -> None:
        self._cursor = cursor
        self._errors = errors
        self._placeholder = placeholder
        self._schema = schema
        self._unchecked = unchecked

    @cached_property
    def _today(self) -> object:
        """Start of the day in which the first mail was counted."""
        query = "SELECT period_start FROM er_counter WHERE subject = '*' AND `window` = 'day'"
        ((start,),) = self.query(query)
        return start

    def query(self, statement: str, params: Iterable[object] = ()) -> list[tuple[Any, ...]]:
        """Run a statement; return its rows."""
        self._cursor.execute(statement.replace("%s", self._placeholder), tuple(params))
        return list(self._cursor.fetchall())

    def columns(self, table: str) -> list[Column]:
        """Return the columns of a table that can be written."""
        return [
            Column(name, "int" in kind.lower(), bool(is_needed))
            for name, kind, is_needed in self.query(self._schema, [table])
        ]

    def insert(self, table: str, odd: str, numbers: Iterable[int]) -> int:
        """Put a row for each odd value of a column, with a number; return how many the table took."""
        columns = self.columns(table)
        taken = 0
        with self._unchecked():
            for number, value in zip(numbers, ODD_VALUES, strict=False):
                row = {
                    column.name: _usual(column, number)
                    for column in columns
                    if column.is_needed or column.name in _ALWAYS
                }
                if "subject" in row and "period_start" in row:
                    row["period_start"] = self._today
                row[odd] = value
                names = ", ".join(f"`{name}`" for name in row)
                places = ", ".join(_place(value) for value in row.values())
                insert = f"REPLACE INTO {table} ({names}) VALUES ({places})"  # noqa: S608 - names of the schema
                taken += self._takes(insert, row.values())
        return taken

    def update(self, table: str, column: str, value: object, where: str = "1 = 1") -> bool:
        """Put an odd value into rows that are there; return whether the table took it."""
        with self._unchecked():
            return self._takes(f"UPDATE {table} SET `{column}` = %s WHERE {where}", [value])  # noqa: S608 - names of the schema

    def _takes(self, statement: str, params: Iterable[object]) -> bool:
        try:
            self.query(statement, params)
        except self._errors:
            return False
        return True

    def clear(self, table: str) -> None:
        """Remove all rows but those that stand alone: the latch, the lease, the version."""
        if table == "er_schema_version":
            self.query("DELETE FROM er_schema_version WHERE NOT version BETWEEN 1 AND 100")
        elif table == "er_lease":
            self.query("DELETE FROM er_lease WHERE one <> 1")
        else:
            but = " WHERE `window` <> 'ever'" if table == "er_counter" else ""
            self.query(f"DELETE FROM {table}{but}")  # noqa: S608 - names of the schema


def _place(value: object) -> str:
    return "CAST(%s AS CHAR)" if value == _AS_TEXT else "%s"


def _usual(column: Column, number: int) -> object:
    if column.name == "subject":
        return odd_subject(number)
    if column.name in _USUAL:
        return _USUAL[column.name]
    if _IS_MOMENT.search(column.name):
        return f"2026-11-22 10:{number // 60:02}:{number % 60:02}"
    return number + 2 if column.is_number else f"odd{number}"


@contextlib.contextmanager
def odd_sqlite(file: Path) -> Iterator[OddTables]:
    """Open a file past its checks; triggers can't be switched off, so they are away meanwhile."""
    with contextlib.closing(sqlite3.connect(file, timeout=10, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
        triggers = connection.execute(query).fetchall()

        @contextlib.contextmanager
        def unchecked() -> Iterator[None]:
            connection.execute("BEGIN IMMEDIATE")
            for name, _ in triggers:
                connection.execute(f"DROP TRIGGER {name}")
            yield
            for _, statement in triggers:
                connection.execute(statement)
            connection.execute("COMMIT")

        yield OddTables(
            connection.cursor(),
            (sqlite3.Error, OverflowError),
            "?",
            "SELECT name, type, `notnull` AND dflt_value IS NULL FROM pragma_table_info(%s)",
            unchecked,
        )


@contextlib.contextmanager
def odd_mariadb(socket: Path, database: str) -> Iterator[OddTables]:
    """Open a database past its checks."""
    connection = pymysql.connect(
        user="root", unix_socket=str(socket), database=database, autocommit=True
    )
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute("SET SESSION sql_mode = '', check_constraint_checks = 0")
        yield OddTables(
            cursor,
            (pymysql.Error,),
            "%s",
            "SELECT column_name, column_type, is_nullable = 'NO' AND column_default IS NULL"
            " AND extra NOT LIKE '%%auto_increment%%'"
            " FROM information_schema.columns WHERE table_schema = DATABASE()"
            " AND table_name = %s AND is_generated = 'NEVER' ORDER BY ordinal_position",
        )
