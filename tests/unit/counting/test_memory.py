"""Decisions from memory: when it grants, what it asks the database for, what it notes."""

from __future__ import annotations

import pytest

from sendlimit.counting.stretches import CLOSE_AT
from sendlimit.rules.decision import Decision, Request
from sendlimit.rules.limit import LATCH, SUSPENSION, Setting
from sendlimit.rules.mailbox import Sender
from support.counting_samples import (
    ALICE,
    ALICES_DAY,
    ALICES_MAIL,
    BOB,
    DAILY,
    LIMIT_OF_3,
    NOON,
    UTC,
    setting,
)
from support.sole_memory import VALID, SoleMemory

_MIDNIGHT = UTC.period(LIMIT_OF_3.name.window, NOON).end


def test_grants_up_to_the_limit_and_never_refuses() -> None:
    """Three of three pass; the fourth is a matter for the database."""
    sole = SoleMemory(LIMIT_OF_3)
    assert [sole.send() for _ in range(5)] == [True, True, True, False, False]


def test_a_grant_is_in_the_journal_and_pending() -> None:
    """One record of one message for all counters of the mail; one addition to each."""
    sole = SoleMemory(LIMIT_OF_3)
    sole.send()
    sole.send()
    assert [record.amount for record in sole.journal.records] == [1, 1]
    assert sole.pending() == dict.fromkeys(ALICES_MAIL, 2)
    assert sole.journal.sums() == dict.fromkeys(ALICES_MAIL, 2)


@pytest.mark.parametrize("spoil", ["late", "leaving", "journal full", "unknown", "forgotten"])
def test_asks_instead_of_granting(spoil: str) -> None:
    """Not after the lease's time, not while leaving, not without a journal or the numbers."""
    sole = SoleMemory(LIMIT_OF_3)
    now = VALID
    if spoil == "late":
        now = sole.lease.grants_until
    elif spoil == "leaving":
        sole.lease.leave()
    elif spoil == "journal full":
        sole.journal.full = True
    elif spoil == "unknown":
        sole.lease.lost()
        sole.lease.joined()
        sole.lease.taken(0.0, 2, 0)
    elif spoil == "forgotten":
        sole.lease.leave()
        sole.lease.handed_over()
    assert not sole.send(now=now)
    assert not sole.journal.records
    assert not sole.pending()


def test_unlimited_mail_needs_no_numbers() -> None:
    """Where nothing is limited, nothing has to be loaded before the first decision."""
    sole = SoleMemory()
    sole.lease.lost()
    sole.lease.joined()
    sole.lease.taken(0.0, 2, 0)
    sole.memory.begin(NOON, ())
    assert sole.send()


@pytest.mark.parametrize("forgotten", [False, True])
def test_a_release_goes_back_to_where_it_came_from(*, forgotten: bool) -> None:
    """Also after midnight, and when the counters have been forgotten meanwhile."""
    sole = SoleMemory(LIMIT_OF_3)
    reservation = sole.memory.reserve(ALICE, NOON, VALID)
    assert reservation is not None
    sole.memory.plans.look_at_clock(_MIDNIGHT)
    assert sole.send(at=_MIDNIGHT)
    if forgotten:
        sole.lease.lost()
    sole.memory.release(reservation, _MIDNIGHT + 1)
    pending = sole.pending()
    assert {key.period_start for key in pending} == {_MIDNIGHT, 0}
    assert set(pending.values()) == {1}
    assert sole.journal.sums() == pending


def test_a_release_makes_room() -> None:
    """What an abort gives back is there for the next mail at once."""
    sole = SoleMemory(LIMIT_OF_3)
    reservations = [sole.memory.reserve(ALICE, NOON, VALID) for _ in range(3)]
    assert reservations[0] is not None
    sole.memory.release(reservations[0], NOON)
    assert [sole.send(), sole.send()] == [True, False]


def test_the_new_day_starts_at_nothing_at_once() -> None:
    """A mailbox at its limit may send at midnight, without a request."""
    sole = SoleMemory(LIMIT_OF_3)
    for _ in range(3):
        sole.send()
    assert not sole.send(at=_MIDNIGHT - 1)
    assert sole.send(at=_MIDNIGHT)


def test_a_mail_of_before_midnight_is_asked_about() -> None:
    """Its moment was read before; another callback was decided for the new day already."""
    sole = SoleMemory(LIMIT_OF_3)
    assert sole.send(at=_MIDNIGHT)
    assert not sole.send(at=_MIDNIGHT - 1)
    assert sole.send(at=_MIDNIGHT)


