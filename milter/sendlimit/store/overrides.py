"""The commands' way to er_limit: overrides and boosts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from sendlimit.errors import ChangedMeanwhile
from sendlimit.rules.override import Override
from sendlimit.store.changes import Change, Made, make_change
from sendlimit.store.rows import placeholders, setting
from sendlimit.store.sqltime import from_sql, to_iso, to_sql, until_from_sql
from sendlimit.store.transaction import execute_when_free
from sendlimit.store.unreadable import ignored, readable, text

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sendlimit.rules.limit import LimitName, Setting
    from sendlimit.store.changes import Author
    from sendlimit.store.connection import Connection
    from sendlimit.store.rows import Row
    from sendlimit.store.unreadable import Report, UnreadableRow

SELECT_OVERRIDES = """
SELECT subject, scope, unit, `window`, max, valid_until, reason, set_by, set_at
  FROM er_limit WHERE learned_from IS NULL"""
"""Without those that are learned."""
EVERY_ROW = """
SELECT subject, scope, unit, `window`, max, valid_until, reason, set_by, set_at, learned_from
  FROM er_limit"""
_ALL = SELECT_OVERRIDES + " ORDER BY subject, scope, unit, `window`, is_boost"
_OF_SUBJECTS = (
    SELECT_OVERRIDES
    + " AND subject IN ({subjects}) ORDER BY subject, scope, unit, `window`, is_boost"
)
_SAME = "subject = %s AND scope = %s AND unit = %s AND `window` = %s AND is_boost = %s"
_KEY = f" WHERE learned_from IS NULL AND {_SAME}"
_ONE = f"{SELECT_OVERRIDES} AND {_SAME}"
_NEW = "max = %s, valid_until = %s, reason = %s, set_by = %s, set_at = %s"
_CHANGE = "UPDATE er_limit SET " + _NEW + _KEY  # noqa: S608 - constants
_ADD = """
INSERT INTO er_limit (max, valid_until, reason, set_by, set_at, subject, scope, unit, `window`)
VALUES """
_ROW = "(%s, %s, %s, %s, %s, %s, %s, %s, %s)"
_CHUNK = 200
"""Rows a statement."""
_REMOVE = "DELETE FROM er_limit" + _KEY  # noqa: S608 - constants
_MOVE = "UPDATE er_limit SET subject = %s WHERE subject = %s"
_REMOVE_LEARNED = "DELETE FROM er_limit WHERE subject = %s AND learned_from IS NOT NULL"
_REMOVE_ALL = "DELETE FROM er_limit WHERE subject = %s"
_ENDED = "DELETE FROM er_limit WHERE valid_until < %s"


def overrides(
    connection: Connection,
    subjects: Collection[str] | None = None,
    report: Report = ignored,
) -> list[Override]:
    """Return the rows of these subjects, ended boosts too; None: of all.

    Args:
        connection: to the tables.
        subjects: whose rows.
        report: called with each row that can't be read and is left out.
    """
    if subjects is None:
        rows = connection.execute(_ALL)
    elif not subjects:
        return []
    else:
        statement = _OF_SUBJECTS.format(subjects=placeholders([*subjects]))
        rows = connection.execute(statement, [*subjects])
    return readable("er_limit", rows, override_of, report)


def unreadable_overrides(connection: Connection) -> list[UnreadableRow]:
    """Return the rows that can't be read: they limit no one, and 'limit unset' removes them."""
    found: list[UnreadableRow] = []
    overrides(connection, report=found.append)
    return found


class OverrideChange(NamedTuple):
    """A row to set or to remove.

    Attributes:
        subject: "*", a domain or a mailbox.
        name: of the limit.
        is_boost: which of the two kinds of row.
        row: the new one; None: remove it.
        expects: set_at of the row that is to be replaced, None: there is none; "any": unchecked.
    """

    subject: str
    name: LimitName
    is_boost: bool
    row: Override | None = None
    expects: int | Literal["any"] | None = "any"


def change_overrides(
    connection: Connection, wanted: Sequence[OverrideChange], author: Author
) -> Made[list[Override | None]]:
    """Set and remove rows, all or none.

    Returns:
        The rows that were there before, in the order of what was wanted.

    Raises:
        ChangedMeanwhile: a row is not the expected one; nothing was changed.
    """

    def work() -> tuple[list[Override | None], list[Change]]:
        found: list[Override | None] = []
        changes: list[Change] = []
        for each in wanted:
            key = _key(each.subject, each.name, is_boost=each.is_boost)
            rows = connection.execute(_ONE, key)
            before = next(iter(readable("er_limit", rows, override_of)), None)
            found.append(before)
            if each.expects not in ("any", before.set_at if before else None):
                raise ChangedMeanwhile(f"{each.subject}: {each.name} was changed meanwhile")
            if each.row is not None:
                if not rows:
                    _add(connection, [each.row])
                else:
                    connection.execute(_CHANGE, (*_values(each.row), *key))
                changes.append(_change("limit set", before, each.row))
            elif rows:
                connection.execute(_REMOVE, key)
                removed = override_record(before) if before else [*rows[0]]
                changes.append(Change("limit unset", each.subject, removed))
        return found, changes

    return make_change(connection, author, work)


def set_override(
    connection: Connection, override: Override, author: Author
) -> Made[Override | None]:
    """Put a row in place of the one of the same limit and kind (boost or lasting).

    Returns:
        The row that was there before.
    """
    setting = override.setting
    is_boost = setting.valid_until is not None
    change = OverrideChange(setting.subject, setting.name, is_boost, override)
    return _first(change_overrides(connection, [change], author))


