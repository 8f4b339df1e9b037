"""Making and upgrading the tables, file by file."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sendlimit.errors import StoreError
from sendlimit.store import SCHEMA_VERSION
from sendlimit.store import migrations as migrations_module
from sendlimit.store.connection import SQLiteConnection
from sendlimit.store.location import SQLiteLocation
from sendlimit.store.migrations import migrations, pending, schema_version, sql_folder, upgrade

_LATER = SCHEMA_VERSION + 1
_LATER_FILE = f"{_LATER:04}_colour.sql"


@pytest.fixture
def location(tmp_path: Path) -> SQLiteLocation:
    """A file that isn't there yet."""
    return SQLiteLocation(str(tmp_path / "s.db"))


@pytest.fixture
def connection(location: SQLiteLocation) -> Iterator[SQLiteConnection]:
    """A connection to it."""
    connection = SQLiteConnection(location)
    yield connection
    connection.close()


@pytest.fixture
def later_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The sql/ of a release that has one file more; returns the folder for SQLite."""
    folder = tmp_path / "sql" / "sqlite"
    folder.mkdir(parents=True)
    for path in (sql_folder() / "sqlite").iterdir():
        (folder / path.name).write_text(path.read_text())
    (folder / _LATER_FILE).write_text(
        "ALTER TABLE er_limit ADD COLUMN colour TEXT;\n"
        f"INSERT INTO er_schema_version (version) VALUES ({_LATER});\n"
    )
    (folder / "notes.txt").write_text("not SQL")
    monkeypatch.setattr(migrations_module, "sql_folder", lambda: folder.parent)
    return folder


def test_empty_file_has_no_version(connection: SQLiteConnection) -> None:
    """No tables are no version, not an error."""
    assert schema_version(connection) is None


def test_upgrade_of_nothing(connection: SQLiteConnection, location: SQLiteLocation) -> None:
    """All files are run; running them again does nothing."""
    assert upgrade(connection, location) == SCHEMA_VERSION
    assert upgrade(connection, location) == SCHEMA_VERSION
    assert schema_version(connection) == SCHEMA_VERSION
    assert list(pending(connection, location)) == []


@pytest.mark.usefixtures("later_release")
def test_files_in_order(location: SQLiteLocation) -> None:
    """Only numbered files count, the oldest first."""
    assert [migration.version for migration in migrations(location)] == [*range(1, _LATER + 1)]


def test_upgrade_runs_what_is_new(
    connection: SQLiteConnection, location: SQLiteLocation, monkeypatch: pytest.MonkeyPatch,
    later_release: Path,
) -> None:  # fmt: skip
    """Tables of this release with rows in them become the next release's and keep their rows."""
    with monkeypatch.context() as earlier:
        earlier.setattr(migrations_module, "sql_folder", sql_folder)
        upgrade(connection, location)
    connection.execute(
        "INSERT INTO er_limit (subject, scope, unit, `window`, max) VALUES ('x', 'domain', 'messages', 'day', 5)"
    )
    assert [migration.path.parent for migration in pending(connection, location)] == [later_release]

    assert upgrade(connection, location) == _LATER
    assert connection.execute("SELECT subject, colour FROM er_limit") == [("x", None)]


def test_file_that_fails_changes_nothing(
    connection: SQLiteConnection, location: SQLiteLocation, later_release: Path
) -> None:
    """A file of sql/ that breaks in its middle leaves the version before."""
    (later_release / _LATER_FILE).write_text(
        "ALTER TABLE er_limit ADD COLUMN colour TEXT; INSERT INTO nowhere VALUES (1);"
    )
    with pytest.raises(StoreError, match="nowhere"):
        upgrade(connection, location)

    assert schema_version(connection) == SCHEMA_VERSION
    with pytest.raises(StoreError, match="colour"):
        connection.execute("SELECT colour FROM er_limit")


def test_lost_connection_is_no_empty_database(location: SQLiteLocation) -> None:
    """A connection that is gone is an error, not a reason to make tables."""
    connection = SQLiteConnection(location)
    connection.close()

    with pytest.raises(StoreError):
        schema_version(connection)
