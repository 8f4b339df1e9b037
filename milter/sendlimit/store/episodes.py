"""The commands' way to er_refusal: episodes of refusals (R13)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sendlimit.rules.episode import Episode
from sendlimit.rules.limit import CounterKey, Scope, Unit
from sendlimit.rules.window import Window
from sendlimit.store.rows import episode_params
from sendlimit.store.sqltime import from_sql, to_sql
from sendlimit.store.transaction import execute_when_free
from sendlimit.store.unreadable import readable, text, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sendlimit.rules.limit import LimitName
    from sendlimit.store.connection import Connection
    from sendlimit.store.rows import Row

_CHUNK = 200

_COLUMNS = """
SELECT scope, subject, unit, `window`, period_start, `limit`, first_at, last_at, attempts,
       last_client_addr, last_sender, last_mailbox FROM er_refusal"""
# All columns of the key are named, so that MariaDB reads one row of each limit: a subject may have
# an episode in each minute.
LAST_STARTS = """
SELECT scope, subject, unit, `window`, MAX(period_start) FROM er_refusal
 WHERE scope = %s AND subject = %s GROUP BY scope, subject, unit, `window`"""
_ONE = "(scope = %s AND subject = %s AND unit = %s AND `window` = %s AND period_start = %s)"
_SINCE = _COLUMNS + " WHERE last_at >= %s ORDER BY last_at DESC, first_at DESC"
_OF_MAILBOX = """
   AND ((scope = 'mailbox' AND subject = %s)
   OR (scope IN ('domain', 'global') AND last_mailbox = %s))"""
_SINCE_OF = (
    _COLUMNS + " WHERE last_at >= %s" + _OF_MAILBOX + " ORDER BY last_at DESC, first_at DESC"
)
# The index by_time has the columns of the key behind it: in this order a page is read from its end.
_ORDER = """
 ORDER BY last_at DESC, scope DESC, subject DESC, unit DESC, `window` DESC, period_start DESC"""
PAGE = _COLUMNS + " WHERE last_at >= %s AND last_at <= %s" + _ORDER + " LIMIT %s OFFSET %s"
_PAGE_BY = (
    _COLUMNS
    + " WHERE last_at >= %s AND last_at <= %s AND scope = %s AND subject = %s"
    + _ORDER
    + " LIMIT %s OFFSET %s"
)
PAGE_OF = (
    _COLUMNS
    + " WHERE last_at >= %s AND last_at <= %s"
    + _OF_MAILBOX
    + _ORDER
    + " LIMIT %s OFFSET %s"
)
_LATEST = _COLUMNS + _ORDER + " LIMIT 50"
_OLD = _COLUMNS + " WHERE last_at < %s ORDER BY last_at LIMIT %s"
_REMOVE = """
DELETE FROM er_refusal
 WHERE scope = %s AND subject = %s AND unit = %s AND `window` = %s AND period_start = %s AND last_at < %s"""

_COUNT = "SELECT COUNT(*) FROM er_refusal WHERE scope = %s AND subject = %s"
_OF_BOTH = """
SELECT o.scope, o.subject, o.unit, o.`window`, o.period_start, o.`limit`, o.first_at, o.last_at,
       o.attempts, o.last_client_addr, o.last_sender, o.last_mailbox,
       n.scope, n.subject, n.unit, n.`window`, n.period_start, n.`limit`, n.first_at, n.last_at,
       n.attempts, n.last_client_addr, n.last_sender, n.last_mailbox
  FROM er_refusal o
  JOIN er_refusal n ON n.scope = o.scope AND n.subject = %s AND n.unit = o.unit
   AND n.`window` = o.`window` AND n.period_start = o.period_start
 WHERE o.scope = %s AND o.subject = %s"""
_REPLACE = """
UPDATE er_refusal
   SET `limit` = %s, first_at = %s, last_at = %s, attempts = %s,
       last_client_addr = %s, last_sender = %s, last_mailbox = %s
 WHERE scope = %s AND subject = %s AND unit = %s AND `window` = %s AND period_start = %s"""
_REMOVE_ONE = """
DELETE FROM er_refusal
 WHERE scope = %s AND subject = %s AND unit = %s AND `window` = %s AND period_start = %s"""
_MOVE = "UPDATE er_refusal SET subject = %s WHERE scope = %s AND subject = %s"
_REMOVE_ALL = "DELETE FROM er_refusal WHERE scope = %s AND subject = %s"
_MOVE_LAST = "UPDATE er_refusal SET last_mailbox = %s WHERE last_mailbox = %s"
_FORGET_LAST = """
UPDATE er_refusal SET last_mailbox = '', last_sender = '', last_client_addr = ''
 WHERE last_mailbox = %s"""


def episodes_since(connection: Connection, since: int, mailbox: str | None = None) -> list[Episode]:
    """Return the episodes with an attempt since the moment, the last first.

    Args:
        connection: to the tables.
        since: seconds since 1970.
        mailbox: only those of its own counters, or with this mailbox refused last.
    """
    if mailbox is None:
        rows = connection.execute(_SINCE, [to_sql(since)])
    else:
        rows = connection.execute(_SINCE_OF, (to_sql(since), mailbox, mailbox))
    return readable("er_refusal", rows, _episode)


class EpisodePage(NamedTuple):
    """Which episodes of all, the last first.

    Attributes:
        since, until: of their last attempt, seconds since 1970.
        skip: how many of these to leave out.
        size: how many at most.
    """

    since: int
    until: int
    skip: int
    size: int


def episodes_page(connection: Connection, page: EpisodePage) -> list[Episode]:
    """Return some of all episodes."""
    return _page(connection, PAGE, page)


def own_episodes(
    connection: Connection, page: EpisodePage, scope: Scope, subject: str
) -> list[Episode]:
    """Return some episodes of a subject's own limits."""
    return _page(connection, _PAGE_BY, page, str(scope), subject)


