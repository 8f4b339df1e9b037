"""What limits are in force, for commands and pages: the file's, and the rows of er_limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendlimit.rules.limit import holding
from sendlimit.rules.precedence import Rules
from sendlimit.store.overrides import EVERY_ROW, lasting, override_or_learned
from sendlimit.store.rows import names, placeholders
from sendlimit.store.sqltime import to_sql
from sendlimit.store.statements import NAMES_IN_FORCE
from sendlimit.store.unreadable import ignored, readable

if TYPE_CHECKING:
    from collections.abc import Collection

    from sendlimit.rules.limit import LimitName, Settings
    from sendlimit.rules.override import Override
    from sendlimit.store.connection import Connection

_OF_SUBJECTS = EVERY_ROW + " WHERE subject IN ({subjects})"


def lasting_rules(connection: Connection, file: Settings) -> Rules:
    """Return the settings of the file and the overrides without an end, without what was learned."""
    return Rules(file).with_rows(row.setting for row in lasting(connection).values())


def rules_in_force(
    connection: Connection, file: Settings, now: int, subjects: Collection[str] | None = None
) -> Rules:
    """Return the settings of the file and all rows but ended boosts.

    Args:
        connection: to the tables.
        file: the settings of the configuration file.
        now: seconds since 1970.
        subjects: whose rows; None: of all, which may be a row for each mailbox.
    """
    if subjects is None:
        found = readable("er_limit", connection.execute(EVERY_ROW), override_or_learned)
    else:
        found = rows_of(connection, subjects)
    return Rules(file).with_rows(holding((row.setting for row in found), now))


def names_in_force(connection: Connection, file: Settings, now: int) -> frozenset[LimitName]:
    """Return the names that file or database limit for any subject."""
    found = connection.execute(NAMES_IN_FORCE, [to_sql(now)])
    return file.with_shares(file.names() | names(found, ignored))


def rows_of(connection: Connection, subjects: Collection[str]) -> list[Override]:
    """Return all rows of these subjects, ended boosts and what was learned too."""
    if not subjects:
        return []
    statement = _OF_SUBJECTS.format(subjects=placeholders([*subjects]))
    rows = connection.execute(statement, [*subjects])
    return readable("er_limit", rows, override_or_learned)
