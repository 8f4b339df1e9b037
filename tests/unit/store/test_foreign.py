"""Tables of another program's database."""

import sqlite3
from pathlib import Path

import pytest

from sendlimit.errors import StoreError
from sendlimit.store.foreign import read_table
from sendlimit.store.location import SQLiteLocation


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """A database of another program; its name needs quoting in an address."""
    file = tmp_path / "quota 100%?.db"
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE throttle (account TEXT, max_msgs INTEGER)")
    connection.execute("INSERT INTO throttle VALUES ('a@example.org', 100), ('@.', -1)")
    connection.commit()
    connection.close()
    return file


def test_rows_by_the_names_of_their_columns(theirs: Path) -> None:
    """All columns are read, whichever a release of the program has."""
    assert read_table(SQLiteLocation(str(theirs)), "", "throttle") == [
        {"account": "a@example.org", "max_msgs": 100},
        {"account": "@.", "max_msgs": -1},
    ]


def test_nothing_is_changed(theirs: Path) -> None:
    """The file is opened for reading: its bytes stay as they are."""
    before = theirs.read_bytes()
    read_table(SQLiteLocation(str(theirs)), "", "throttle")

    assert theirs.read_bytes() == before


@pytest.mark.parametrize("table", ["ratelimits", "throttle"])
def test_missing_table_or_file(theirs: Path, table: str) -> None:
    """What is not there is an error with the file's name, and no file is made."""
    if table == "throttle":
        theirs.unlink()
    with pytest.raises(StoreError, match="quota 100"):
        read_table(SQLiteLocation(str(theirs)), "", table)
    assert theirs.exists() is (table == "ratelimits")
