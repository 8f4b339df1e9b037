"""The commands' way to er_limit: overrides and boosts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sendlimit.store.rows import placeholders, setting
from sendlimit.store.sqltime import from_sql, to_sql
from sendlimit.store.transaction import atomically

if TYPE_CHECKING:
    from collections.abc import Collection

    from sendlimit.limit import LimitName, Setting
    from sendlimit.store.connection import Connection
    from sendlimit.store.rows import Row

_COLUMNS = (
    "SELECT subject, scope, unit, `window`, max, valid_until, reason, set_by, set_at FROM er_limit"
)
_ALL = _COLUMNS + " ORDER BY subject, scope, unit, `window`, is_boost"
_OF_SUBJECTS = (
    _COLUMNS + " WHERE subject IN ({subjects}) ORDER BY subject, scope, unit, `window`, is_boost"
)
_KEY = " WHERE subject = %s AND scope = %s AND unit = %s AND `window` = %s AND is_boost = %s"
_ONE = _COLUMNS + _KEY
_NEW = "max = %s, valid_until = %s, reason = %s, set_by = %s, set_at = %s"
_CHANGE = "UPDATE er_limit SET " + _NEW + _KEY  # noqa: S608 - constants
_ADD = """
INSERT INTO er_limit (max, valid_until, reason, set_by, set_at, subject, scope, unit, `window`)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"""
_REMOVE = "DELETE FROM er_limit" + _KEY  # noqa: S608 - constants
_ENDED = "DELETE FROM er_limit WHERE valid_until < %s"


class Override(NamedTuple):
    """One row of er_limit.

    Attributes:
        setting: what is set; a boost has valid_until.
        reason: free text.
        set_by: who set it, as the command knew them.
        set_at: seconds since 1970.
    """

    setting: Setting
    reason: str
    set_by: str
    set_at: int


def overrides(connection: Connection, subjects: Collection[str] | None = None) -> list[Override]:
    """Return the rows of these subjects, ended boosts too; None: of all."""
    if subjects is None:
        return [_override(row) for row in connection.execute(_ALL)]
    if not subjects:
        return []
    statement = _OF_SUBJECTS.format(subjects=placeholders([*subjects]))
    return [_override(row) for row in connection.execute(statement, [*subjects])]


def set_override(connection: Connection, override: Override) -> Override | None:
    """Put a row in place of the one of the same limit and kind (boost or lasting).

    Returns:
        The row that was there before.
    """
    setting = override.setting
    key = _key(setting.subject, setting.name, is_boost=setting.valid_until is not None)
    until = None if setting.valid_until is None else to_sql(setting.valid_until)
    values = (setting.max, until, override.reason, override.set_by, to_sql(override.set_at))

    def work() -> Override | None:
        before = connection.execute(_ONE, key)
        if before:
            connection.execute(_CHANGE, (*values, *key))
        else:
            connection.execute(_ADD, (*values, *key[:-1]))
        return _override(before[0]) if before else None

    return atomically(connection, work)


def unset_override(
    connection: Connection, subject: str, name: LimitName, *, is_boost: bool
) -> Override | None:
    """Remove a row.

    Returns:
        The row that was there, None if there was none.
    """
    key = _key(subject, name, is_boost=is_boost)

    def work() -> Override | None:
        before = connection.execute(_ONE, key)
        connection.execute(_REMOVE, key)
        return _override(before[0]) if before else None

    return atomically(connection, work)


def remove_ended(connection: Connection, before: int) -> int:
    """Remove the boosts that ended before the moment; return how many."""
    connection.execute(_ENDED, [to_sql(before)])
    return connection.affected()


def _key(subject: str, name: LimitName, *, is_boost: bool) -> Row:
    return (subject, str(name.scope), str(name.unit), str(name.window), int(is_boost))


def _override(row: Row) -> Override:
    return Override(setting(row), row[6], row[7], from_sql(row[8]))
