"""Suspensions in er_limit: a limit of 0 on each single message of a mailbox (R17)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sendlimit.rules.limit import SUSPENSION, Setting
from sendlimit.rules.override import REASON_MAX, Override
from sendlimit.store.changes import Change, make_change
from sendlimit.store.overrides import overrides, put_override, remove_override
from sendlimit.store.sqltime import to_iso

if TYPE_CHECKING:
    from sendlimit.store.changes import Author, Made
    from sendlimit.store.connection import Connection


class Suspended(NamedTuple):
    """A suspension that was made, and those that it replaces, ended ones too."""

    now: Override
    before: list[Override]


def suspensions(connection: Connection, subject: str | None = None) -> list[Override]:
    """Return the suspensions of a subject, or all, ended ones too."""
    found = overrides(connection, None if subject is None else [subject])
    return [row for row in found if row.setting.name == SUSPENSION]


def suspend(
    connection: Connection, subject: str, until: int | None, reason: str, author: Author
) -> Made[Suspended]:
    """Suspend a mailbox, all of a domain, or everyone; it replaces an earlier suspension.

    Args:
        connection: to the tables.
        subject: a mailbox, a domain or "*".
        until: when it ends; None: when it is released.
        reason: free text; cut to the column.
        author: who does it.
    """
    row = Override(
        Setting(subject, SUSPENSION, 0, until), reason[:REASON_MAX], author.who, author.at
    )

    def work() -> tuple[Suspended, list[Change]]:
        before = suspensions(connection, subject)
        for old in before:
            remove_override(connection, old.setting)
        put_override(connection, row)
        change = Change("suspend", subject, _records(before), suspension_record(row))
        return Suspended(row, before), [change]

    return make_change(connection, author, work)


def release(connection: Connection, subject: str, author: Author) -> Made[list[Override]]:
    """End the suspension of a subject.

    Returns:
        What there was, ended ones too.
    """

    def work() -> tuple[list[Override], list[Change]]:
        before = suspensions(connection, subject)
        for old in before:
            remove_override(connection, old.setting)
        return before, [Change("release", subject, _records(before))] if before else []

    return make_change(connection, author, work)


def suspension_record(row: Override) -> dict[str, object]:
    """Return a suspension as JSON has it; until null: until it is released."""
    return {
        "subject": row.setting.subject,
        "until": to_iso(row.setting.valid_until),
        "reason": row.reason,
        "set_by": row.set_by,
        "set_at": to_iso(row.set_at),
    }


def _records(rows: list[Override]) -> list[dict[str, object]] | None:
    return [suspension_record(row) for row in rows] or None
