"""The database is away: the limits hold by what is known."""

from __future__ import annotations

from sendlimit.rules.decision import Request
from support.counting_samples import (
    ALICE,
    ALICES_MAIL,
    LIMIT_OF_3,
    NOON,
    key_of,
    setting,
)
from support.sole_memory import SoleMemory

_PER_DAY = "mailbox.recipients_per_day"
_ALICES_RECIPIENTS = key_of(_PER_DAY, ALICE.mailbox)


def _away(known: bool = True) -> SoleMemory:  # noqa: FBT001, FBT002 - one switch
    sole = SoleMemory(LIMIT_OF_3, setting("*", _PER_DAY, 5))
    if known:
        sole.take_again(alice=2)
    else:
        sole.lease.lost()
    sole.lease.lapse(100.0)
    return sole


def test_what_is_known_counts() -> None:
    """Two of three were used before the outage: one passes, and is given back when it ends otherwise."""
    sole = _away()
    first = sole.memory.meter(Request(ALICE, NOON))
    assert first.decision is not None
    assert first.decision.metered
    assert not first.decision.refused
    refused = sole.memory.meter(Request(ALICE, NOON)).decision
    assert refused is not None
    assert refused.refused
    assert refused.metered
    sole.memory.release(first, NOON)

    assert sole.pending() == {}


def test_nobody_is_refused_for_what_is_not_known() -> None:
    """A counter begins with what this daemon has seen of it."""
    sole = _away(known=False)
    refused = []
    for _ in range(4):
        decision = sole.memory.meter(Request(ALICE, NOON)).decision
        assert decision is not None
        refused.append(decision.refused)

    assert refused == [False, False, False, True]
    assert sole.pending() == dict.fromkeys(ALICES_MAIL, 3)


def test_recipients() -> None:
    """Charged at the end, all or none; a refusal gives back the message."""
    sole = _away()
    reservation = sole.memory.meter(Request(ALICE, NOON))
    refused = sole.memory.meter(Request(ALICE, NOON, 6, reservation.charges)).decision
    assert refused is not None
    assert refused.refused
    assert sole.pending() == {}
    sole.memory.meter(Request(ALICE, NOON, 5))

    assert sole.pending() == {_ALICES_RECIPIENTS: 5}


def test_external_mail() -> None:
    """R18: it is metered in its own units; over one of them only external mail is refused, all or none."""
    messages = "mailbox.external_messages_per_day"
    sole = SoleMemory(setting("*", messages, 1), setting("*", _PER_DAY, 9))
    sole.lease.lapse(100.0)
    for external, refused in ((2, False), (1, True), (0, False)):
        reservation = sole.memory.meter(Request(ALICE, NOON))
        request = Request(ALICE, NOON, 2, reservation.charges, external)
        decision = sole.memory.meter(request).decision
        assert decision is not None
        assert decision.refused == refused

    twice = dict.fromkeys(ALICES_MAIL, 2)
    external_messages = key_of(messages, ALICE.mailbox)
    assert sole.pending() == {**twice, external_messages: 1, _ALICES_RECIPIENTS: 4}