def episodes_of(
    connection: Connection, page: EpisodePage, scope: Scope, subject: str
) -> list[Episode]:
    """Return some episodes of a subject's own limits; of a mailbox also of wider ones that refused it last."""
    if scope is Scope.MAILBOX:
        return _page(connection, PAGE_OF, page, subject, subject)
    return own_episodes(connection, page, scope, subject)


def _page(connection: Connection, statement: str, page: EpisodePage, *whose: str) -> list[Episode]:
    span = (to_sql(page.since), to_sql(page.until))
    rows = connection.execute(statement, (*span, *whose, page.size, page.skip))
    return readable("er_refusal", rows, _episode)


def latest_episode(connection: Connection) -> Episode | None:
    """Return the episode with the last attempt of all; None: there is none."""
    return next(iter(readable("er_refusal", connection.execute(_LATEST), _episode)), None)


def last_episodes(
    connection: Connection, subjects: Iterable[tuple[Scope, str]]
) -> dict[LimitName, Episode]:
    """Return the last episode of each limit that has one.

    Args:
        connection: to the tables.
        subjects: whose limits, at most one of each scope.
    """
    asked = [*subjects]
    starts = connection.execute(
        " UNION ALL ".join([LAST_STARTS] * len(asked)),
        [str(word) for each in asked for word in each],
    )
    if not starts:
        return {}
    rows = connection.execute(
        f"{_COLUMNS} WHERE {' OR '.join([_ONE] * len(starts))}",
        [value for key in starts for value in key],
    )
    return {episode.key.name: episode for episode in readable("er_refusal", rows, _episode)}


def count_episodes(connection: Connection, scope: Scope, subject: str) -> int:
    """Return how many episodes there are of a subject's own limits."""
    return int(connection.execute(_COUNT, (str(scope), subject))[0][0])


def move_episodes(connection: Connection, scope: Scope, old: str, new: str) -> None:
    """Give a subject's episodes to another name, merged with its own; as sender, too."""
    for row in connection.execute(_OF_BOTH, (new, str(scope), old)):
        both = readable("er_refusal", [row[:12], row[12:]], _episode)
        if both:
            merged, *later = sorted(both, key=lambda each: each.last_at)
            for each in later:
                merged.merge(each)
            values = episode_params(merged)[5:]
            connection.execute(_REPLACE, (*values, str(scope), new, *row[2:5]))
        connection.execute(_REMOVE_ONE, (str(scope), old, *row[2:5]))
    connection.execute(_MOVE, (new, str(scope), old))
    if scope is Scope.MAILBOX:
        connection.execute(_MOVE_LAST, (new, old))


def remove_episodes(connection: Connection, scope: Scope, subject: str) -> None:
    """Remove a subject's episodes, and its name from those of its domain and the server."""
    connection.execute(_REMOVE_ALL, (str(scope), subject))
    if scope is Scope.MAILBOX:
        connection.execute(_FORGET_LAST, [subject])


def remove_old(connection: Connection, before: int, progress: Callable[[int], None]) -> int:
    """Remove the episodes whose last attempt was before the moment; return how many.

    Args:
        connection: to the tables.
        before: seconds since 1970.
        progress: called with the number removed so far after each chunk.
    """
    removed = 0
    while old := connection.execute(_OLD, (to_sql(before), _CHUNK)):
        done = 0
        for row in old:
            execute_when_free(connection, _REMOVE, (*row[:5], to_sql(before)))
            done += connection.affected()
        if not done:
            break  # what they have can't be asked for
        removed += done
        progress(removed)
    return removed


def _episode(row: Row) -> Episode:
    key = CounterKey(Scope(row[0]), row[1], Unit(row[2]), Window(row[3]), from_sql(row[4]))
    attempts = whole(row[8])
    last = (text(value) for value in row[9:12])
    return Episode(key, whole(row[5]), from_sql(row[6]), from_sql(row[7]), attempts, *last)
