"""A connection to either database: statements with %s in, rows out, our errors.

The commands use one until they end; SQLiteStore uses one for the ledger. MariaDBStore does not: it
needs to send a packet and to wait for its answer apart.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from sendlimit.store.drivers import mariadb_errors, open_sqlite, sqlite_errors
from sendlimit.store.location import SQLiteLocation
from sendlimit.store.servers import open_server

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sendlimit.store.location import Location
    from sendlimit.store.packets import PacketConnection
    from sendlimit.store.rows import Row


class Connection(Protocol):
    """One open connection."""

    def execute(self, statement: str, params: Sequence[object] = ()) -> list[Row]:
        """Run one statement; return its rows, [] when it has none."""

    def affected(self) -> int:
        """Return how many rows the last statement changed."""

    def script(self, text: str) -> None:
        """Run a file of sql/."""

    def begin(self) -> None:
        """Begin a transaction; without one each statement stands alone."""

    def commit(self) -> None:
        """Commit."""

    def close(self) -> None:
        """Close; what was not committed is gone."""


class MariaDBConnection:
    """A command's connection to MariaDB.

    Args:
        connection: an open one, which it closes.
        where: names the server in errors.
    """

    def __init__(self, connection: PacketConnection, where: str) -> None:
        self._connection = connection
        self._where = where
        self._affected = 0

    def execute(self, statement: str, params: Sequence[object] = ()) -> list[Row]:
        """Run one statement; return its rows, [] when it has none."""
        with mariadb_errors(self._where):
            # Without parameters "%" is left alone; with them "%%" is one.
            self._connection.send(self._connection.fill(statement, params) if params else statement)
            rows, self._affected, _ = self._connection.receive()[0]
        return rows

    def affected(self) -> int:
        """Return how many rows the last statement found to change."""
        return self._affected

    def script(self, text: str) -> None:
        """Run a file of sql/; MariaDB commits each statement by itself."""
        self.execute(text)

    def begin(self) -> None:
        """Begin a transaction."""
        self.execute("BEGIN")

    def commit(self) -> None:
        """Commit."""
        self.execute("COMMIT")

    def close(self) -> None:
        """Close; what was not committed is gone."""
        if self._connection.open:
            self._connection.close()


class SQLiteConnection:
    """A command's connection to SQLite."""

    def __init__(self, location: SQLiteLocation) -> None:
        """Open the file, which need not exist."""
        self._where = location
        self._affected = 0
        with sqlite_errors(location):
            self._connection = open_sqlite(location)

    def execute(self, statement: str, params: Sequence[object] = ()) -> list[Row]:
        """Run one statement; return its rows, [] when it has none."""
        with sqlite_errors(self._where):
            cursor = self._connection.execute(statement.replace("%s", "?"), tuple(params))
            self._affected = cursor.rowcount
            return cursor.fetchall()

    def affected(self) -> int:
        """Return how many rows the last statement changed."""
        return self._affected

    def script(self, text: str) -> None:
        """Run a file of sql/ as one transaction; rows that are odd already do not stop it."""
        with sqlite_errors(self._where):
            self._connection.execute("PRAGMA ignore_check_constraints = ON")
            try:
                self._connection.executescript(f"BEGIN IMMEDIATE;\n{text}\nCOMMIT;")
            except sqlite3.Error:
                self._connection.rollback()
                raise
            finally:
                self._connection.execute("PRAGMA ignore_check_constraints = OFF")

    def begin(self) -> None:
        """Begin a transaction that may write."""
        with sqlite_errors(self._where):
            self._connection.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        """Commit."""
        with sqlite_errors(self._where):
            self._connection.execute("COMMIT")

    def rollback(self) -> None:
        """Roll back; without a transaction there is nothing to do."""
        with sqlite_errors(self._where):
            self._connection.rollback()

    def close(self) -> None:
        """Close; what was not committed is gone."""
        # A statement that failed half way, kept by its error, would keep the lock of the file.
        with suppress(sqlite3.Error):
            self._connection.rollback()
        self._connection.close()


def open_connection(location: Location, password: str = "") -> Connection:
    """Open a command's connection, to the host that the daemon would use.

    Raises:
        StoreError: no host answered, or the file can't be opened.
    """
    if isinstance(location, SQLiteLocation):
        return SQLiteConnection(location)
    server = open_server(location, password)
    return MariaDBConnection(server.connection, server.where)