def put_override(connection: Connection, override: Override) -> None:
    """Add a row that is not there, in the transaction of a change."""
    _add(connection, [override])


def remove_override(connection: Connection, setting: Setting) -> None:
    """Remove the row of a setting, in the transaction of a change."""
    connection.execute(_REMOVE, _key_of(setting))


def set_overrides(
    connection: Connection,
    changes: Sequence[tuple[Override, Override | None]],
    author: Author,
) -> Made[None]:
    """Set lasting overrides, all or none: an import.

    Args:
        connection: to the tables.
        changes: the rows, each with the one that it replaces; a limit is in it once.
        author: who does it.

    Raises:
        ChangedMeanwhile: nothing was set; another one has changed a row.
    """

    def work() -> tuple[None, list[Change]]:
        now = lasting(connection)
        for override, before in changes:
            setting = override.setting
            if now.get((setting.subject, setting.name)) != before:
                raise ChangedMeanwhile(
                    f"{setting.subject}: {setting.name} was changed meanwhile: nothing was set"
                )
        for override, before in changes:
            if before is not None:
                connection.execute(_CHANGE, (*_values(override), *_key_of(override.setting)))
        new = [override for override, before in changes if before is None]
        for start in range(0, len(new), _CHUNK):
            _add(connection, new[start : start + _CHUNK])
        return None, [_change("import", before, override) for override, before in changes]

    return make_change(connection, author, work)


def lasting(connection: Connection) -> dict[tuple[str, LimitName], Override]:
    """Return all overrides without an end, by subject and name."""
    return {
        (row.setting.subject, row.setting.name): row
        for row in overrides(connection)
        if row.setting.valid_until is None
    }


def unset_override(
    connection: Connection, subject: str, name: LimitName, author: Author, *, is_boost: bool
) -> Made[Override | None]:
    """Remove a row.

    Returns:
        The row that was there, None if there was none.
    """
    return _first(change_overrides(connection, [OverrideChange(subject, name, is_boost)], author))


def has_rows(connection: Connection, subject: str, name: LimitName) -> set[bool]:
    """Return which kinds of row there are of a limit, also such as can't be read: True is a boost."""
    return {
        is_boost
        for is_boost in (False, True)
        if connection.execute(_ONE, _key(subject, name, is_boost=is_boost))
    }


def _first(made: Made[list[Override | None]]) -> Made[Override | None]:
    return Made(made.result[0], made.id, made.lease)


def overrides_that_stay(connection: Connection, old: str, new: str) -> list[Override]:
    """Return the rows of a name that go before the old name's of the same limit and kind."""
    of_old = {_key_of(row.setting)[1:] for row in overrides(connection, [old])}
    return [row for row in overrides(connection, [new]) if _key_of(row.setting)[1:] in of_old]


def move_overrides(connection: Connection, old: str, new: str) -> None:
    """Give a subject's rows to another name, but for those that it has already."""
    for row in overrides_that_stay(connection, old, new):
        connection.execute(_REMOVE, (old, *_key_of(row.setting)[1:]))
    # What was learned about the old name goes on to hold: its history is the new name's.
    connection.execute(_REMOVE_LEARNED, [new])
    connection.execute(_MOVE, (new, old))


def remove_overrides(connection: Connection, subject: str) -> None:
    """Remove a subject's rows."""
    connection.execute(_REMOVE_ALL, [subject])


def remove_ended(connection: Connection, before: int) -> int:
    """Remove the boosts that ended before the moment; return how many."""
    execute_when_free(connection, _ENDED, [to_sql(before)])
    return connection.affected()


def override_record(override: Override) -> dict[str, object]:
    """Return a row of er_limit as JSON has it; max null is unlimited, until null is lasting."""
    setting = override.setting
    return {
        "subject": setting.subject,
        "limit": str(setting.name),
        "max": setting.max,
        "until": to_iso(setting.valid_until),
        "reason": override.reason,
        "set_by": override.set_by,
        "set_at": to_iso(override.set_at),
    }


def _change(what: str, before: Override | None, after: Override | None) -> Change:
    subject = next(row.setting.subject for row in (before, after) if row is not None)
    return Change(
        what,
        subject,
        override_record(before) if before else None,
        override_record(after) if after else None,
    )


def _add(connection: Connection, new: Sequence[Override]) -> None:
    rows = [(*_values(override), *_key_of(override.setting)[:-1]) for override in new]
    connection.execute(
        _ADD + ", ".join([_ROW] * len(rows)), [value for row in rows for value in row]
    )


def _values(override: Override) -> Row:
    until = override.setting.valid_until
    return (
        override.setting.max,
        None if until is None else to_sql(until),
        override.reason,
        override.set_by,
        to_sql(override.set_at),
    )


def _key_of(setting: Setting) -> Row:
    return _key(setting.subject, setting.name, is_boost=setting.valid_until is not None)


def _key(subject: str, name: LimitName, *, is_boost: bool) -> Row:
    return (subject, str(name.scope), str(name.unit), str(name.window), int(is_boost))


def override_of(row: Row) -> Override:
    """Read a row of SELECT_OVERRIDES."""
    return Override(setting(row), text(row[6]), text(row[7]), from_sql(row[8]))


def override_or_learned(row: Row) -> Override:
    """Read a row of EVERY_ROW."""
    found = override_of(row)
    learned_from = until_from_sql(row[9])
    return found._replace(setting=found.setting._replace(learned_from=learned_from))