def test_a_closed_stretch_for_every_two_thousand_counters() -> None:
    """A flush never carries more than a transaction should."""
    sole = SoleMemory(setting("*", DAILY, 3))
    for number in range(CLOSE_AT):
        sole.send(Sender(f"u{number}@d{number}.example", f"d{number}.example"))
    stretch = sole.stretches.take(sole.journal.number)
    assert CLOSE_AT <= len(stretch.sums) <= CLOSE_AT + 4
    assert stretch.last == CLOSE_AT / 2 - 1
    assert sole.stretches


def test_usage_changes_are_told_from_the_percentage_on() -> None:
    """Warnings are made of them; below, a decision carries none."""
    sole = SoleMemory(setting("*", DAILY, 10), warn_at_percent=80)
    told = []
    for _ in range(10):
        reservation = sole.memory.reserve(ALICE, NOON, VALID)
        assert reservation is not None
        assert reservation.decision is not None
        told.append([change.after for change in reservation.decision.usage_changes])
    assert told == [[], [], [], [], [], [], [], [8], [9], [10]]
    assert not sole.send()


def test_observe_mode_asks_the_database_what_it_would_refuse() -> None:
    """What is recorded as a refusal is right to the mail, as in enforce mode."""
    sole = SoleMemory(LIMIT_OF_3, observe=True)
    assert [sole.send() for _ in range(4)] == [True, True, True, False]
    sole.stretches.take(3)
    sole.memory.follow({ALICES_DAY: 3})
    answer = sole.memory.answer(Request(ALICE, NOON), VALID)
    assert answer is not None
    assert not answer.decision.refused
    assert answer.decision.exceeded is not None
    assert sole.pending() == dict.fromkeys(ALICES_MAIL, 1)


def test_what_a_flush_returns_as_expected_changes_nothing() -> None:
    """And what it returns otherwise is followed: a number that was changed by SQL."""
    sole = SoleMemory(LIMIT_OF_3)
    assert sole.send()
    assert sole.stretches.take(1).expected == dict.fromkeys(ALICES_MAIL.keys() - {LATCH}, 1)
    sole.memory.follow(dict.fromkeys(ALICES_MAIL.keys() - {LATCH}, 1))
    sole.stretches.booked()
    assert sole.counters.get(ALICES_DAY).used == 1
    assert sole.send()
    sole.stretches.take(2)
    sole.memory.follow(dict.fromkeys(ALICES_MAIL.keys() - {LATCH}, 2) | {ALICES_DAY: 3})
    sole.stretches.booked()
    assert not sole.send()


def test_a_number_that_was_changed_forth_and_back() -> None:
    """The flush after next returns what was expected before memory followed: it follows that, too."""
    sole = SoleMemory(LIMIT_OF_3)
    assert sole.send()
    sole.stretches.take(1)
    assert sole.send()
    sole.stretches.close(2)
    sole.memory.follow({ALICES_DAY: 101})
    sole.stretches.booked()
    assert sole.counters.get(ALICES_DAY).used == 102
    assert not sole.send()
    sole.stretches.take(2)
    sole.memory.follow({ALICES_DAY: 2})
    sole.stretches.booked()
    assert [sole.send(), sole.send()] == [True, False]


def test_a_lease_that_was_lost_expects_nothing() -> None:
    """What is pending is followed when it is in: others have counted, memory has forgotten."""
    sole = SoleMemory(LIMIT_OF_3)
    assert sole.send()
    sole.take_again(alice=0)
    sole.counters.forget(1)
    sole.memory.begin(NOON, ())
    sole.stretches.take(1)
    sole.memory.follow(dict.fromkeys(ALICES_MAIL.keys() - {LATCH}, 1))
    sole.stretches.booked()
    counter = sole.counters.get(ALICES_DAY)
    assert (counter.used, counter.known) == (1, True)


def test_an_unlimited_decision_is_the_plain_one() -> None:
    """Without anything to tell, a decision is the plan's own: what every mail shares."""
    sole = SoleMemory()
    reservation = sole.memory.reserve(ALICE, NOON, VALID)
    assert reservation is not None
    assert isinstance(reservation.decision, Decision)
    assert dict(reservation.charges) == ALICES_MAIL


def test_a_suspended_mailbox() -> None:
    """R17: memory grants a suspended mailbox nothing, in the quick way neither; after its end it does."""
    sole = SoleMemory()
    assert sole.send()
    sole.memory.plans.learn([Setting(ALICE.mailbox, SUSPENSION, 0, NOON + 60)])

    assert not sole.send()
    assert sole.memory.reserve(BOB, NOON, VALID) is not None
    assert sole.memory.reserve(ALICE, NOON + 60, VALID) is not None
