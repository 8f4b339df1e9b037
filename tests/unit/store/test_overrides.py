"""Overrides and boosts in the tables: rule R10."""

import pytest

from sendlimit.errors import StoreError
from sendlimit.rules.override import Override
from sendlimit.store.changes import Author, recorded_changes
from sendlimit.store.connection import Connection
from sendlimit.store.overrides import (
    lasting,
    overrides,
    remove_ended,
    set_override,
    set_overrides,
    unset_override,
)
from support.counting_samples import ALICE, BOB, DAILY, NOON, named, setting

_ROOT = Author("root", "command", NOON)


def _override(
    value: int | None, until: int | None = None, subject: str = ALICE.mailbox
) -> Override:
    return Override(setting(subject, DAILY, value, until), "holidays", "root", NOON)


def test_override_and_boost_stand_side_by_side(tables: Connection) -> None:
    """R10: a boost and a lasting override of one limit are two rows; each replaces its own kind."""
    set_override(tables, _override(5), _ROOT)
    set_override(tables, _override(9, NOON + 60), _ROOT)
    replaced = set_override(tables, _override(None), _ROOT)

    assert replaced.result == _override(5)
    assert overrides(tables) == [_override(None), _override(9, NOON + 60)]
    assert [*lasting(tables).values()] == [_override(None)]


def test_overrides_of_some_subjects(tables: Connection) -> None:
    """Only rows of the subjects that are asked for; of none, none."""
    set_override(tables, _override(5), _ROOT)
    set_override(tables, _override(6, subject=BOB.mailbox), _ROOT)

    assert overrides(tables, [ALICE.mailbox, "*"]) == [_override(5)]
    assert overrides(tables, []) == []


def test_unset(tables: Connection) -> None:
    """What was there is returned, and the other kind stays; a second time there is nothing."""
    set_override(tables, _override(5), _ROOT)
    set_override(tables, _override(9, NOON + 60), _ROOT)

    def unset() -> Override | None:
        return unset_override(tables, ALICE.mailbox, named(DAILY), _ROOT, is_boost=True).result

    assert unset() == _override(9, NOON + 60)
    assert unset() is None
    assert overrides(tables) == [_override(5)]


def test_changes_are_written_down(tables: Connection) -> None:
    """Each change has a row with what was before and after; what changes nothing has none."""
    set_override(tables, _override(5), _ROOT)
    unset_override(tables, ALICE.mailbox, named(DAILY), _ROOT, is_boost=False)
    unset_override(tables, ALICE.mailbox, named(DAILY), _ROOT, is_boost=False)

    unset, made = (recorded.change for recorded in recorded_changes(tables, 0))
    assert (made.what, made.before, unset.what, unset.after) == (
        "limit set",
        None,
        "limit unset",
        None,
    )
    assert made.after == unset.before
    assert made.after is not None


def test_import_is_all_or_nothing(tables: Connection) -> None:
    """A row that was changed since the import was planned stops all of it."""
    set_override(tables, _override(5), _ROOT)
    planned = [(_override(7, subject=BOB.mailbox), None), (_override(7), None)]
    with pytest.raises(StoreError, match=r"alice@example\.org: .* was changed"):
        set_overrides(tables, planned, _ROOT)
    assert overrides(tables) == [_override(5)]

    set_overrides(tables, [planned[0], (_override(7), _override(5))], _ROOT)
    assert overrides(tables) == [_override(7), _override(7, subject=BOB.mailbox)]


def test_more_than_one_statement_takes(tables: Connection) -> None:
    """An import of hundreds of rows is one transaction all the same."""
    changes = [(_override(7, subject=f"m{number:03}"), None) for number in range(450)]
    set_overrides(tables, changes, _ROOT)

    assert overrides(tables) == [override for override, _ in changes]


def test_ended_boosts_are_removed(tables: Connection) -> None:
    """Only boosts that ended before the moment go."""
    for subject, until in (("a", NOON - 1), ("b", NOON), ("c", None)):
        set_override(tables, _override(9, until, subject), _ROOT)

    assert remove_ended(tables, NOON) == 1
    assert [row.setting.subject for row in overrides(tables)] == ["b", "c"]
