"""Read a table of another program's database; nothing in it is changed."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sendlimit.store.drivers import (
    mariadb_errors,
    open_mariadb,
    refuse_other_kinds,
    sqlite_errors,
)
from sendlimit.store.location import SQLiteLocation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sendlimit.store.location import Location, MariaDBLocation

# All columns: which there are differs between the program's releases.
_ALL = "SELECT * FROM `{table}`"


def read_table(location: Location, password: str, table: str) -> list[dict[str, Any]]:
    """Return all rows of a table, each by the names of its columns.

    Args:
        location: SQLite's file, or a database of MariaDB or MySQL; of several hosts the first.
        password: "" where the server asks for none.
        table: its name, which comes from our code.

    Raises:
        StoreError: the database can't be reached, or has no such table.
    """
    columns, rows = _read(location, password, _ALL.format(table=table))
    return [dict(zip(columns, row, strict=True)) for row in rows]


def read_rows(
    location: Location, password: str, query: str
) -> tuple[Sequence[str], list[Sequence[Any]]]:
    """Return the columns and rows of an admin's query, which can change nothing.

    Raises:
        StoreError: the database can't be reached, or does not understand the query.
    """
    return _read(location, password, query)


def _read(
    location: Location, password: str, statement: str
) -> tuple[Sequence[str], list[Sequence[Any]]]:
    if isinstance(location, SQLiteLocation):
        return _read_sqlite(location, statement)
    return _read_mariadb(location, password, statement)


def _read_sqlite(
    location: SQLiteLocation, statement: str
) -> tuple[Sequence[str], list[Sequence[Any]]]:
    refuse_other_kinds(location)
    with sqlite_errors(location):
        connection = sqlite3.connect(f"file:{quote(location.path)}?mode=ro", uri=True)
        try:
            found = connection.execute(statement)
            return [column for column, *_ in found.description or ()], found.fetchall()
        finally:
            connection.close()


def _read_mariadb(
    location: MariaDBLocation, password: str, statement: str
) -> tuple[Sequence[str], list[Sequence[Any]]]:
    with mariadb_errors(location):
        connection = open_mariadb(location, password, location.hosts[0], collation="")
    try:
        with mariadb_errors(location):
            connection.send(f"SET SESSION TRANSACTION READ ONLY; {statement}")
            _, found = connection.receive()
        return found.columns, [*found.rows]
    finally:
        connection.close()
