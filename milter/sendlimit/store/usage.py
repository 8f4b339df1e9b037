"""The commands' way to er_counter: what is used, and giving it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sendlimit.rules.limit import CounterKey, LimitName, Scope, Unit
from sendlimit.rules.rolling import step_starts
from sendlimit.rules.window import COUNTED_WINDOWS, DAY_S, ROLLING_WINDOWS, Window
from sendlimit.store import COMMITTERS_KEPT_S
from sendlimit.store.changes import Change, make_change
from sendlimit.store.connection import SQLiteConnection
from sendlimit.store.rows import key_params, placeholders
from sendlimit.store.sqltime import from_sql, to_iso, to_sql
from sendlimit.store.statements import USAGE
from sendlimit.store.transaction import execute_when_free
from sendlimit.store.unreadable import as_count, readable, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sendlimit.rules.window import Calendar
    from sendlimit.store.changes import Author, Made
    from sendlimit.store.connection import Connection
    from sendlimit.store.rows import Row

_CHUNK = 200
"""Rows a statement and a transaction: short enough not to hold up the daemon."""

_KEYS_READ = 1_000
"""Counters that are asked for in one statement."""

_OF_UNITS = "(unit IN ({units}) AND `window` = %s AND period_start BETWEEN %s AND %s)"
_ONE_COUNTER = "(scope = %s AND subject = %s AND unit = %s AND `window` = %s AND period_start = %s)"
_OF_PERIOD = """
  FROM er_counter WHERE scope = %s AND unit = %s AND `window` = %s AND period_start = %s"""
_MOST = " used > 0 ORDER BY used DESC, subject LIMIT %s"
TOP = "SELECT subject, used" + _OF_PERIOD + " AND" + _MOST
# In MariaDB an index that has the number would change with each mail. The index by_period has
# in steps how much was used: the busiest are found in it, and only their rows are read.
BUSIEST = (
    "SELECT scope, subject, unit, `window`, period_start"
    + _OF_PERIOD
    + (" ORDER BY magnitude DESC LIMIT %s")
)
_TOP_OF_BUSIEST = f"""
SELECT subject, used FROM ({BUSIEST}) busiest
  JOIN er_counter USING (scope, subject, unit, `window`, period_start) WHERE{_MOST}"""  # noqa: S608 - constants
_BUSIEST = 1_000
"""How many are looked at. If more are equally busy, within an eighth, some of them are left out."""
_AT_LEAST = """
SELECT subject, used FROM er_counter
 WHERE scope = %s AND unit = %s AND `window` = %s AND period_start = %s AND used >= %s"""
_STEP_MAX = 10**15
"""More than a limit can be; SQLite's sums end at 2^63."""
_SUM = f"SUM(CASE WHEN used < {_STEP_MAX} THEN used ELSE {_STEP_MAX} END)"
_OF_STEPS = f"""
SELECT subject, {_SUM} FROM er_counter
 WHERE scope = %s AND unit = %s AND `window` = %s AND period_start BETWEEN %s AND %s AND used > 0
 GROUP BY subject"""  # noqa: S608 - constants
_TOP_OF_STEPS = _OF_STEPS + f" ORDER BY {_SUM} DESC, subject LIMIT %s"
_STEPS_AT_LEAST = _OF_STEPS + f" HAVING {_SUM} >= %s"
WINDOWS = "SELECT DISTINCT `window` FROM er_counter"
_SCOPES = (
    "SELECT DISTINCT scope FROM er_counter WHERE subject = %s AND scope IN ('domain', 'mailbox')"
)
_KNOWN = "SELECT DISTINCT subject FROM {table} WHERE scope = %s AND subject IN ({subjects})"
_BEGINNING = """
SELECT DISTINCT subject FROM er_counter
 WHERE scope = %s AND subject >= %s AND subject < %s ORDER BY subject LIMIT %s"""
_RESET = "UPDATE er_counter SET used = 0 WHERE "
_OLD = """
SELECT scope, subject, unit, `window`, period_start FROM er_counter
 WHERE `window` = %s AND period_start < %s ORDER BY period_start LIMIT %s"""
_REMOVE = "DELETE FROM er_counter WHERE "
_COUNT = "SELECT COUNT(*) FROM er_counter WHERE scope = %s AND subject = %s"
# What a name (o) has used in the periods that the other name (n) has a counter of, too.
_OF_BOTH = """
SELECT o.unit, o.`window`, o.period_start, o.used, n.used
  FROM er_counter o
  JOIN er_counter n ON n.scope = o.scope AND n.subject = %s AND n.unit = o.unit
   AND n.`window` = o.`window` AND n.period_start = o.period_start
 WHERE o.scope = %s AND o.subject = %s"""
_SET = """
UPDATE er_counter SET used = %s
 WHERE scope = %s AND subject = %s AND unit = %s AND `window` = %s AND period_start = %s"""
_REMOVE_ONE = """
DELETE FROM er_counter
 WHERE scope = %s AND subject = %s AND unit = %s AND `window` = %s AND period_start = %s"""
