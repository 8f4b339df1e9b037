"""The calendar: which period a moment belongs to (rule R5), and steps of rolling windows (R19). Pure.

Moments are whole seconds since 1970 in UTC. A period is found from the zone's own rules, so
it is right after any downtime and on the days on which the clocks change. A step of a rolling
window is cut in UTC, by no zone's rules.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from zoneinfo import ZoneInfo


class Window(StrEnum):
    """How long a limit counts; the word is the one in the config file and in the tables.

    ROLLING_HOUR and ROLLING_DAY are the last 60 minutes and the last 24 hours (R19). MESSAGE is
    one mail (recipients_per_message). EVER is the latch of the ledger.
    """

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"
    ROLLING_HOUR = "rolling_hour"
    ROLLING_DAY = "rolling_day"
    MESSAGE = "message"
    EVER = "ever"

    __hash__ = str.__hash__  # Enum's own is written in Python, and each look-up in a dict calls it

    @property
    def words(self) -> str:
        """What people read behind "per"."""
        return _WORDS.get(self, str(self))


_WORDS = {Window.ROLLING_HOUR: "60 minutes", Window.ROLLING_DAY: "24 hours"}


class Period(NamedTuple):
    """One run of a window: start <= moment < end, seconds since 1970, UTC."""

    start: int
    end: int


EVER = Period(0, 2**62)
DAY_S = 86400
"""A day on which the clocks do not change."""

PERIODIC_WINDOWS = (Window.MINUTE, Window.HOUR, Window.DAY, Window.MONTH)
"""The windows whose periods follow each other."""


class Rolling(NamedTuple):
    """How a rolling window is counted (R19).

    Attributes:
        span: how long a mail counts at least, in seconds.
        step: how long mails are counted together, in seconds; it divides the span.
        merged: the calendar's window by which its refusals and notices are merged (R13).
    """

    span: int
    step: int
    merged: Window


ROLLING_WINDOWS = {
    Window.ROLLING_HOUR: Rolling(3600, 60, Window.HOUR),
    Window.ROLLING_DAY: Rolling(DAY_S, 3600, Window.DAY),
}
COUNTED_WINDOWS = (*PERIODIC_WINDOWS, *ROLLING_WINDOWS)
"""The windows that have counters and limits."""

_SECONDS = {Window.MINUTE: 60, Window.HOUR: 3600}
_LAST_MONTH = 12


@dataclass(frozen=True, slots=True)
class Calendar:
    """The zone and the start of the day that every period is cut by.

    Lives as long as the configuration that it comes from; threads may share it.

    Attributes:
        timezone: whose days and hours are counted.
        day_starts_at: local time at which day and month begin.
    """

    timezone: ZoneInfo
    day_starts_at: time = time(0, 0)
    _running: dict[Window, Period] = field(default_factory=dict, compare=False, repr=False)

    def period(self, window: Window, at: int) -> Period:
        """Return the period of the window that the moment lies in.

        A mail has no period of its own: for MESSAGE it is the day (what its episodes are
        merged by, R13). Of a rolling window it is the running step (R19).
        """
        running = self._running.get(window)
        if running is not None and running.start <= at < running.end:
            return running
        if window is Window.EVER:
            found = EVER
        elif window in ROLLING_WINDOWS:
            step = ROLLING_WINDOWS[window].step
            found = Period(at - at % step, at - at % step + step)
        elif window in _SECONDS:
            found = self._clock_period(_SECONDS[window], at)
        elif window is Window.MONTH:
            found = self._date_period(at, _first_of_month, _next_month)
        else:
            found = self._date_period(at, lambda day: day, lambda day: day + timedelta(days=1))
        self._running[window] = found
        return found

    def local(self, at: int) -> datetime:
        """Return the moment on the wall clock of the zone."""
        return datetime.fromtimestamp(at, self.timezone)

    def local_text(self, at: int) -> str:
        """Write a moment as local time: "2026-11-22 18:00"."""
        return self.local(at).strftime("%Y-%m-%d %H:%M")

    def local_text_with_zone(self, at: int) -> str:
        """Write a moment as local time with its zone: "2026-11-22 18:00 CET"."""
        return self.local(at).strftime("%Y-%m-%d %H:%M %Z").rstrip()

    def _offset(self, at: int) -> int:
        """Return the seconds that the zone is ahead of UTC at the moment."""
        offset = self.local(at).utcoffset()
        return int(offset.total_seconds()) if offset else 0

    def _clock_period(self, seconds: int, at: int) -> Period:
        """Cut by the wall clock; a change of the clock inside ends the period early."""
        offset = self._offset(at)
        start = at - (at + offset) % seconds
        end = start + seconds
        if self._offset(start) != offset:
            start = self._change_between(start, at)
        if self._offset(end - 1) != offset:
            end = self._change_between(at, end - 1)
        return Period(start, end)

    def _change_between(self, before: int, after: int) -> int:
        """Return the first moment that has the offset of `after`."""
        offset = self._offset(after)
        while after - before > 1:
            middle = (before + after) // 2
            if self._offset(middle) == offset:
                after = middle
            else:
                before = middle
        return after

    def _date_period(
        self, at: int, first: Callable[[date], date], following: Callable[[date], date]
    ) -> Period:
        """Cut by dates: from the start of one first day to the start of the next."""
        day = first(self.local(at).date() - timedelta(days=1))
        while self._starts(following(day)) <= at:
            day = following(day)
        return Period(self._starts(day), self._starts(following(day)))

    def _starts(self, day: date) -> int:
        """Return the moment at which the day begins.

        A local time that happens twice is taken the first time; one that is skipped begins
        as late as the clock was put forward.
        """
        return int(datetime.combine(day, self.day_starts_at, self.timezone).timestamp())


def _first_of_month(day: date) -> date:
    return day.replace(day=1)


def _next_month(day: date) -> date:
    if day.month == _LAST_MONTH:
        return date(day.year + 1, 1, 1)
    return date(day.year, day.month + 1, 1)
