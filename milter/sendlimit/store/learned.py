"""Learned limits: rows of er_limit with learned_from, and the history that they come from (R15)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sendlimit.rules.limit import Scope
from sendlimit.store.changes import Change, Made, make_change
from sendlimit.store.overrides import EVERY_ROW, override_or_learned
from sendlimit.store.rows import placeholders
from sendlimit.store.sqltime import from_sql, to_iso, to_sql
from sendlimit.store.unreadable import ignored, readable, text, whole

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from sendlimit.rules.learning import Learned
    from sendlimit.rules.limit import LimitName
    from sendlimit.rules.override import Override
    from sendlimit.store.changes import Author
    from sendlimit.store.connection import Connection
    from sendlimit.store.rows import Row

CHUNK = 200
"""Subjects in one transaction: mail waits for it."""
_COLUMNS = EVERY_ROW + " WHERE learned_from IS NOT NULL"
_OF_SUBJECTS = _COLUMNS + " AND subject IN ({subjects})"
_OF_NAME = _COLUMNS + " AND scope = %s AND unit = %s AND `window` = %s"
_KEY = """
 WHERE subject = %s AND scope = %s AND unit = %s AND `window` = %s AND learned_from IS NOT NULL"""
_REMOVE = "DELETE FROM er_limit" + _KEY  # noqa: S608 - constants
_ADD = """
INSERT INTO er_limit (max, reason, set_by, set_at, learned_from, subject, scope, unit, `window`)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"""
# In the order of the primary key: each subject's rows stand together.
_COUNTS = """
SELECT subject, period_start, used FROM er_counter
 WHERE scope = %s AND subject > %s AND unit = %s AND `window` = %s
   AND period_start >= %s AND period_start < %s AND used > 0
 ORDER BY subject, period_start LIMIT %s"""
_COUNTS_MAX = 20_000
_REFUSED = """
SELECT subject, first_at, last_at FROM er_refusal WHERE scope = %s AND last_at >= %s AND first_at < %s"""
_REFUSED_AS_LAST = """
SELECT last_mailbox, first_at, last_at FROM er_refusal
 WHERE scope <> 'mailbox' AND last_at >= %s AND first_at < %s"""


class Span(NamedTuple):
    """From when until when, seconds since 1970."""

    since: int
    until: int


def learned_overrides(
    connection: Connection, subjects: Collection[str] | None = None
) -> list[Override]:
    """Return the learned limits of these subjects; None: of all."""
    if subjects is None:
        return readable("er_limit", connection.execute(_COLUMNS), override_or_learned, ignored)
    if not subjects:
        return []
    statement = _OF_SUBJECTS.format(subjects=placeholders([*subjects]))
    rows = connection.execute(statement, [*subjects])
    return readable("er_limit", rows, override_or_learned, ignored)


def learned_of(connection: Connection, name: LimitName) -> dict[str, Override]:
    """Return the learned limits of one name by subject."""
    rows = connection.execute(_OF_NAME, [str(word) for word in name])
    found = readable("er_limit", rows, override_or_learned, ignored)
    return {override.setting.subject: override for override in found}


def counts_by_subject(
    connection: Connection, name: LimitName, span: Span
) -> Iterator[tuple[str, list[tuple[int, int]]]]:
    """Yield each subject that was counted with its (start of the period, count), by its name."""
    scope, unit, window = (str(word) for word in name)
    after = ""
    while True:
        rows = connection.execute(
            _COUNTS,
            (scope, after, unit, window, to_sql(span.since), to_sql(span.until), _COUNTS_MAX),
        )
        is_last = len(rows) < _COUNTS_MAX
        by_subject: dict[str, list[tuple[int, int]]] = {}
        for subject, counted in readable("er_counter", rows, _count):
            by_subject.setdefault(subject, []).append(counted)
        if not is_last and len(by_subject) > 1:
            by_subject.popitem()  # it may go on in the next chunk
        yield from by_subject.items()
        if is_last or not by_subject:
            return
        after = next(reversed(by_subject))


def _count(row: Row) -> tuple[str, tuple[int, int]]:
    return text(row[0]), (from_sql(row[1]), whole(row[2]))


def _refusal(row: Row) -> tuple[str, tuple[int, int]]:
    return text(row[0]), (from_sql(row[1]), from_sql(row[2]))


def refusals_by_subject(
    connection: Connection, scope: Scope, span: Span
) -> dict[str, list[tuple[int, int]]]:
    """Return of each subject from when until when its mail was refused.

    Of a mailbox also refusals by limits of its domain or the server, as far as it was the last.
    """
    times = (to_sql(span.since), to_sql(span.until))
    rows = connection.execute(_REFUSED, (str(scope), *times))
    if scope is Scope.MAILBOX:
        rows = [*rows, *connection.execute(_REFUSED_AS_LAST, times)]
    found: dict[str, list[tuple[int, int]]] = {}
    for subject, span_of_refusals in readable("er_refusal", rows, _refusal):
        found.setdefault(subject, []).append(span_of_refusals)
    return found


def replace_learned(
    connection: Connection,
    name: LimitName,
    new: Mapping[str, tuple[Learned, str] | None],
    author: Author,
) -> Made[None]:
    """Put learned limits in place of those of the same subjects, in one transaction.

    Args:
        connection: to the tables.
        name: the limit.
        new: by subject, the limit and why; None: it has none any more. At most CHUNK.
        author: who does it.
    """

    def work() -> tuple[None, list[Change]]:
        before = {
            row.setting.subject: row
            for row in learned_overrides(connection, [*new])
            if row.setting.name == name
        }
        changes = []
        for subject, found in new.items():
            key = (subject, *(str(word) for word in name))
            old = before.get(subject)
            if old is not None:
                connection.execute(_REMOVE, key)
            if found is not None:
                learned, why = found
                moments = (to_sql(author.at), to_sql(learned.period_start))
                connection.execute(_ADD, (learned.max, why, author.who, *moments, *key))
            changes.append(_change(subject, name, old, found))
        return None, changes

    return make_change(connection, author, work)


def _change(
    subject: str, name: LimitName, old: Override | None, found: tuple[Learned, str] | None
) -> Change:
    before = old and {"limit": str(name), "max": old.setting.max, "reason": old.reason}
    after = found and {"limit": str(name), "max": found[0].max, "reason": found[1]}
    if after and found:
        after["learned_from"] = to_iso(found[0].period_start)
    return Change("learn", subject, before, after)