_MOVE = "UPDATE er_counter SET subject = %s WHERE scope = %s AND subject = %s"
_REMOVE_ALL = "DELETE FROM er_counter WHERE scope = %s AND subject = %s"
_FORGET_COMMITTERS = "DELETE FROM er_committer WHERE last_at < %s"

_LAST_SIGN = "\U0010ffff"
"""Greater than whatever may follow the beginning of a name."""


def usage(connection: Connection, keys: Sequence[CounterKey]) -> dict[CounterKey, int]:
    """Return the counters that have a row; never below 0.

    Args:
        connection: to the tables.
        keys: the counters; for that of a running step those of its whole window (R19).
    """
    found: dict[CounterKey, int] = {}
    for start in range(0, len(keys), _KEYS_READ):
        condition, params = _condition(keys[start : start + _KEYS_READ])
        rows = connection.execute(USAGE.format(keys=condition), params)
        found |= readable("er_counter", rows, lambda row: (_key(row), max(0, whole(row[5]))))
    return found


def _condition(keys: Iterable[CounterKey]) -> tuple[str, list[str]]:
    """Return what finds counters, and its parameters; what is asked of many subjects stands there once."""
    units: dict[tuple[Scope, str], dict[_Span, set[Unit]]] = {}
    for key in keys:
        units.setdefault((key.scope, key.subject), {}).setdefault(_span(key), set()).add(key.unit)
    alike: dict[tuple[Scope, tuple[tuple[_Span, tuple[Unit, ...]], ...]], list[str]] = {}
    for (scope, subject), spans in units.items():
        asked = tuple((span, tuple(sorted(spans[span]))) for span in sorted(spans))
        alike.setdefault((scope, asked), []).append(subject)
    parts, params = [], []
    for (scope, asked), subjects in alike.items():
        periods = " OR ".join([_OF_UNITS.format(units=placeholders(of)) for _, of in asked])
        parts.append(f"(scope = %s AND subject IN ({placeholders(subjects)}) AND ({periods}))")
        params += [str(scope), *subjects]
        params += [str(value) for span, of in asked for value in (*of, *span)]
    return " OR ".join(parts), params


class _Span(NamedTuple):
    """Counters of a window: of one period, or of all steps that count now."""

    window: Window
    first: str
    last: str


def _span(key: CounterKey) -> _Span:
    starts: Sequence[int] = [key.period_start]
    if key.window in ROLLING_WINDOWS:
        starts = step_starts(key.window, key.period_start)
    return _Span(key.window, to_sql(starts[0]), to_sql(starts[-1]))


def running_keys(scope: Scope, subject: str, calendar: Calendar, at: int) -> list[CounterKey]:
    """Return the keys of a subject's own counters in the periods and steps that run at the moment."""
    return [
        CounterKey(scope, subject, unit, window, calendar.period(window, at).start)
        for unit in Unit
        for window in COUNTED_WINDOWS
    ]


def reset(
    connection: Connection, keys: Sequence[CounterKey], author: Author
) -> Made[dict[CounterKey, int]]:
    """Set counters of one subject to 0.

    Returns:
        What was taken away, without the counters that had nothing.
    """

    def work() -> tuple[dict[CounterKey, int], list[Change]]:
        taken = {key: used for key, used in usage(connection, keys).items() if used}
        if not taken:
            return {}, []
        for chunk in _chunks([*taken]):
            connection.execute(_RESET + _any_of(chunk), _params(chunk))
        change = Change(
            "usage reset",
            keys[0].subject,
            [counter_record(key, used) for key, used in taken.items()],
            [counter_record(key, 0) for key in taken],
        )
        return taken, [change]

    return make_change(connection, author, work)


def counter_record(key: CounterKey, used: int) -> dict[str, object]:
    """Return a counter as er_change has it."""
    name = key.name
    return {"limit": str(name), "period_start": to_iso(key.period_start), "used": used}


def top(
    connection: Connection, name: LimitName, period_start: int, count: int
) -> list[tuple[str, int]]:
    """Return the subjects that used most in a period, or a rolling window, as (subject, used)."""
    if name.window in ROLLING_WINDOWS:
        found = connection.execute(_TOP_OF_STEPS, (*_steps(name, period_start), count))
        return readable("er_counter", found, lambda row: (str(row[0]), int(row[1])))
    params = (str(name.scope), str(name.unit), str(name.window), to_sql(period_start))
    if isinstance(connection, SQLiteConnection):
        rows = connection.execute(TOP, (*params, count))
    else:
        rows = connection.execute(_TOP_OF_BUSIEST, (*params, _BUSIEST + count, count))
    return readable("er_counter", rows, lambda row: (str(row[0]), whole(row[1])))


def used_at_least(
    connection: Connection, name: LimitName, period_start: int, least: int
) -> list[tuple[str, int]]:
    """Return the subjects that used as much or more in a period, or a rolling window."""
    if name.window in ROLLING_WINDOWS:
        found = connection.execute(_STEPS_AT_LEAST, (*_steps(name, period_start), least))
        return readable("er_counter", found, lambda row: (str(row[0]), int(row[1])))
    params = (str(name.scope), str(name.unit), str(name.window), to_sql(period_start), least)
    rows = connection.execute(_AT_LEAST, params)
    return readable("er_counter", rows, lambda row: (str(row[0]), whole(row[1])))


