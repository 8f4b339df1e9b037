"""Recipients from memory: R9, charged at the end, all or none."""

from __future__ import annotations

import pytest

from sendlimit.rules.decision import Request
from support.counting_samples import (
    ALICE,
    NOON,
    key_of,
    setting,
)
from support.sole_memory import VALID, SoleMemory

_PER_DAY = "mailbox.recipients_per_day"
_ALICES_RECIPIENTS = key_of(_PER_DAY, ALICE.mailbox)


def test_the_decision_at_mail_says_what_is_left() -> None:
    """RCPT is answered by it."""
    sole = SoleMemory(setting("*", _PER_DAY, 5), setting("*", "mailbox.recipients_per_message", 3))
    assert sole.memory.settle(Request(ALICE, NOON, 2), VALID) is not None
    reservation = sole.memory.reserve(ALICE, NOON, VALID)
    assert reservation is not None
    assert reservation.decision is not None
    usage = [(item.used, item.limit.max) for item in reservation.recipient_usage]
    assert usage == [(2, 5), (0, 3)]
    assert reservation.decision.counts_recipients


def test_only_per_message() -> None:
    """A limit of one mail needs no counter; every mail shares one reservation."""
    sole = SoleMemory(setting("*", "mailbox.recipients_per_message", 3))
    first, second = (sole.memory.reserve(ALICE, NOON, VALID) for _ in range(2))
    assert first is second
    assert first is not None
    assert first.decision is not None
    assert [item.limit.max for item in first.recipient_usage] == [3]
    assert not first.decision.counts_recipients


@pytest.mark.parametrize("name", [_PER_DAY, "mailbox.recipients_per_message"])
def test_no_recipient_left_is_asked_at_mail(name: str) -> None:
    """Refused at MAIL already, by the database."""
    assert not SoleMemory(setting("*", name, 0)).send()


def test_settle_charges_all_or_asks() -> None:
    """Up to the limit from memory; what would pass it is not charged."""
    sole = SoleMemory(setting("*", _PER_DAY, 5))
    assert sole.memory.settle(Request(ALICE, NOON, 3), VALID) is not None
    assert sole.memory.settle(Request(ALICE, NOON, 3), VALID) is None
    assert sole.memory.settle(Request(ALICE, NOON, 2), sole.lease.grants_until) is None
    assert sole.memory.settle(Request(ALICE, NOON, 2), VALID) is not None
    assert sole.pending() == {_ALICES_RECIPIENTS: 5}
    assert [record.amount for record in sole.journal.records] == [3, 2]


def test_external_mail_is_charged_beside_them() -> None:
    """R18: each unit its own amount, in one record of its own; a mail without an external one counts for neither."""
    messages, recipients = (
        "mailbox.external_messages_per_day",
        "mailbox.external_recipients_per_day",
    )
    sole = SoleMemory(*(setting("*", name, 5) for name in (_PER_DAY, messages, recipients)))
    assert sole.memory.settle(Request(ALICE, NOON, 3, (), 2), VALID) is not None
    assert sole.memory.settle(Request(ALICE, NOON, 1), VALID) is not None
    assert sole.pending() == {
        _ALICES_RECIPIENTS: 4,
        key_of(messages, ALICE.mailbox): 1,
        key_of(recipients, ALICE.mailbox): 2,
    }
    assert [record.amount for record in sole.journal.records] == [3, 1, 2, 1]


def test_external_mail_over_its_limit_is_charged_to_nothing() -> None:
    """R6, R18: and local mail goes on, also at MAIL."""
    recipients = "mailbox.external_recipients_per_day"
    sole = SoleMemory(setting("*", _PER_DAY, 9), setting("*", recipients, 0))
    assert sole.memory.settle(Request(ALICE, NOON, 2, (), 1), VALID) is None
    assert sole.pending() == {}
    assert sole.memory.settle(Request(ALICE, NOON, 2), VALID) is not None
    assert sole.send()
