"""Changes by people and programs: made, written down in er_change, and heard of by the daemon.

A daemon that is alone on its database decides from memory (er_lease names it). It reads
er_change with each flush, so a command that changes a limit or a counter writes a row there in the same
transaction, and waits until the daemon has applied it: then it holds from the next mail on.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from sendlimit.errors import StoreError
from sendlimit.store import STILL_S, LeaseRow
from sendlimit.store.rows import lease_row
from sendlimit.store.sqltime import to_sql
from sendlimit.store.statements import LAST_CHANGE, LEASE
from sendlimit.store.transaction import atomically
from sendlimit.store.unreadable import as_text, moment_or_none

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sendlimit.store.connection import Connection
    from sendlimit.store.rows import Row

T = TypeVar("T")

LOOK_S = 0.05
PATIENCE_S = 5.0

_TEXT_MAX = 255
_CHUNK = 200
"""Rows a statement."""

# A write that changes nothing locks the row in both databases, as the ledger's own lock does.
_LOCK_LATCH = """
UPDATE er_counter SET used = used
 WHERE scope = 'global' AND subject = '*' AND unit = 'messages' AND `window` = 'ever'"""
_ADD = "INSERT INTO er_change (id, at, who, origin, what, subject, `before`, `after`) VALUES "
_ROW = "(%s, %s, %s, %s, %s, %s, %s, %s)"
_HOST = "SELECT host FROM er_daemon WHERE id = %s"
_COLUMNS = "SELECT id, at, who, origin, what, subject, `before`, `after` FROM er_change"
_SINCE = _COLUMNS + " WHERE at >= %s ORDER BY id DESC"
_PAGE = _COLUMNS + " WHERE at >= %s AND id < %s ORDER BY id DESC LIMIT %s"
_PAGE_OF = _COLUMNS + " WHERE at >= %s AND subject = %s AND id < %s ORDER BY id DESC LIMIT %s"
_SINCE_OF = _COLUMNS + " WHERE at >= %s AND subject = %s ORDER BY id DESC"


class Author(NamedTuple):
    """Who changes something.

    Attributes:
        who: a person or program, as the caller knows them.
        origin: 'command', 'api', 'page' or 'daemon'.
        at: seconds since 1970.
    """

    who: str
    origin: str
    at: int


class Change(NamedTuple):
    """One change of one subject.

    Attributes:
        what: the command: 'limit set', 'usage reset', ...
        subject: '*', a domain or a mailbox.
        before, after: what there was and is, as JSON has it; None: nothing.
    """

    what: str
    subject: str
    before: object = None
    after: object = None


class RecordedChange(NamedTuple):
    """A row of er_change; at is None where the row was written by hand and has no moment."""

    id: int
    at: int | None
    who: str
    origin: str
    change: Change


@dataclass(frozen=True, slots=True)
class Made(Generic[T]):
    """A change that is committed.

    Attributes:
        result: what the caller's work returned.
        id: of its last row in er_change; 0: there was nothing to change.
        lease: as it was in the same transaction.
    """

    result: T
    id: int
    lease: LeaseRow


def make_change(
    connection: Connection, author: Author, work: Callable[[], tuple[T, Sequence[Change]]]
) -> Made[T]:
    """Do the work and write down what it changed, in one transaction under the latch.

    The latch comes first, so ids have the order of the commits, and no batch of a daemon is
    half way.

    Args:
        connection: to the tables.
        author: who does it.
        work: changes the tables; returns a result and what has changed. It may be done again.

    Raises:
        StoreError: nothing was changed, unless the connection was lost in the COMMIT.
    """

    def transaction() -> Made[T]:
        connection.execute(_LOCK_LATCH)
        result, changes = work()
        lease = read_lease(connection)
        # Not by AUTO_INCREMENT, which a row of the greatest id would end for all others.
        last = max(int(connection.execute(LAST_CHANGE)[0][0]), lease.seen_change) if changes else 0
        for start in range(0, len(changes), _CHUNK):
            rows = [
                (last + number, *_params(author, change))
                for number, change in enumerate(changes[start : start + _CHUNK], 1)
            ]
            last += len(rows)
            connection.execute(
                _ADD + ", ".join([_ROW] * len(rows)), [value for row in rows for value in row]
            )
        return Made(result, last, lease)

    return atomically(connection, transaction)


def read_lease(connection: Connection) -> LeaseRow:
    """Return the row of er_lease; without one there is no holder."""
    return lease_row(connection.execute(LEASE))


class HolderWatch:
    """Whether the daemon that decides from memory has applied a change. Pure: readings come in.

    Args:
        change: the id that it must have seen.
        lease: as it was when the change was committed.
        now: of a clock that only goes forward, in seconds.
        patience_s: how long a daemon that lives is waited for.
    """

    def __init__(
        self, change: int, lease: LeaseRow, now: float, patience_s: float = PATIENCE_S
    ) -> None:
        self._change = change
        self._lease = lease
        self._since = self._begun = now
        self._patience_s = patience_s

    def verdict(self, lease: LeaseRow, now: float) -> str | None:
        """Return what a reading of the row means.

        Returns:
            "": it has, or it decides from memory no longer. None: look again. Else why it has
            not, as the end of a sentence.
        """
        if (
            lease.seen_change >= self._change
            or lease.holder != self._lease.holder
            or not lease.holder
        ):
            return ""
        if lease.beat != self._lease.beat:
            self._lease, self._since = lease, now
        if now - self._since >= STILL_S:
            return (
                "it gives no sign of life; it grants nothing more by what it knows, and applies"
                " the change when it is back"
            )
        if now - self._begun >= self._patience_s:
            return "it lives, and applies the change with one of its next flushes"
        return None


def wait_until_heard(
    connection: Connection,
    made: Made[T],
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    patience_s: float = PATIENCE_S,
) -> str | None:
    """Wait until the daemon that decides from memory has applied a change.

    Args:
        connection: to the tables.
        made: the change.
        clock: seconds of a clock that only goes forward.
        sleep: waits for some seconds.
        patience_s: how long, at most.

    Returns:
        None when it has, or when there is none; else a sentence that says who has not heard.
    """
    if not made.id or not made.lease.holder:
        return None
    watch = HolderWatch(made.id, made.lease, clock(), patience_s)
    holder = made.lease.holder
    try:
        while (verdict := watch.verdict(read_lease(connection), clock())) is None:
            sleep(LOOK_S)
        if not verdict:
            return None
        host = connection.execute(_HOST, [holder])
    except StoreError as error:
        return f"the change is made; whether the daemon has heard of it is not known: {error}"
    name = f"on {host[0][0]} ({holder})" if host and host[0][0] else holder
    return f"the change is made, but the daemon {name} has not heard of it: {verdict}"


def recorded_changes(
    connection: Connection, since: int, subject: str | None = None
) -> list[RecordedChange]:
    """Return the changes since the moment, the last first; of one subject, or of all."""
    if subject is None:
        rows = connection.execute(_SINCE, [to_sql(since)])
    else:
        rows = connection.execute(_SINCE_OF, [to_sql(since), subject])
    return [_recorded(row) for row in rows]


def changes_page(
    connection: Connection, since: int, subject: str | None, before: int, count: int
) -> list[RecordedChange]:
    """Return some of the changes since the moment, the last first.

    Args:
        connection: to the tables.
        since: seconds since 1970.
        subject: only those of one; None: all.
        before: an id; only those before it.
        count: how many at most.
    """
    if subject is None:
        rows = connection.execute(_PAGE, (to_sql(since), before, count))
    else:
        rows = connection.execute(_PAGE_OF, (to_sql(since), subject, before, count))
    return [_recorded(row) for row in rows]


def _recorded(row: Row) -> RecordedChange:
    change = Change(as_text(row[4]), as_text(row[5]), _value(row[6]), _value(row[7]))
    who, origin = as_text(row[2]), as_text(row[3])
    return RecordedChange(int(row[0]), moment_or_none(row[1]), who, origin, change)


def _params(author: Author, change: Change) -> Row:
    return (
        to_sql(author.at),
        author.who[:_TEXT_MAX],
        author.origin,
        change.what,
        change.subject,
        _text(change.before),
        _text(change.after),
    )


def _text(value: object) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)


def _value(value: object) -> object:
    """Read JSON; what was written by hand stays a text."""
    if value is None:
        return None
    try:
        return json.loads(as_text(value))
    except (ValueError, RecursionError):
        return as_text(value)
