"""Open a connection with either driver, and turn the drivers' errors into ours."""

from __future__ import annotations

import os
import sqlite3
import ssl
import stat
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pymysql
from pymysql.constants import CLIENT, CR, ER

from sendlimit.errors import (
    LeaseLost,
    NoSuchDatabase,
    NoSuchTable,
    StoreConflict,
    StoreDenied,
    StoreError,
    StoreUnavailable,
)
from sendlimit.store.location import TLSLevel
from sendlimit.store.packets import PacketConnection
from sendlimit.store.tls import tls_context

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sendlimit.store.location import Host, MariaDBLocation, SQLiteLocation

CONNECT_TIMEOUT_S = 2
"""For the connection, and for each answer until the login is done."""
READ_TIMEOUT_S = 15
"""Longer than a Galera cluster stalls when a node fails (7 s measured)."""
LOCK_WAIT_S = 5
IDLE_TRANSACTION_S = 5
"""After so long without a statement the server ends a transaction that has written.

The one who is cut off, stopped or dead between two packets would hold the latch for hours.
"""
COLLATION = "utf8mb4_nopad_bin"
"""As the tables have it; MySQL knows none of this name."""

_FILE_MODE = 0o660

_SESSION = (
    "SET time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION',"
    " innodb_lock_wait_timeout = {lock_wait_s}"
    # A comment to servers that have no such variable: MySQL, and MariaDB before 10.3.
    " /*M!100300 , idle_write_transaction_timeout = {idle_s} */"
)

_CONFLICTS = frozenset({ER.LOCK_DEADLOCK, ER.LOCK_WAIT_TIMEOUT, ER.CHECKREAD})
_DENIED = frozenset(
    {
        ER.ACCESS_DENIED_ERROR,
        ER.DBACCESS_DENIED_ERROR,
        ER.TABLEACCESS_DENIED_ERROR,
        ER.COLUMNACCESS_DENIED_ERROR,
        ER.SPECIFIC_ACCESS_DENIED_ERROR,
        1698,  # ER_ACCESS_DENIED_NO_PASSWORD_ERROR
    }
)
_MISSING = frozenset({ER.NO_SUCH_TABLE, ER.BAD_FIELD_ERROR})
SIGNALLED = 1644
"""ER_SIGNAL_EXCEPTION: only the flush of the lease's holder signals."""
_LOST = frozenset({CR.CR_SERVER_GONE_ERROR, CR.CR_SERVER_LOST})


@contextmanager
def mariadb_errors(where: object) -> Iterator[None]:
    """Turn PyMySQL's errors into ours, with the cause kept."""
    try:
        yield
    except pymysql.Error as error:
        number = error.args[0] if error.args else None
        message = f"{where}: {_reason(number, error)}"
        raise _kind(number, error)(message) from error


def _kind(number: object, error: pymysql.Error) -> type[StoreError]:
    if number in _CONFLICTS:
        return StoreConflict
    if number == SIGNALLED:
        return LeaseLost
    if number in _DENIED:
        return StoreDenied
    if number == ER.BAD_DB_ERROR:
        return NoSuchDatabase
    if number in _MISSING:
        return NoSuchTable
    is_away = isinstance(
        error, pymysql.InterfaceError | pymysql.OperationalError | pymysql.InternalError
    )
    return StoreUnavailable if is_away else StoreError


def _reason(number: object, error: pymysql.Error) -> str:
    """Say in words what PyMySQL says with the names of exceptions."""
    if isinstance(error, pymysql.InterfaceError):
        return "the connection is closed"
    cause = error.__context__
    if number == CR.CR_CONN_HOST_ERROR:
        return f"can't connect: {_in_words(cause or error)}"
    if number in _LOST:
        told = _in_words(cause) if isinstance(cause, OSError) else str(error.args[-1])
        return f"connection lost: {told}"
    if number == ER.BAD_DB_ERROR:
        return "there is no such database: run 'sendlimit db init'"
    return str(error.args[-1] if error.args else error)


def _in_words(error: BaseException) -> str:
    if isinstance(error, TimeoutError | BlockingIOError):
        return "no answer in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"TLS: the server's certificate: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or error}"
    return getattr(error, "strerror", None) or str(error)


