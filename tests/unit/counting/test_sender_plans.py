"""The plans in memory: what a limit that changes, ends or is one too many does to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendlimit.counting import sender_plans
from sendlimit.rules.counting_settings import CountingSettings
from sendlimit.rules.mailbox import Sender
from support.counting_samples import (
    ALICE,
    ALICES_DAY,
    BOB,
    DAILY,
    LIMIT_OF_3,
    NOON,
    UTC,
    file_rules,
    setting,
)
from support.sole_memory import VALID, SoleMemory

if TYPE_CHECKING:
    import pytest


def test_a_boost_ends_by_itself() -> None:
    """Its end is the end of the plan."""
    sole = SoleMemory(LIMIT_OF_3)
    sole.memory.plans.learn([setting(ALICE.mailbox, DAILY, 100, until=NOON + 60)])
    assert all(sole.send(at=NOON + 59) for _ in range(4))
    assert not sole.send(at=NOON + 60)


def test_rows_of_the_database_beat_the_file() -> None:
    """A limit that was set and applied holds from the next mail on; other mailboxes keep theirs."""
    sole = SoleMemory(LIMIT_OF_3)
    assert sole.send()
    assert sole.memory.plans.learn_some([ALICE.mailbox], [setting(ALICE.mailbox, DAILY, 1)])
    assert not sole.memory.plans.learn_some([ALICE.mailbox], [setting(ALICE.mailbox, DAILY, 1)])
    assert not sole.send()
    assert sole.send(BOB)
    assert sole.memory.plans.learn_some([ALICE.mailbox], [])
    assert sole.send()


def test_settings_of_a_loaded_file_hold_from_the_next_mail_on() -> None:
    """Counters stay as they are."""
    sole = SoleMemory(LIMIT_OF_3)
    sole.send()
    sole.memory.plans.adopt(CountingSettings(file_rules(setting("*", DAILY, 2)), UTC))
    assert [sole.send(), sole.send()] == [True, False]


def test_plans_that_are_not_kept_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their counters become numbers; a reservation of such a plan is given back by key."""
    monkeypatch.setattr(sender_plans, "PLANS_MAX", 3)
    monkeypatch.setattr(sender_plans, "RETIRED_AT_ONCE", 2)
    sole = SoleMemory(LIMIT_OF_3)
    first = sole.memory.reserve(ALICE, NOON, VALID)
    assert first is not None
    sole.pending()
    for number in range(6):
        assert sole.send(Sender(f"u{number}@example.org", "example.org"))
    sole.memory.release(first, NOON)

    assert [sole.send() for _ in range(4)] == [True, True, True, False]
    assert sole.pending()[ALICES_DAY] == 2
