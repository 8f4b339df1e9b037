"""Timestamps and time spans on the command line, as in systemd.time(7). Pure."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sendlimit.rules.window import Calendar

_SECONDS = {"m": 60, "h": 3600, "d": 86400, "w": 604800}
_SPAN = re.compile(r"(?P<number>[0-9]{1,6})(?P<unit>[mhdw])")
_CLOCK = re.compile(r"([01]?\d|2[0-3]):[0-5]\d")
_LOCAL = re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d)?)?")

TIME_SPANS = "a number with m, h, d or w, such as 24h or 90d"
TIMESTAMPS = '"2026-11-27 18:00", "2026-11-27" (its 00:00), "18:00" today, "+2h", "+3d", or ISO 8601 with an offset'


def time_span(text: str) -> int:
    """Parse a time span, such as 24h; return seconds.

    Raises:
        ValueError: says what is allowed.
    """
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a time span; allowed: {TIME_SPANS}")
    return int(match["number"]) * _SECONDS[match["unit"]]


def timestamp(text: str, calendar: Calendar, now: int) -> int:
    """Parse a timestamp; without an offset it is local time of the calendar.

    Args:
        text: as on the command line; "+2h" is relative to now.
        calendar: has the time zone.
        now: seconds since 1970.

    Returns:
        Seconds since 1970.

    Raises:
        ValueError: says what is allowed.
    """
    words = text.strip()
    try:
        if words.startswith("+"):
            at = now + time_span(words[1:])
        elif _CLOCK.fullmatch(words):
            clock = datetime.strptime(words, "%H:%M")  # noqa: DTZ007 - the calendar gives the zone
            at = int(
                calendar.local(now)
                .replace(hour=clock.hour, minute=clock.minute, second=0)
                .timestamp()
            )
        else:
            at = int(_read(words, calendar).timestamp())
        calendar.local(at)  # raises for a year that datetime does not support
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is not a moment; allowed: {TIMESTAMPS}") from error
    return at


def _read(words: str, calendar: Calendar) -> datetime:
    """Parse a date; without a time it is its 00:00.

    Raises:
        ValueError: it is no date.
    """
    read = datetime.fromisoformat(words)
    if read.tzinfo is not None:
        return read
    if not _LOCAL.fullmatch(words):
        raise ValueError(words)
    return read.replace(tzinfo=calendar.timezone)


def lookback_start(text: str, calendar: Calendar, now: int) -> int:
    """Parse how far to look back: a time span before now, or a timestamp.

    Returns:
        Seconds since 1970, never before.

    Raises:
        ValueError: says what is allowed.
    """
    if _SPAN.fullmatch(text.strip()):
        return max(0, now - time_span(text))
    try:
        return max(0, timestamp(text, calendar, now))
    except ValueError as error:
        raise ValueError(
            f"{text!r} is not a time; allowed: {TIME_SPANS}, or {TIMESTAMPS}"
        ) from error
