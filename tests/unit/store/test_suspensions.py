"""Suspensions in the tables (R17)."""

from sendlimit.rules.limit import SUSPENSION
from sendlimit.rules.override import REASON_MAX
from sendlimit.store.changes import Author, recorded_changes
from sendlimit.store.connection import Connection
from sendlimit.store.rules_in_force import rules_in_force
from sendlimit.store.suspensions import release, suspend, suspension_record, suspensions
from support.counting_samples import ALICE, BOB, NOON, file_rules

_ROOT = Author("root", "command", NOON)


def _is_suspended(tables: Connection, now: int) -> bool:
    rules = rules_in_force(tables, file_rules().file, now)
    return rules.limit(SUSPENSION, ALICE) is not None


def test_suspend_and_release(tables: Connection) -> None:
    """R17: a suspension holds until its end, or until it is released."""
    suspend(tables, ALICE.mailbox, NOON + 60, "stolen", _ROOT)
    assert _is_suspended(tables, NOON)
    assert not _is_suspended(tables, NOON + 60)

    suspend(tables, ALICE.mailbox, None, "again", _ROOT)
    assert [row.reason for row in suspensions(tables)] == ["again"]
    assert _is_suspended(tables, NOON + 10**8)

    (gone,) = release(tables, ALICE.mailbox, _ROOT).result
    assert suspension_record(gone) == {
        "subject": ALICE.mailbox,
        "until": None,
        "reason": "again",
        "set_by": "root",
        "set_at": "2026-11-22T12:00:00+00:00",
    }
    assert suspensions(tables) == []
    assert not _is_suspended(tables, NOON)


def test_a_domain(tables: Connection) -> None:
    """R17: a suspended domain suspends each of its mailboxes, and not those of others."""
    suspend(tables, "example.org", None, "", _ROOT)

    assert _is_suspended(tables, NOON)
    assert suspensions(tables, BOB.mailbox) == []
    assert len(suspensions(tables, "example.org")) == 1


def test_changes_are_recorded(tables: Connection) -> None:
    """Each change is a row of er_change; releasing what is not suspended is none."""
    assert release(tables, ALICE.mailbox, _ROOT).id == 0
    suspend(tables, ALICE.mailbox, None, "x" * 1000, _ROOT)
    release(tables, ALICE.mailbox, _ROOT)

    found = [row.change for row in recorded_changes(tables, 0)]
    assert [(change.what, change.subject) for change in found] == [
        ("release", ALICE.mailbox),
        ("suspend", ALICE.mailbox),
    ]
    assert isinstance(found[1].after, dict)
    assert found[1].after["reason"] == "x" * REASON_MAX
    assert (found[1].before, found[0].after) == (None, None)