@contextmanager
def sqlite_errors(where: object) -> Iterator[None]:
    """Turn sqlite3's errors into ours, with the cause kept."""
    try:
        yield
    except sqlite3.OperationalError as error:
        text = str(error)
        message = f"{where}: {text}"
        if "locked" in text or "busy" in text:
            raise StoreConflict(message) from error
        if text.startswith(("no such table", "no such column")):
            raise NoSuchTable(message) from error
        raise StoreUnavailable(message) from error
    except sqlite3.Error as error:
        raise StoreError(f"{where}: {error}") from error


class _InClear:
    """A way to log in that sends the password as it is; not for a line that others may read."""

    def __init__(self, connection: object) -> None:
        self._connection = connection

    def authenticate(self, packet: object) -> None:
        """Refuse.

        Raises:
            pymysql.OperationalError: always.
        """
        del packet
        raise pymysql.OperationalError(
            CR.CR_AUTH_PLUGIN_ERR,
            "the server asks for the password in clear, where others could read it",
        )


_IN_CLEAR: dict[str, Any] = {"mysql_clear_password": _InClear, "dialog": _InClear}


def open_mariadb(
    location: MariaDBLocation,
    password: str,
    host: Host,
    *,
    database: bool = True,
    collation: str = COLLATION,
) -> PacketConnection:
    """Open a connection to one server.

    Args:
        location: user, database, TLS, and the unix socket that is used in place of the host.
        password: "" where the server asks for none.
        host: which of the servers; a host named localhost is asked over TCP.
        database: False connects without choosing the database (to create it).
        collation: of the texts that are compared with our columns; "": the server's own.

    Raises:
        pymysql.Error: it can't be opened.
        StoreUnavailable: a file for TLS can't be used.
    """
    is_verified = location.tls is not None and location.tls.level is not TLSLevel.REQUIRED
    connection = PacketConnection(
        host=host.name,
        port=host.port,
        unix_socket=location.unix_socket,
        user=location.user,
        password=password.encode(),
        database=location.database if database else None,
        charset="utf8mb4",
        collation=collation or None,
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=CONNECT_TIMEOUT_S,
        write_timeout=CONNECT_TIMEOUT_S,
        client_flag=CLIENT.FOUND_ROWS | CLIENT.MULTI_STATEMENTS,
        local_infile=False,
        autocommit=True,
        init_command=_SESSION.format(lock_wait_s=LOCK_WAIT_S, idle_s=IDLE_TRANSACTION_S),
        auth_plugin_map=None if location.unix_socket or is_verified else _IN_CLEAR,
        ssl=None if location.tls is None else tls_context(location.tls),
        ssl_disabled=location.tls is None,
    )
    connection.wait_for_answers(READ_TIMEOUT_S)
    return connection


def open_sqlite(location: SQLiteLocation) -> sqlite3.Connection:
    """Open a file with the journal that lets commands read while the daemon writes.

    synchronous=FULL: what was counted survives a power loss, as with MariaDB's default.

    Raises:
        StoreUnavailable: there is no file and none can be made.
        sqlite3.Error: it is no database.
    """
    make_file(location)
    connection = sqlite3.connect(location.path, timeout=LOCK_WAIT_S, isolation_level=None)
    connection.text_factory = _text_or_octets
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _text_or_octets(octets: bytes) -> str | bytes:
    """Read a text; of one that is no UTF-8 the octets, so that its row alone can't be read."""
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets


def refuse_other_kinds(location: SQLiteLocation) -> None:
    """Refuse what is no file: of a pipe SQLite would wait for the writer, a link it would follow.

    Raises:
        StoreUnavailable: it is something else, or a link to nothing.
    """
    try:
        if not stat.S_ISREG(os.stat(location.path).st_mode):  # noqa: PTH116 - a string
            raise StoreUnavailable(f"{location}: is not a regular file")
    except OSError as error:
        raise StoreUnavailable(f"{location}: can't be opened: {error.strerror}") from error


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
        refuse_other_kinds(location)
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
