"""Moments in the tables, "YYYY-MM-DD HH:MM:SS" in UTC in both databases, and in JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

_FORMAT = "%Y-%m-%d %H:%M:%S"


@lru_cache(maxsize=4096)
def to_sql(at: int) -> str:
    """Write seconds since 1970 as the tables have them."""
    return datetime.fromtimestamp(at, UTC).strftime(_FORMAT)


@lru_cache(maxsize=4096)
def from_sql(text: str) -> int:
    """Read a moment of the tables; fractions of a second are dropped.

    Raises:
        ValueError: it is not one.
    """
    return int(datetime.strptime(text[:19], _FORMAT).replace(tzinfo=UTC).timestamp())


def until_from_sql(text: str | None) -> int | None:
    """Read the end of a boost; None is lasting."""
    return None if text is None else from_sql(text)


def to_iso(at: int | None) -> str | None:
    """Write a moment as JSON has it: "2026-11-22T17:00:00+00:00"."""
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat()
