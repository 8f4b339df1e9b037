"""Moments and time spans on the command line. Pure: the moment of now comes in."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sendlimit.rules.window import Calendar

_SECONDS = {"m": 60, "h": 3600, "d": 86400, "w": 604800}
_SPAN = re.compile(r"(?P<number>[0-9]{1,6})(?P<unit>[mhdw])")
_CLOCK = re.compile(r"([01]?\d|2[0-3]):[0-5]\d")
_LOCAL = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?")

SPANS = "a number with m, h, d or w, such as 24h or 90d"
MOMENTS = '"2026-11-27 18:00", "18:00" today, "+2h", "+3d", or ISO 8601 with an offset'


def span(text: str) -> int:
    """Read a time span, such as 24h; return seconds.

    Raises:
        ValueError: says what is allowed.
    """
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a time span; allowed: {SPANS}")
    return int(match["number"]) * _SECONDS[match["unit"]]


def moment(text: str, calendar: Calendar, now: int) -> int:
    """Read a moment; without an offset it is on the calendar's clock.

    Raises:
        ValueError: says what is allowed.
    """
    words = text.strip()
    try:
        if words.startswith("+"):
            at = now + span(words[1:])
        elif _CLOCK.fullmatch(words):
            clock = datetime.strptime(words, "%H:%M")  # noqa: DTZ007 - the calendar gives the zone
            at = int(
                calendar.local(now)
                .replace(hour=clock.hour, minute=clock.minute, second=0)
                .timestamp()
            )
        else:
            at = int(_read(words, calendar).timestamp())
        calendar.local(at)  # fails for a year that no calendar has
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is not a moment; allowed: {MOMENTS}") from error
    return at


def _read(words: str, calendar: Calendar) -> datetime:
    """Read a date with a time.

    Raises:
        ValueError: it is none, or has no time.
    """
    read = datetime.fromisoformat(words)
    if read.tzinfo is not None:
        return read
    if not _LOCAL.fullmatch(words):
        raise ValueError(words)
    return read.replace(tzinfo=calendar.timezone)


def since(text: str, calendar: Calendar, now: int) -> int:
    """Read how far to look back: a time span before now, or a moment.

    Raises:
        ValueError: says what is allowed.
    """
    if _SPAN.fullmatch(text.strip()):
        return max(0, now - span(text))
    try:
        return max(0, moment(text, calendar, now))
    except ValueError as error:
        raise ValueError(f"{text!r} is not a time; allowed: {SPANS}, or {MOMENTS}") from error
