"""A connection to either database: statements with %s in, rows out, our errors.

For the commands, which each do one thing and end; the ledger has stores of its own.
"""

from __future__ import annotations

import errno
import os
import re
import sqlite3
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import MySQLdb
from MySQLdb.constants import CLIENT, CR, ER, FIELD_TYPE
from MySQLdb.converters import conversions

from sendlimit.errors import StoreConflict, StoreError, StoreUnavailable
from sendlimit.store.location import MariaDBLocation, SQLiteLocation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from MySQLdb.connections import Connection as MySQLdbConnection

    from sendlimit.store.location import Host, Location
    from sendlimit.store.rows import Row

CONNECT_TIMEOUT_S = 2
READ_TIMEOUT_S = 15
"""Longer than a Galera cluster stalls when a node fails (7 s measured)."""
LOCK_WAIT_S = 5
COLLATION = "utf8mb4_nopad_bin"
"""As the tables have it; MySQL knows none of this name."""

_FILE_MODE = 0o660

NO_SUCH_DATABASE = ER.BAD_DB_ERROR
MISSING_TABLE = frozenset({ER.NO_SUCH_TABLE, ER.BAD_FIELD_ERROR})
_CONFLICTS = frozenset({ER.LOCK_DEADLOCK, ER.LOCK_WAIT_TIMEOUT, 1020})
_ACCESS = frozenset({ER.ACCESS_DENIED_ERROR, ER.DBACCESS_DENIED_ERROR, ER.TABLEACCESS_DENIED_ERROR})
_LOST = frozenset({CR.SERVER_GONE_ERROR, CR.SERVER_LOST, CR.CONN_HOST_ERROR, CR.CONNECTION_ERROR})
_UNREACHED = frozenset({CR.CONN_HOST_ERROR, CR.CONNECTION_ERROR})
_SYSTEM_ERROR = re.compile(r" \((\d+)\)$")

# Moments stay text (store.sqltime reads them); sums are whole numbers.
_CONV = conversions | {
    FIELD_TYPE.DATE: str,
    FIELD_TYPE.DATETIME: str,
    FIELD_TYPE.TIME: str,
    FIELD_TYPE.TIMESTAMP: str,
    FIELD_TYPE.NEWDECIMAL: int,
}


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


@contextmanager
def mariadb_errors(where: object) -> Iterator[None]:
    """Turn the client library's errors into ours, with the cause kept."""
    try:
        yield
    except MySQLdb.Error as error:
        number = error.args[0] if error.args else None
        message = f"{where}: {_reason(number, str(error.args[-1] if error.args else error))}"
        if number in _CONFLICTS:
            raise StoreConflict(message) from error
        if (
            isinstance(error, MySQLdb.InterfaceError)
            or number in _ACCESS
            or number in _LOST
            or (isinstance(error, MySQLdb.OperationalError) and number not in MISSING_TABLE)
        ):
            raise StoreUnavailable(message) from error
        raise StoreError(message) from error


def _reason(number: object, text: str) -> str:
    """Say in words what the client library says with the system's number at the end."""
    if number not in _UNREACHED or not (found := _SYSTEM_ERROR.search(text)):
        return text
    # It asks for the reason too early: the connection is still in progress then.
    in_progress = int(found[1]) == errno.EINPROGRESS
    words = "refused or unreachable" if in_progress else os.strerror(int(found[1]))
    return f"{text[: found.start()]}: {words}"


@contextmanager
def sqlite_errors(where: object) -> Iterator[None]:
    """Turn sqlite3's errors into ours, with the cause kept."""
    try:
        yield
    except sqlite3.OperationalError as error:
        message = f"{where}: {error}"
        if "locked" in str(error) or "busy" in str(error):
            raise StoreConflict(message) from error
        raise StoreUnavailable(message) from error
    except sqlite3.Error as error:
        raise StoreError(f"{where}: {error}") from error


