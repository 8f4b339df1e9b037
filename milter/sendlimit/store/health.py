"""What doctor reads in the database: how fast and how late it is, and what the tables tell."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from sendlimit.rules.limit import EVERYONE, Scope, Unit
from sendlimit.rules.window import Window
from sendlimit.store import statements as sql
from sendlimit.store.rows import placeholders
from sendlimit.store.sqltime import from_sql, to_sql
from sendlimit.store.unreadable import moment_or_none

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from sendlimit.store.connection import Connection
    from sendlimit.store.rows import Row

_ROUND_TRIPS = 3
_CIPHER = "SHOW SESSION STATUS LIKE 'Ssl_cipher'"
_NOW = "SELECT CURRENT_TIMESTAMP"  # UTC on our connections to both databases
_LAST_DAY = """
SELECT MAX(period_start) FROM er_counter
 WHERE scope = %s AND subject = %s AND unit = %s AND `window` = %s AND used > 0"""
# What is later is no moment; digits come before all that SQLite may hold besides.
_LAST_BATCH = "SELECT MAX(last_at) FROM er_committer WHERE batch > 0 AND last_at < '9999'"
_LAST_REFUSAL = "SELECT MAX(last_at) FROM er_refusal WHERE last_at < '9999'"
_USED = """
SELECT COALESCE(SUM(used), 0) FROM er_counter
 WHERE scope = %s AND subject = %s AND unit = %s AND `window` = %s"""
_REFUSED = "SELECT COUNT(*) FROM er_refusal WHERE last_mailbox = %s AND last_at >= %s"

_COUNTED = """
SELECT DISTINCT subject FROM er_counter
 WHERE scope = 'mailbox' AND unit = 'messages' AND `window` = 'day' AND period_start >= %s
   AND subject IN ({subjects})
UNION SELECT subject FROM er_change
 WHERE what IN ('forget', 'rename') AND at >= %s AND subject IN ({subjects})"""
_CHUNK = 200


def round_trip_s(connection: Connection) -> float:
    """Ask the database a few times; return the usual time in between."""
    times = []
    for _ in range(_ROUND_TRIPS):
        started = time.perf_counter()
        connection.execute("SELECT 1")
        times.append(time.perf_counter() - started)
    return sorted(times)[_ROUND_TRIPS // 2]


def cipher(connection: Connection) -> str:
    """Return what encrypts the connection to MariaDB, "" for nothing."""
    return str(connection.execute(_CIPHER)[0][1])


def ahead_s(connection: Connection, clock: Callable[[], float]) -> int:
    """Return how far the database's clock is ahead of ours."""
    return from_sql(str(connection.execute(_NOW)[0][0])) - int(clock())


def published_limits(connection: Connection) -> list[Row]:
    """Return the limits that a daemon was last started or reloaded with, as rows of er_file_limit."""
    return connection.execute(sql.PUBLISHED_LIMITS)


class LastActivity(NamedTuple):
    """What the tables tell about the last mail of a login; timestamps, None: nothing.

    Attributes:
        day: start of the last day in which mail was counted.
        batch: when a daemon last wrote: a decision, or something given back.
        refusal: the last refusal.
    """

    day: int | None
    batch: int | None
    refusal: int | None


def last_activity(connection: Connection) -> LastActivity:
    """Read what the tables tell about the last mail of a login."""
    day = (str(Scope.GLOBAL), EVERYONE, str(Unit.MESSAGES), str(Window.DAY))
    asked = ((_LAST_DAY, day), (_LAST_BATCH, ()), (_LAST_REFUSAL, ()))
    read = [connection.execute(statement, params)[0][0] for statement, params in asked]
    return LastActivity(*(moment_or_none(value) for value in read))


def messages_of_all_days(connection: Connection, mailbox: str) -> int:
    """Return how many messages of a mailbox are counted, all days together."""
    params = (str(Scope.MAILBOX), mailbox, str(Unit.MESSAGES), str(Window.DAY))
    return int(connection.execute(_USED, params)[0][0])


def was_refused(connection: Connection, mailbox: str, since: int) -> bool:
    """Return whether a mail of a mailbox was refused since the moment."""
    return int(connection.execute(_REFUSED, (mailbox, to_sql(since)))[0][0]) > 0


def mailboxes_seen(connection: Connection, mailboxes: Collection[str], since: int) -> set[str]:
    """Return those of the mailboxes that have a counter of that day or later.

    Those that were renamed or forgotten since then count as seen: their counters went with it.

    Args:
        connection: to the tables.
        mailboxes: by their keys.
        since: start of a day, seconds since 1970.
    """
    found: set[str] = set()
    names, at = [*mailboxes], to_sql(since)
    for start in range(0, len(names), _CHUNK):
        some = names[start : start + _CHUNK]
        statement = _COUNTED.format(subjects=placeholders(some))
        found.update(row[0] for row in connection.execute(statement, [at, *some, at, *some]))
    return found
