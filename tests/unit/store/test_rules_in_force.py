"""What limits are in force: rule R10."""

import pytest

from sendlimit.rules.override import Override
from sendlimit.store.changes import Author
from sendlimit.store.connection import Connection
from sendlimit.store.overrides import set_override
from sendlimit.store.rules_in_force import lasting_rules, names_in_force, rows_of, rules_in_force
from support.counting_samples import ALICE, BOB, DAILY, NOON, file_rules, named, setting

_HOURLY = "domain.recipients_per_hour"
_DAY = named(DAILY)
_FILE = file_rules(setting("*", DAILY, 3)).file
_BOOST = Override(setting(ALICE.mailbox, DAILY, 9, NOON + 60), "", "root", NOON)
_LASTING = Override(setting(ALICE.mailbox, DAILY, 5), "", "root", NOON)
_OF_BOB = Override(setting(BOB.mailbox, DAILY, 6), "", "root", NOON)


@pytest.fixture(autouse=True)
def _rows(tables: Connection) -> None:
    """A boost beside an override, and another one's override."""
    for row in (_BOOST, _LASTING, _OF_BOB):
        set_override(tables, row, Author("root", "command", NOON))


def test_rows_of_some(tables: Connection) -> None:
    """All rows of the subjects, ended boosts too; of none, none."""
    assert {*rows_of(tables, [ALICE.mailbox, "*"])} == {_BOOST, _LASTING}
    assert rows_of(tables, []) == []


def test_boosts_that_have_ended(tables: Connection) -> None:
    """R10: a boost goes before the override until it ends."""
    before = rules_in_force(tables, _FILE, NOON)
    after = rules_in_force(tables, _FILE, NOON + 60)

    assert [*before.boosts.by_subject] == [(ALICE.mailbox, _DAY)]
    assert after.boosts.by_subject == {}
    assert {*after.overrides.by_subject} == {(ALICE.mailbox, _DAY), (BOB.mailbox, _DAY)}
    assert lasting_rules(tables, _FILE).overrides.by_subject == after.overrides.by_subject


def test_of_one(tables: Connection) -> None:
    """Asked for one subject, rows of others are left out."""
    found = rules_in_force(tables, _FILE, NOON, [BOB.mailbox])
    assert found.boosts.by_subject == {}
    assert [*found.overrides.by_subject] == [(BOB.mailbox, _DAY)]


def test_names(tables: Connection) -> None:
    """A name that the database alone limits is one of them."""
    row = Override(setting("example.org", _HOURLY, 5), "", "root", NOON)
    set_override(tables, row, Author("root", "command", NOON))
    assert names_in_force(tables, _FILE, NOON) == {_DAY, named(_HOURLY)}
