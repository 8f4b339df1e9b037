"""The commands' way to the history: what er_counter has of past periods."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sendlimit.store.sqltime import from_sql, to_sql
from sendlimit.store.unreadable import moment_or_none, readable, whole

if TYPE_CHECKING:
    from sendlimit.rules.limit import LimitName
    from sendlimit.store.connection import Connection
    from sendlimit.store.rows import Row

# Along the primary key of er_counter. Rows with 0 are what was given back.
_IN_TIME = " AND unit = %s AND `window` = %s AND period_start >= %s AND period_start < %s"
_OF_SCOPE = " FROM er_counter WHERE scope = %s" + _IN_TIME + " AND used > 0"
_AMOUNTS = "SELECT used, COUNT(*)" + _OF_SCOPE + " GROUP BY used"
_BUSIEST = "SELECT subject, MAX(used)" + _OF_SCOPE + " GROUP BY subject"
_OF_SUBJECT = (
    "SELECT period_start, used FROM er_counter WHERE scope = %s AND subject = %s" + _IN_TIME  # noqa: S608 - constants
)
_FIRST = "SELECT MIN(period_start), COUNT(DISTINCT period_start)" + _OF_SCOPE
_ABOVE = (
    "SELECT subject, MAX(used), COUNT(*)"
    + _OF_SCOPE
    + " AND used > %s GROUP BY subject ORDER BY MAX(used) DESC, subject"
)
_REFUSED = "SELECT COUNT(DISTINCT subject) FROM er_refusal WHERE scope = %s" + _IN_TIME  # noqa: S608 - constants


class Span(NamedTuple):
    """Whose counts of which time.

    Attributes:
        name: scope, unit and window.
        since, until: periods that begin at since or later, and before until; seconds since 1970.
    """

    name: LimitName
    since: int
    until: int

    @property
    def params(self) -> tuple[str, ...]:
        """As the statements take them."""
        scope, unit, window = self.name
        return (str(scope), str(unit), str(window), to_sql(self.since), to_sql(self.until))


class Above(NamedTuple):
    """A subject that was above a number: its highest count, and in how many periods."""

    subject: str
    busiest: int
    periods: int


def counts(connection: Connection, span: Span, subject: str) -> list[tuple[int, int]]:
    """Return what one subject has used, as (start of the period, count)."""
    scope, *rest = span.params
    rows = connection.execute(_OF_SUBJECT, (scope, subject, *rest))
    return readable("er_counter", rows, lambda row: (from_sql(row[0]), max(0, whole(row[1]))))


def amounts(connection: Connection, span: Span) -> dict[int, int]:
    """Return how many periods of all subjects had each count; those with 0 are left out."""
    return {row[0]: row[1] for row in _numbers(connection.execute(_AMOUNTS, span.params), 0)}


def busiest(connection: Connection, span: Span) -> dict[str, int]:
    """Return the highest count of each subject that has any."""
    return {row[0]: row[1] for row in _numbers(connection.execute(_BUSIEST, span.params), 1)}


def beginning(connection: Connection, span: Span) -> tuple[int, int] | None:
    """Return the first period with mail and how many there are; None without any."""
    ((first, count),) = connection.execute(_FIRST, span.params)
    return None if first is None else (moment_or_none(first) or span.since, count)


def above(connection: Connection, span: Span, count: int) -> list[Above]:
    """Return the subjects that had more than a count in a period, the highest first."""
    return [Above(*row) for row in _numbers(connection.execute(_ABOVE, (*span.params, count)), 1)]


def refused_subjects(connection: Connection, span: Span) -> int:
    """Return how many subjects were refused by this limit."""
    return int(connection.execute(_REFUSED, span.params)[0][0])


def _numbers(rows: list[Row], column: int) -> list[Row]:
    """Return the rows with a whole number in a column: SQLite may hold others."""
    return [row for row in rows if type(row[column]) is int]
