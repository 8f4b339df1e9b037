"""The files of sql/: one a version, the same for both databases, up to the version of the program."""

from pathlib import Path

import pytest

from sendlimit.store import SCHEMA_VERSION

_SQL = Path(__file__).parents[2] / "sql"


@pytest.mark.parametrize("database", ["mariadb", "sqlite"])
def test_versions(database: str) -> None:
    """No version is missing or there twice."""
    names = sorted(path.name for path in (_SQL / database).iterdir())

    assert [int(name[:4]) for name in names] == [*range(1, SCHEMA_VERSION + 1)]


def test_names() -> None:
    """Each version has one name."""
    assert {path.name for path in (_SQL / "mariadb").iterdir()} == {
        path.name for path in (_SQL / "sqlite").iterdir()
    }
