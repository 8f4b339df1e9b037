"""Transactions of the commands, beside a daemon that counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from sendlimit.errors import StoreConflict, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sendlimit.store.connection import Connection
    from sendlimit.store.rows import Row

T = TypeVar("T")

_ATTEMPTS = 5
"""How often a transaction that lost against others is done again, as the ledger does."""
_PATIENT_ATTEMPTS = 12


def atomically(connection: Connection, work: Callable[[], T]) -> T:
    """Do the work in one transaction, again if the database rolls it back.

    Raises:
        StoreError: nothing was changed, unless the connection was lost in the COMMIT.
    """
    for attempt in range(_ATTEMPTS):
        try:
            return _once(connection, work)
        except StoreConflict:
            if attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError


def execute_when_free(
    connection: Connection, statement: str, params: Sequence[object] = ()
) -> list[Row]:
    """Run one statement that stands alone, again while another holds the lock that it needs.

    For work that need not be quick and must not fail beside a busy daemon: `purge`.

    Raises:
        StoreError: another error, or the lock was taken each time (LOCK_WAIT_S each).
    """
    for _ in range(_PATIENT_ATTEMPTS - 1):
        try:
            return connection.execute(statement, params)
        except StoreConflict:
            continue
    return connection.execute(statement, params)


def _once(connection: Connection, work: Callable[[], T]) -> T:
    connection.begin()
    try:
        result = work()
        connection.commit()
    except StoreError:
        # A lock wait that was too long takes back one statement only.
        _rollback(connection)
        raise
    return result


def _rollback(connection: Connection) -> None:
    try:
        connection.execute("ROLLBACK")
    except StoreError:
        # The connection is gone, or the database has done it already.
        return
