"""Connections of both drivers, and their errors as ours."""

from pathlib import Path

import pymysql
import pytest

from sendlimit.errors import (
    NoSuchDatabase,
    NoSuchTable,
    StoreConflict,
    StoreDenied,
    StoreError,
    StoreUnavailable,
)
from sendlimit.store.connection import SQLiteConnection
from sendlimit.store.drivers import mariadb_errors
from sendlimit.store.location import SQLiteLocation

_OPEN_FILES = Path("/proc/self/fd")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        pytest.param(pymysql.OperationalError(1213, "Deadlock found"), StoreConflict, id="deadlock"),
        pytest.param(pymysql.OperationalError(1205, "Lock wait timeout"), StoreConflict, id="lock wait"),
        pytest.param(pymysql.OperationalError(1020, "Record has changed"), StoreConflict, id="snapshot"),
        pytest.param(pymysql.OperationalError(1045, "Access denied"), StoreDenied, id="password"),
        pytest.param(pymysql.OperationalError(1698, "Access denied"), StoreDenied, id="no password"),
        pytest.param(pymysql.OperationalError(1044, "Access denied"), StoreDenied, id="database"),
        pytest.param(pymysql.OperationalError(1142, "SELECT denied"), StoreDenied, id="table"),
        pytest.param(pymysql.OperationalError(1049, "Unknown database"), NoSuchDatabase, id="no database"),
        pytest.param(pymysql.ProgrammingError(1146, "no table"), NoSuchTable, id="no table"),
        pytest.param(pymysql.OperationalError(1054, "no column"), NoSuchTable, id="no column"),
        pytest.param(pymysql.OperationalError(1290, "--read-only"), StoreUnavailable, id="read-only"),
        pytest.param(pymysql.OperationalError(1047, "WSREP"), StoreUnavailable, id="no node yet"),
        pytest.param(pymysql.OperationalError(1040, "Too many"), StoreUnavailable, id="too many"),
        pytest.param(pymysql.OperationalError(2013, "Lost"), StoreUnavailable, id="lost"),
        pytest.param(pymysql.InterfaceError(0, ""), StoreUnavailable, id="closed"),
        pytest.param(pymysql.InternalError("sequence"), StoreUnavailable, id="out of step"),
        pytest.param(pymysql.IntegrityError(1062, "Duplicate"), StoreError, id="duplicate"),
        pytest.param(pymysql.DataError(1406, "Data too long"), StoreError, id="too long"),
    ],
)  # fmt: skip
def test_kinds(error: pymysql.Error, expected: type[StoreError]) -> None:
    """Each error of the driver is one of ours, of the kind that says what can be done."""
    with pytest.raises(StoreError) as caught, mariadb_errors("mariadb u@h/d"):
        raise error

    assert type(caught.value) is expected
    assert str(caught.value).startswith("mariadb u@h/d: ")
    assert caught.value.__cause__ is error


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "can't connect: Connection refused"),
        (TimeoutError("timed out"), "can't connect: no answer in time"),
        (OSError(-2, "Name or service not known"), "can't connect: Name or service not known"),
    ],
)
def test_words(cause: OSError, words: str) -> None:
    """What the system says about a connection stands there in words, without names of exceptions."""
    error = pymysql.OperationalError(2003, repr(cause))
    error.__context__ = cause
    with pytest.raises(StoreUnavailable) as caught, mariadb_errors("mariadb"):
        raise error

    assert str(caught.value) == f"mariadb: {words}"


def test_sqlite_file_that_is_none(tmp_path: Path) -> None:
    """A file that is no database is not kept open."""
    path = tmp_path / "s.db"
    path.write_text("this is not a database, but long enough to look like one" * 100)
    with pytest.raises(StoreError, match="not a database"):
        SQLiteConnection(SQLiteLocation(str(path)))

    assert not any(file.exists() and file.samefile(path) for file in _OPEN_FILES.iterdir())
