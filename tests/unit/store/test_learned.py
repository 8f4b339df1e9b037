"""Learned limits in the tables; how they come about is in the tests of onboarding.learning."""

from sendlimit.rules.learning import Learned
from sendlimit.rules.limit import Origin
from sendlimit.rules.override import Override
from sendlimit.store.changes import Author
from sendlimit.store.connection import Connection
from sendlimit.store.learned import learned_of, learned_overrides, replace_learned
from sendlimit.store.overrides import move_overrides, overrides, set_override
from sendlimit.store.rules_in_force import rules_in_force
from support.counting_samples import ALICE, BOB, DAILY, NOON, file_rules, named, setting

_ROOT = Author("root", "command", NOON)
_A_DAY = named(DAILY)
_122 = Learned(122, 61, NOON - 86_400)


def _learn(tables: Connection, **by_subject: Learned | None) -> None:
    new = {f"{name}@example.org": found and (found, "why") for name, found in by_subject.items()}
    replace_learned(tables, _A_DAY, new, _ROOT)


def test_beside_an_override(tables: Connection) -> None:
    """R15: a learned limit, an override and a boost of one name are three rows; each is found by its kind."""
    for until in (None, NOON + 60):
        row = Override(setting(ALICE.mailbox, DAILY, 5, until), "", "root", NOON)
        set_override(tables, row, _ROOT)
    _learn(tables, alice=_122)
    _learn(tables, alice=Learned(130, 65, NOON))

    assert [row.setting.max for row in overrides(tables)] == [5, 5]
    (row,) = learned_overrides(tables)
    assert (row.setting.max, row.setting.learned_from) == (130, NOON)
    assert learned_of(tables, _A_DAY) == {ALICE.mailbox: row}
    assert learned_of(tables, named("mailbox.messages_per_hour")) == {}
    assert learned_overrides(tables, []) == []
    _learn(tables, alice=None)
    assert learned_overrides(tables) == []
    assert len(overrides(tables)) == 2


def test_no_rule_for_it(tables: Connection) -> None:
    """R15: where the file no longer wants a limit to be learned, the rows that are left mean nothing."""
    _learn(tables, alice=_122)
    rules = rules_in_force(tables, file_rules(setting("*", DAILY, 7)).file, NOON)

    assert rules.winner(_A_DAY, ALICE) == (setting("*", DAILY, 7), Origin.FILE)


def test_a_new_name(tables: Connection) -> None:
    """A mailbox that gets a new name takes its learned limit along, in place of the new name's."""
    _learn(tables, alice=_122, bob=Learned(50, 1, NOON))
    move_overrides(tables, ALICE.mailbox, BOB.mailbox)

    assert {row.setting.subject: row.setting.max for row in learned_overrides(tables)} == {
        BOB.mailbox: 122
    }
