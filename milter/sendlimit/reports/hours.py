"""The server's day, hour by hour: what the overview draws."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sendlimit.rules.limit import EVERYONE, CounterKey, LimitName, Scope, Unit
from sendlimit.rules.window import Period, Window
from sendlimit.store.history import Span, counts
from sendlimit.store.hours import hours_seen, keep_hour
from sendlimit.store.usage import usage

if TYPE_CHECKING:
    from sendlimit.rules.window import Calendar
    from sendlimit.store.connection import Connection

_HOURLY = LimitName(Scope.GLOBAL, Unit.MESSAGES, Window.HOUR)


class HourTotal(NamedTuple):
    """What the server had sent of a day at the end of an hour, or now in the running one.

    Attributes:
        hour: the hour.
        total: messages since the start of the day, as far as it is known.
        is_known: the total was counted or seen in this hour.
    """

    hour: Period
    total: int
    is_known: bool


def _used_today(connection: Connection, day: Period) -> int:
    key = CounterKey(Scope.GLOBAL, EVERYONE, Unit.MESSAGES, Window.DAY, day.start)
    return usage(connection, [key]).get(key, 0)


def note_hour(calendar: Calendar, connection: Connection, at: int) -> None:
    """Note what was sent of the day until now; to be called every minute or so."""
    day = calendar.period(Window.DAY, at)
    hour = calendar.period(Window.HOUR, at)
    keep_hour(connection, day.start, hour.start, _used_today(connection, day))


def hour_totals(calendar: Calendar, connection: Connection, at: int) -> list[HourTotal]:
    """Return the hours of the running day until now.

    They are counted while a limit on the messages of an hour is in force (R14), and seen while
    the web process runs (note_hour). What is neither is in the next hour that is.
    """
    day = calendar.period(Window.DAY, at)
    used = _used_today(connection, day)
    seen = hours_seen(connection, day.start)
    counted = dict(counts(connection, Span(_HOURLY, day.start, day.end), EVERYONE))
    hour = calendar.period(Window.HOUR, day.start)
    found: list[HourTotal] = []
    total = sum_counted = 0
    while True:
        is_running = at < hour.end
        sum_counted += counted.get(hour.start, 0)
        total = max(total, sum_counted, seen.get(hour.start, 0), used if is_running else 0)
        # After a reset of the day's counter no hour has more than that.
        is_known = is_running or hour.start in seen or hour.start in counted
        found.append(HourTotal(hour, min(total, used), is_known))
        if is_running:
            return found
        hour = calendar.period(Window.HOUR, hour.end)
