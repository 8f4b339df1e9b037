"""All that the tables have of one mailbox or domain: moved to another name, or removed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sendlimit.store.changes import Change, make_change
from sendlimit.store.episodes import count_episodes, move_episodes, remove_episodes
from sendlimit.store.overrides import (
    move_overrides,
    override_record,
    overrides,
    overrides_that_stay,
    remove_overrides,
)
from sendlimit.store.usage import count_counters, move_counters, remove_counters

if TYPE_CHECKING:
    from sendlimit.rules.limit import Scope
    from sendlimit.rules.override import Override
    from sendlimit.store.changes import Author, Made
    from sendlimit.store.connection import Connection


class Stored(NamedTuple):
    """What the tables have of one subject.

    Attributes:
        counters: how many counters, of all periods.
        refusals: how many episodes by its own limits.
        limits: its overrides and boosts.
    """

    counters: int
    refusals: int
    limits: list[Override]

    def __str__(self) -> str:
        """Say it in words."""
        return f"{self.counters} counters, {self.refusals} refusals, {len(self.limits)} limits"

    def __bool__(self) -> bool:
        """Return whether there is anything."""
        return bool(self.counters or self.refusals or self.limits)

    @property
    def record(self) -> dict[str, object] | None:
        """As er_change has it; None: nothing."""
        if not self:
            return None
        limits = [override_record(row) for row in self.limits]
        return {"counters": self.counters, "refusals": self.refusals, "limits": limits}


class Renamed(NamedTuple):
    """What a rename did.

    Attributes:
        moved: what the old name had; its counts are added to those of the new name.
        kept: overrides of the new name that stayed; the old name's of the same limit went.
    """

    moved: Stored
    kept: list[Override]


def stored(connection: Connection, scope: Scope, subject: str) -> Stored:
    """Return what the tables have of a mailbox or domain."""
    return Stored(
        count_counters(connection, scope, subject),
        count_episodes(connection, scope, subject),
        overrides(connection, [subject]),
    )


def rename(
    connection: Connection, scope: Scope, old: str, new: str, author: Author
) -> Made[Renamed]:
    """Let all that is stored of a mailbox or domain be of another name.

    Counts and refusals of the same period become one. Where both names have an override of the
    same limit, that of the new name stays.
    """

    def work() -> tuple[Renamed, list[Change]]:
        moved, there = stored(connection, scope, old), stored(connection, scope, new)
        kept = overrides_that_stay(connection, old, new)
        move_counters(connection, scope, old, new)
        move_episodes(connection, scope, old, new)
        move_overrides(connection, old, new)
        if not moved:
            return Renamed(moved, kept), []
        now = stored(connection, scope, new).record or {}
        changes = [
            Change("rename", old, moved.record, {"renamed_to": new}),
            Change("rename", new, there.record, {"renamed_from": old, **now}),
        ]
        return Renamed(moved, kept), changes

    return make_change(connection, author, work)


def forget(connection: Connection, scope: Scope, subject: str, author: Author) -> Made[Stored]:
    """Remove all that is stored of a mailbox or domain; the audit trail stays.

    Refusals by the limits of its domain or of the server stay, too, without its name.
    """

    def work() -> tuple[Stored, list[Change]]:
        gone = stored(connection, scope, subject)
        remove_counters(connection, scope, subject)
        remove_episodes(connection, scope, subject)
        remove_overrides(connection, subject)
        return gone, [Change("forget", subject, gone.record)] if gone else []

    return make_change(connection, author, work)
