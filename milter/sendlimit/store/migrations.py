"""The tables: plain SQL files of sql/, one a version, run in order.

File names are NNNN_WORDS.sql; NNNN is the version that er_schema_version has afterwards
(each file writes its own row last).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sendlimit.errors import NoSuchTable
from sendlimit.store import statements as sql
from sendlimit.store.location import SQLiteLocation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sendlimit.store.connection import Connection
    from sendlimit.store.location import Location


class Migration(NamedTuple):
    """One file of sql/."""

    version: int
    path: Path

    @property
    def text(self) -> str:
        """The SQL."""
        return self.path.read_text(encoding="utf-8")


def sql_folder() -> Path:
    """Return sql/: inside the installed package, or beside milter/ in a checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "sql"
    return installed if installed.is_dir() else package.parents[1] / "sql"


def migrations(location: Location) -> list[Migration]:
    """Return the files for a kind of database, oldest first."""
    folder = sql_folder() / ("sqlite" if isinstance(location, SQLiteLocation) else "mariadb")
    return sorted(
        Migration(int(path.name[:4]), path) for path in folder.glob("[0-9][0-9][0-9][0-9]_*.sql")
    )


def schema_version(connection: Connection) -> int | None:
    """Return the version of the tables; None when there are none.

    Raises:
        StoreError: the tables can't be read, which is not the same.
    """
    try:
        version = connection.execute(sql.VERSION)[0][0]
    except NoSuchTable:
        return None
    return None if version is None else int(version)


def pending(connection: Connection, location: Location) -> Iterator[Migration]:
    """Yield the files that have not been run yet."""
    version = schema_version(connection) or 0
    return (migration for migration in migrations(location) if migration.version > version)


def upgrade(connection: Connection, location: Location) -> int:
    """Run what has not been run; return the version there is now."""
    version = schema_version(connection) or 0
    for migration in migrations(location):
        if migration.version > version:
            connection.script(migration.text)
            version = migration.version
    return version
