"""Transactions of the commands: all or nothing, again when others were first."""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from sendlimit.errors import StoreConflict, StoreError, StoreUnavailable
from sendlimit.store.connection import Connection
from sendlimit.store.rows import Row
from sendlimit.store.transaction import atomically, execute_when_free


class RecordingConnection:
    """A connection that remembers what it was told, and fails as it is told."""

    def __init__(self, *failures: StoreError, rollback_fails: bool = False) -> None:
        """Take what each COMMIT raises, in order; then they succeed."""
        self.told: list[str] = []
        self._failures: Iterator[StoreError] = iter(failures)
        self._rollback_fails = rollback_fails

    def begin(self) -> None:
        """Begin."""
        self.told.append("BEGIN")

    def commit(self) -> None:
        """Commit, or fail."""
        self.told.append("COMMIT")
        if failure := next(self._failures, None):
            raise failure

    def execute(self, statement: str, params: Sequence[object] = ()) -> list[Row]:
        """Remember the statement."""
        assert not params
        self.told.append(statement)
        if self._rollback_fails:
            raise StoreUnavailable
        return []

    def affected(self) -> int:
        """Nothing is ever changed."""
        return 0

    def script(self, text: str) -> None:
        """Remember the text."""
        self.told.append(text)

    def close(self) -> None:
        """Close."""
        self.told.append("close")


def test_commit() -> None:
    """Work that succeeds is committed once, and its result returned."""
    connection = RecordingConnection()
    assert atomically(connection, lambda: 42) == 42
    assert connection.told == ["BEGIN", "COMMIT"]


@pytest.mark.parametrize("rollback_fails", [True, False])
def test_conflict_is_done_again(*, rollback_fails: bool) -> None:
    """What the database rolled back is rolled back here too, and done again."""
    connection = RecordingConnection(StoreConflict(), rollback_fails=rollback_fails)
    assert atomically(connection, lambda: 42) == 42
    assert connection.told == ["BEGIN", "COMMIT", "ROLLBACK", "BEGIN", "COMMIT"]


def test_conflicts_without_end() -> None:
    """After five conflicts the command fails; the last transaction is rolled back."""
    connection = RecordingConnection(*[StoreConflict()] * 9)
    with pytest.raises(StoreConflict):
        atomically(connection, lambda: None)
    assert connection.told.count("BEGIN") == connection.told.count("ROLLBACK") == 5


def test_other_errors_are_not_tried_again() -> None:
    """A lost connection or a refused statement ends the transaction at once."""
    connection = RecordingConnection()

    def work() -> None:
        raise StoreUnavailable

    with pytest.raises(StoreUnavailable):
        atomically(connection, work)
    assert connection.told == ["BEGIN", "ROLLBACK"]


@pytest.mark.parametrize("is_let_go", [True, False])
def test_lock_that_is_taken(tables: Connection, tmp_path: Path, *, is_let_go: bool) -> None:
    """A step beside a busy daemon is tried again when the lock was taken, and not for ever."""
    tables.execute("PRAGMA busy_timeout = 50")
    holder = sqlite3.connect(
        tmp_path / "sendlimit.db", isolation_level=None, check_same_thread=False
    )
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreConflict):
        tables.execute("DELETE FROM er_refusal")
    timer = threading.Timer(0.2, lambda: holder.execute("ROLLBACK"))
    if is_let_go:
        timer.start()
        assert execute_when_free(tables, "DELETE FROM er_refusal") == []
        timer.join()
    else:
        with pytest.raises(StoreConflict):
            execute_when_free(tables, "DELETE FROM er_refusal")
    holder.close()
