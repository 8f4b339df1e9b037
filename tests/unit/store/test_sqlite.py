"""The ledger's store in one file; what it has in common with MariaDB is in tests/contract."""

import os
from pathlib import Path

import pytest

from sendlimit.errors import StoreUnavailable
from sendlimit.rules.limit import LATCH
from sendlimit.store import Writing
from sendlimit.store.location import SQLiteLocation
from sendlimit.store.sqlite import SQLiteStore
from support.counting_samples import ALICES_DAY
from support.real_stores import add, used


def _store(file: Path) -> SQLiteStore:
    store = SQLiteStore(SQLiteLocation(str(file)))
    store.connect()
    return store


def test_never_says_that_the_commit_is_on_its_way(tmp_path: Path) -> None:
    """The commit is this process's own work: until it is done nothing may be answered."""
    store = _store(tmp_path / "s.db")
    calls: list[str] = []
    store.begin({LATCH: 1}, ())
    store.write(Writing("one", 1), lambda: calls.append("sent"))
    store.close()

    assert calls == []


def test_counts_survive_the_end_of_the_process(tmp_path: Path) -> None:
    """What was committed is there for the next start, also without a clean close."""
    first = _store(tmp_path / "s.db")
    add(first, {ALICES_DAY: 2})
    second = _store(tmp_path / "s.db")

    assert used(second, [ALICES_DAY]) == {ALICES_DAY: 2}
    first.close()
    second.close()


@pytest.mark.parametrize("replaced", [False, True])
def test_file_that_is_gone(tmp_path: Path, *, replaced: bool) -> None:
    """A file that was removed or replaced is a store that is down, until it is opened again."""
    file = tmp_path / "s.db"
    store = _store(file)
    file.unlink()
    if replaced:
        os.close(os.open(file, os.O_CREAT))
    with pytest.raises(StoreUnavailable, match="removed or replaced"):
        store.begin({LATCH: 1}, ())
    store.connect()
    add(store, {ALICES_DAY: 1})

    assert used(store, [ALICES_DAY]) == {ALICES_DAY: 1}
    store.close()


def test_file_is_closed_to_others(tmp_path: Path) -> None:
    """Whatever the umask says, other users can neither read nor write what is counted."""
    before = os.umask(0)
    try:
        _store(tmp_path / "s.db").close()
    finally:
        os.umask(before)

    assert (tmp_path / "s.db").stat().st_mode & 0o007 == 0
