"""What memory counts for the committer: answers on the numbers of a flush, bookings."""

from __future__ import annotations

from sendlimit.rules.decision import Request
from sendlimit.rules.limit import Charge
from support.counting_samples import (
    ALICE,
    ALICES_DAY,
    ALICES_MAIL,
    DAILY,
    LIMIT_OF_3,
    NOON,
    key_of,
    setting,
)
from support.sole_memory import VALID, SoleMemory

_PER_DAY = "mailbox.recipients_per_day"
_ALICES_RECIPIENTS = key_of(_PER_DAY, ALICE.mailbox)


class TestAnswers:
    """Requests are decided on the numbers of a flush that is in."""

    def test_refused_by_the_database_s_number(self) -> None:
        """And nothing is charged."""
        sole = SoleMemory(LIMIT_OF_3)
        request = Request(ALICE, NOON)
        assert sole.memory.keys_of(request) == (ALICES_DAY,)
        sole.stretches.take(0)
        sole.memory.follow({ALICES_DAY: 3})
        answer = sole.memory.answer(request, VALID)
        assert answer is not None
        assert answer.decision.refused
        assert answer.effects == ()
        assert not sole.journal.records

    def test_granted_when_the_database_has_room(self) -> None:
        """The counter was reset by SQL: memory follows, and the mail is charged."""
        sole = SoleMemory(LIMIT_OF_3)
        for _ in range(3):
            sole.send()
        sole.stretches.take(3)
        sole.memory.follow({ALICES_DAY: 1})
        sole.stretches.booked()
        answer = sole.memory.answer(Request(ALICE, NOON), VALID)
        assert answer is not None
        assert not answer.decision.refused
        assert dict(answer.effects) == ALICES_MAIL
        assert [sole.send(), sole.send()] == [True, False]

    def test_not_granted_without_the_lease(self) -> None:
        """There is room, but another daemon may be deciding: no answer, the request stays."""
        sole = SoleMemory(LIMIT_OF_3)
        assert sole.memory.answer(Request(ALICE, NOON), sole.lease.grants_until) is None
        sole.journal.full = True
        assert sole.memory.answer(Request(ALICE, NOON), VALID) is None
        assert not sole.pending()

    def test_a_refusal_at_the_end_gives_back_the_message(self) -> None:
        """R9: the mail that would pass the limit costs nothing."""
        sole = SoleMemory(setting("*", _PER_DAY, 5))
        reservation = sole.memory.reserve(ALICE, NOON, VALID)
        assert reservation is not None
        answer = sole.memory.answer(Request(ALICE, NOON, 6, reservation.charges), VALID)
        assert answer is not None
        assert answer.decision.refused
        assert sole.pending() == {}
        assert sole.journal.sums() == {}

    def test_recipients_are_granted(self) -> None:
        """All of them, with what the session needs to know."""
        sole = SoleMemory(setting("*", _PER_DAY, 5))
        answer = sole.memory.answer(Request(ALICE, NOON, 5), VALID)
        assert answer is not None
        assert answer.effects == (Charge(_ALICES_RECIPIENTS, 5),)
        assert sole.pending() == {_ALICES_RECIPIENTS: 5}


class TestBookings:
    """Mail that was accepted undecided is counted in every state."""

    def test_message_and_recipients(self) -> None:
        """Beyond any limit, as no decision was made."""
        sole = SoleMemory(setting("*", DAILY, 0), setting("*", _PER_DAY, 1))
        sole.lease.lapse(100.0)
        sole.memory.book(Request(ALICE, NOON))
        sole.memory.book(Request(ALICE, NOON, 4))
        assert sole.pending() == {**ALICES_MAIL, _ALICES_RECIPIENTS: 4}

    def test_memory_has_them_when_the_lease_is_kept(self) -> None:
        """Sole again after an outage: what passed meanwhile counts against the limit."""
        sole = SoleMemory(LIMIT_OF_3)
        sole.lease.lapse(100.0)
        for _ in range(2):
            sole.memory.book(Request(ALICE, NOON))
        sole.lease.kept(101.0, 2)
        assert [sole.send(now=102.0), sole.send(now=102.0)] == [True, False]

    def test_a_full_journal_stops_no_counting(self) -> None:
        """What is not in the journal is pending all the same."""
        sole = SoleMemory(LIMIT_OF_3)
        sole.journal.full = True
        sole.memory.book(Request(ALICE, NOON))
        assert sole.pending() == ALICES_MAIL

    def test_decisions_of_a_batch_are_given_back_by_key(self) -> None:
        """A reservation that the shared mode made, released under the lease."""
        sole = SoleMemory(LIMIT_OF_3)
        sole.memory.add([Charge(ALICES_DAY, -1), Charge(_ALICES_RECIPIENTS, -4)], NOON)
        assert sole.pending() == {ALICES_DAY: -1, _ALICES_RECIPIENTS: -4}
        assert sole.journal.sums() == {ALICES_DAY: -1, _ALICES_RECIPIENTS: -4}