def open_mariadb(
    location: MariaDBLocation,
    password: str,
    host: Host | None,
    *,
    database: bool = True,
    collation: str = COLLATION,
) -> MySQLdbConnection:
    """Open a connection to one server.

    Args:
        location: user and database.
        password: "" where the server asks for none.
        host: which of the servers; None with a unix_socket.
        database: False connects without choosing the database (to create it).
        collation: of the texts that are compared with our columns; "": the server's own.
    """
    if location.unix_socket is not None or host is None:
        address: dict[str, Any] = {"unix_socket": location.unix_socket}
    else:
        # The client library takes "localhost" for its own unix socket.
        name = "127.0.0.1" if host.name == "localhost" else host.name
        address = {"host": name, "port": host.port}
    return MySQLdb.connect(
        **address,
        user=location.user,
        password=password,
        database=location.database if database else "",
        charset="utf8mb4",
        collation=collation,
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S,
        write_timeout=READ_TIMEOUT_S,
        client_flag=CLIENT.FOUND_ROWS,
        local_infile=0,
        conv=_CONV,
        autocommit=True,
        init_command=(
            "SET time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION',"
            f" innodb_lock_wait_timeout = {LOCK_WAIT_S}"
        ),
    )


class MariaDBConnection:
    """A command's connection to MariaDB."""

    def __init__(self, connection: MySQLdbConnection, where: object) -> None:
        """Take an open connection."""
        self._connection = connection
        self._where = where
        self._affected = 0

    def execute(self, statement: str, params: Sequence[object] = ()) -> list[Row]:
        """Run one statement; return its rows, [] when it has none."""
        with mariadb_errors(self._where), self._connection.cursor() as cursor:
            # Without parameters "%" is left alone; with them "%%" is one.
            self._affected = cursor.execute(statement, tuple(params) or None)
            return list(cursor.fetchall())

    def affected(self) -> int:
        """Return how many rows the last statement found to change."""
        return self._affected

    def script(self, text: str) -> None:
        """Run a file of sql/; MariaDB commits each table by itself."""
        with mariadb_errors(self._where), self._connection.cursor() as cursor:
            cursor.execute(text)
            while cursor.nextset():
                pass

    def begin(self) -> None:
        """Begin a transaction."""
        with mariadb_errors(self._where):
            self._connection.begin()

    def commit(self) -> None:
        """Commit."""
        with mariadb_errors(self._where):
            self._connection.commit()

    def close(self) -> None:
        """Close; what was not committed is gone."""
        if self._connection.open:
            with mariadb_errors(self._where):
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
        """Run a file of sql/ as one transaction."""
        with sqlite_errors(self._where):
            try:
                self._connection.executescript(f"BEGIN IMMEDIATE;\n{text}\nCOMMIT;")
            except sqlite3.Error:
                self._connection.rollback()
                raise

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
        self._connection.close()


def open_sqlite(location: SQLiteLocation) -> sqlite3.Connection:
    """Open a file with the journal that lets commands read while the daemon writes.

    synchronous=FULL: what was counted survives a power loss, as with MariaDB's default.

    Raises:
        StoreUnavailable: there is no file and none can be made.
    """
    make_file(location)
    connection = sqlite3.connect(location.path, timeout=LOCK_WAIT_S, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def make_file(location: SQLiteLocation) -> None:
    """Make the file if there is none: closed to others, whatever the umask says.

    Made by root it gets the owner of its directory. SQLite gives its journal the same owner and mode.

    Raises:
        StoreUnavailable: it can't be made.
    """
    path = Path(location.path)
    try:
        file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, _FILE_MODE)
    except FileExistsError:
        return
    except OSError as error:
        raise StoreUnavailable(
            f"{location}: can't be made: {error.strerror}: {path.parent}"
        ) from error
    try:
        os.fchmod(file, _FILE_MODE)
        if os.geteuid() == 0:
            folder = path.parent.stat()
            os.fchown(file, folder.st_uid, folder.st_gid)
    finally:
        os.close(file)


def open_connection(location: Location, password: str = "") -> Connection:
    """Open a command's connection: the first of the hosts that answers.

    Raises:
        StoreError: no host answered, or the file can't be opened.
    """
    if isinstance(location, SQLiteLocation):
        return SQLiteConnection(location)
    for host in location.hosts[:-1]:
        try:
            return _open_host(location, password, host)
        except StoreUnavailable:
            continue
    return _open_host(location, password, location.hosts[-1])


def _open_host(location: MariaDBLocation, password: str, host: Host) -> Connection:
    with mariadb_errors(location):
        return MariaDBConnection(open_mariadb(location, password, host), location)
