"""er_hour: what the web process saw of the server's day, last in each hour.

Hours are counted only while a limit on them is in force (R14). For the picture of a day it is
enough to look at the counter of the day now and then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendlimit.store.sqltime import from_sql, to_sql
from sendlimit.store.transaction import atomically
from sendlimit.store.unreadable import readable, text, whole

if TYPE_CHECKING:
    from sendlimit.store.connection import Connection

_SEEN = "SELECT hour, used FROM er_hour WHERE day_start = %s ORDER BY hour"
_FORGET = "DELETE FROM er_hour WHERE day_start <> %s OR hour = %s"
_ADD = "INSERT INTO er_hour (day_start, hour, used) VALUES (%s, %s, %s)"


def keep_hour(connection: Connection, day_start: int, hour: int, used: int) -> None:
    """Note what was used of a day so far, in place of what was seen in the same hour; other days go."""
    day = to_sql(day_start)

    def work() -> None:
        connection.execute(_FORGET, (day, to_sql(hour)))
        connection.execute(_ADD, (day, to_sql(hour), used))

    atomically(connection, work)


def hours_seen(connection: Connection, day_start: int) -> dict[int, int]:
    """Return what was used of a day, by the start of the hour in which it was seen last."""
    rows = connection.execute(_SEEN, [to_sql(day_start)])
    return dict(readable("er_hour", rows, lambda row: (from_sql(text(row[0])), whole(row[1]))))
