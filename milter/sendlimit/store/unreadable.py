"""Rows that can't be read: each is left out and reported, and touches no other row.

The tables refuse what they can; the rest comes from plain SQL, from another program, or from a
file that was damaged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from sendlimit.store.sqltime import from_sql
from sendlimit.store.statements import COUNT_MAX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sendlimit.store.rows import Row

T = TypeVar("T")

_KEY_COLUMNS = 4


class UnreadableRow(NamedTuple):
    """A row that can't be read.

    Attributes:
        table: its table.
        key: its first columns, as text.
        problem: what can't be read in it.
    """

    table: str
    key: str
    problem: str

    def __str__(self) -> str:
        """Write it as people read it."""
        return f"a row of {self.table} can't be read: {self.key}: {self.problem}"


if TYPE_CHECKING:
    Report = Callable[[UnreadableRow], None]


def ignored(_row: UnreadableRow, /) -> None:
    """Report nothing: another command does."""


def readable(
    table: str, found: Iterable[Row], read: Callable[[Row], T], report: Report = ignored
) -> list[T]:
    """Read rows one by one.

    Args:
        table: to name in a report.
        found: the rows; the first columns are their key.
        read: reads one row; raises ValueError, TypeError, LookupError or OverflowError.
        report: called with each row that can't be read.

    Returns:
        What could be read, in order.
    """
    result: list[T] = []
    for row in found:
        try:
            result.append(read(row))
        except (ValueError, TypeError, LookupError, OverflowError, AttributeError) as error:
            key = " ".join(str(value) for value in row[:_KEY_COLUMNS])
            report(UnreadableRow(table, key, str(error)))
    return result


def text(value: object) -> str:
    """Return a text.

    Raises:
        ValueError: it is none, as SQLite's columns may hold.
    """
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a text")  # noqa: TRY004 - a fault of the row
    return value


def moment_or_none(value: object) -> int | None:
    """Return a moment of a row that is listed all the same; None: it can't be read."""
    try:
        return from_sql(text(value))
    except (ValueError, OverflowError):
        return None


def as_text(value: object) -> str:
    """Return what a column of a row holds that is listed all the same."""
    return value if isinstance(value, str) else str(value)


def as_count(value: object) -> int:
    """Return a number of a row that no person writes; 0 for what it can't be."""
    return value if isinstance(value, int) and 0 <= value < COUNT_MAX else 0


def whole(value: object) -> int:
    """Return a whole number.

    Raises:
        ValueError: it is none, as SQLite's columns may hold.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{value!r} is not a whole number")  # noqa: TRY004 - a fault of the row
    return value
