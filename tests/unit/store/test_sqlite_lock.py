"""One daemon to an SQLite file."""

import os
from pathlib import Path

import pytest

from sendlimit.errors import DatabaseInUse, StoreUnavailable
from sendlimit.store.location import SQLiteLocation
from sendlimit.store.sqlite_lock import lock_for_daemon


def test_a_second_daemon_is_told_which_key_to_change(tmp_path: Path) -> None:
    """The lock holds until the descriptor is closed; the database itself need not exist yet."""
    location = SQLiteLocation(str(tmp_path / "s.db"))
    first = lock_for_daemon(location)
    with pytest.raises(DatabaseInUse, match=r"store.url: .*s.db: .* another store.url"):
        lock_for_daemon(location)
    os.close(first)

    os.close(lock_for_daemon(location))


def test_two_files_in_one_folder(tmp_path: Path) -> None:
    """Each has its own lock, which only its owner can open."""
    locks = [lock_for_daemon(SQLiteLocation(str(tmp_path / name))) for name in ("a.db", "b.db")]
    assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}
    for lock in locks:
        os.close(lock)


def test_a_lock_that_cannot_be_made(tmp_path: Path) -> None:
    """A folder that is missing, and a link in the place of the file, end the start with a sentence."""
    with pytest.raises(StoreUnavailable, match=r"no/s\.db\.lock: No such file or directory"):
        lock_for_daemon(SQLiteLocation(str(tmp_path / "no" / "s.db")))
    (tmp_path / "s.db.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreUnavailable, match=r"s\.db\.lock: Too many levels of symbolic links"):
        lock_for_daemon(SQLiteLocation(str(tmp_path / "s.db")))