def _steps(name: LimitName, running: int) -> tuple[str, ...]:
    """Return the parameters of the steps that count while the step of this start runs."""
    starts = step_starts(name.window, running)
    words = (str(name.scope), str(name.unit), str(name.window))
    return (*words, to_sql(starts[0]), to_sql(starts[-1]))


def windows_counted(connection: Connection) -> frozenset[Window]:
    """Return the windows of which anything was counted, maybe more.

    MariaDB looks at one row of each in the index by_period; SQLite would read all of it.
    """
    if isinstance(connection, SQLiteConnection):
        return frozenset(COUNTED_WINDOWS)
    rows = connection.execute(WINDOWS)
    return frozenset(readable("er_counter", rows, lambda row: Window(row[0])))


def scopes_of(connection: Connection, subject: str) -> set[Scope]:
    """Return what a name has been counted as: a domain, a mailbox, both, or nothing yet."""
    rows = connection.execute(_SCOPES, [subject])
    return set(readable("er_counter", rows, lambda row: Scope(row[0])))


def known_subjects(connection: Connection, scope: Scope, subjects: Sequence[str]) -> set[str]:
    """Return those of the names that have ever been counted, or refused, in a scope."""
    found: set[str] = set()
    for start in range(0, len(subjects), _CHUNK):
        chunk = subjects[start : start + _CHUNK]
        for table in ("er_counter", "er_refusal"):
            statement = _KNOWN.format(table=table, subjects=placeholders(chunk))
            found |= {row[0] for row in connection.execute(statement, [str(scope), *chunk])}
    return found


def subjects_beginning(connection: Connection, scope: Scope, text: str, count: int) -> list[str]:
    """Return names of a scope that were counted and begin with a text, in their order."""
    params = (str(scope), text, text + _LAST_SIGN, count)
    return [row[0] for row in connection.execute(_BEGINNING, params)]


def remove_finished(
    connection: Connection,
    calendar: Calendar,
    before: int,
    progress: Callable[[int], None],
    now: int | None = None,
) -> int:
    """Remove the counters of periods that ended before the moment; the latch stays.

    Steps of rolling windows are no history: they go a day after they have left the window.

    Args:
        connection: to the tables.
        calendar: cuts the periods.
        before: seconds since 1970, not later than now: so no running period is removed.
        progress: called with the number removed so far after each chunk.
        now: seconds since 1970; None: the moment is now.

    Returns:
        How many rows were removed.
    """
    removed = 0
    for window in COUNTED_WINDOWS:
        if window in ROLLING_WINDOWS:
            running = calendar.period(window, (before if now is None else now) - DAY_S).start
            start = to_sql(step_starts(window, running)[0])
        else:
            start = to_sql(calendar.period(window, before).start)
        while old := connection.execute(_OLD, (str(window), start, _CHUNK)):
            # By the columns as they are, so that a row that can't be read goes, too.
            columns = [value for row in old for value in row]
            execute_when_free(connection, _REMOVE + _any_of(old), columns)
            if not connection.affected():
                break  # what they have can't be asked for
            removed += len(old)
            progress(removed)
    return removed


def count_counters(connection: Connection, scope: Scope, subject: str) -> int:
    """Return how many counters a subject has, of all periods."""
    return int(connection.execute(_COUNT, (str(scope), subject))[0][0])


def move_counters(connection: Connection, scope: Scope, old: str, new: str) -> None:
    """Give a subject's counters to another name, added to its own."""
    for *period, of_old, of_new in connection.execute(_OF_BOTH, (new, str(scope), old)):
        used = as_count(of_old) + as_count(of_new)
        connection.execute(_SET, (used, str(scope), new, *period))
        connection.execute(_REMOVE_ONE, (str(scope), old, *period))
    connection.execute(_MOVE, (new, str(scope), old))


def remove_counters(connection: Connection, scope: Scope, subject: str) -> None:
    """Remove a subject's counters of all periods."""
    connection.execute(_REMOVE_ALL, (str(scope), subject))


def forget_committers(connection: Connection, before: int, now: int) -> int:
    """Remove the rows of daemons that have not written since the moment; return how many.

    One that is younger than COMMITTERS_KEPT_S stays: a crash journal may still need it.
    """
    oldest = min(before, now - COMMITTERS_KEPT_S)
    execute_when_free(connection, _FORGET_COMMITTERS, [to_sql(oldest)])
    return connection.affected()


def _chunks(keys: Sequence[CounterKey]) -> Iterator[Sequence[CounterKey]]:
    for start in range(0, len(keys), _CHUNK):
        yield keys[start : start + _CHUNK]


def _any_of(keys: Sequence[object]) -> str:
    return " OR ".join([_ONE_COUNTER] * len(keys))


def _params(keys: Iterable[CounterKey]) -> list[str]:
    return [param for key in keys for param in key_params(key)]


def _key(row: Row) -> CounterKey:
    return CounterKey(Scope(row[0]), row[1], Unit(row[2]), Window(row[3]), from_sql(row[4]))
