"""Decisions from memory: when it grants, what it asks the database for, what it notes."""

from __future__ import annotations

import pytest

from sendlimit.counting import memory
from sendlimit.counting.counters import Counters
from sendlimit.counting.lease import Lease
from sendlimit.counting.memory import Memory
from sendlimit.counting.stretches import CLOSE_AT, Stretches
from sendlimit.rules.counting_settings import CountingSettings
from sendlimit.rules.decision import Decision, Request
from sendlimit.rules.limit import SUSPENSION, Charge, CounterKey, Setting
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
    file_rules,
    key_of,
    setting,
)
from support.doubles.records import ListedRecords

_MORNING = NOON - 4 * 3600
_VALID = 1.0
"""A moment at which the lease of these tests is valid."""
_MIDNIGHT = UTC.period(LIMIT_OF_3.name.window, NOON).end
_PER_DAY = "mailbox.recipients_per_day"
_ALICES_RECIPIENTS = key_of(_PER_DAY, ALICE.mailbox)


class _Sole:
    """A daemon that took the lease in the morning and has read everything."""

    def __init__(
        self, *limits: Setting, observe: bool = False, warn_at_percent: int | None = None
    ) -> None:
        self.settings = CountingSettings(file_rules(*limits), UTC, observe, warn_at_percent)
        self.journal = ListedRecords()
        self.stretches = Stretches()
        self.counters = Counters(self.stretches)
        self.lease = Lease("me")
        self.memory = Memory(self.lease, self.settings, self.journal, self.counters, self.stretches)
        self.lease.joined()
        self.take()

    def take_again(self, **used: int) -> None:
        """Lose the lease, take it again."""
        self.lease.lost()
        self.lease.joined()
        self.take(**used)

    def take(self, **used: int) -> None:
        """Take the lease, load the counters of mailboxes."""
        self.lease.taken(0.0, 1, 0)
        self.memory.begin(_MORNING, ())
        self.memory.look_at_clock(NOON)
        while loading := self.counters.next_chunk():
            rows = [(f"{name}@example.org", amount) for name, amount in sorted(used.items())]
            mine = loading.name == LIMIT_OF_3.name
            self.counters.load(loading, rows if mine else [], more=False)

    def send(self, sender: Sender = ALICE, at: int = NOON, now: float = _VALID) -> bool:
        """Say whether memory grants a mail."""
        return self.memory.reserve(sender, at, now) is not None

    def pending(self) -> dict[CounterKey, int]:
        """Return what the next flushes would add."""
        sums: dict[CounterKey, int] = {}
        while self.stretches:
            for key, amount in self.stretches.take(0).sums.items():
                sums[key] = sums.get(key, 0) + amount
        return {key: amount for key, amount in sums.items() if amount}


def test_grants_up_to_the_limit_and_never_refuses() -> None:
    """Three of three pass; the fourth is a matter for the database."""
    sole = _Sole(LIMIT_OF_3)
    assert [sole.send() for _ in range(5)] == [True, True, True, False, False]


def test_a_grant_is_in_the_journal_and_pending() -> None:
    """One record of one message for all counters of the mail; one addition to each."""
    sole = _Sole(LIMIT_OF_3)
    sole.send()
    sole.send()
    assert [record.amount for record in sole.journal.records] == [1, 1]
    assert sole.pending() == dict.fromkeys(ALICES_MAIL, 2)
    assert sole.journal.sums() == dict.fromkeys(ALICES_MAIL, 2)


@pytest.mark.parametrize("spoil", ["late", "leaving", "journal full", "unknown", "forgotten"])
def test_asks_instead_of_granting(spoil: str) -> None:
    """Not after the lease's time, not while leaving, not without a journal or the numbers."""
    sole = _Sole(LIMIT_OF_3)
    now = _VALID
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
    sole = _Sole()
    sole.lease.lost()
    sole.lease.joined()
    sole.lease.taken(0.0, 2, 0)
    sole.memory.begin(NOON, ())
    assert sole.send()


@pytest.mark.parametrize("forgotten", [False, True])
def test_a_release_goes_back_to_where_it_came_from(*, forgotten: bool) -> None:
    """Also after midnight, and when the counters have been forgotten meanwhile."""
    sole = _Sole(LIMIT_OF_3)
    reservation = sole.memory.reserve(ALICE, NOON, _VALID)
    assert reservation is not None
    sole.memory.look_at_clock(_MIDNIGHT)
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
    sole = _Sole(LIMIT_OF_3)
    reservations = [sole.memory.reserve(ALICE, NOON, _VALID) for _ in range(3)]
    assert reservations[0] is not None
    sole.memory.release(reservations[0], NOON)
    assert [sole.send(), sole.send()] == [True, False]


def test_the_new_day_starts_at_nothing_at_once() -> None:
    """A mailbox at its limit may send at midnight, without a question."""
    sole = _Sole(LIMIT_OF_3)
    for _ in range(3):
        sole.send()
    assert not sole.send(at=_MIDNIGHT - 1)
    assert sole.send(at=_MIDNIGHT)


def test_a_mail_of_before_midnight_is_asked_about() -> None:
    """Its moment was read before; another callback was decided for the new day already."""
    sole = _Sole(LIMIT_OF_3)
    assert sole.send(at=_MIDNIGHT)
    assert not sole.send(at=_MIDNIGHT - 1)
    assert sole.send(at=_MIDNIGHT)


def test_a_boost_ends_by_itself() -> None:
    """Its end is the end of the plan."""
    sole = _Sole(LIMIT_OF_3)
    sole.memory.learn([setting(ALICE.mailbox, DAILY, 100, until=NOON + 60)])
    assert all(sole.send(at=NOON + 59) for _ in range(4))
    assert not sole.send(at=NOON + 60)


def test_rows_of_the_database_beat_the_file() -> None:
    """A limit that was set and applied holds from the next mail on; other mailboxes keep theirs."""
    sole = _Sole(LIMIT_OF_3)
    assert sole.send()
    assert sole.memory.learn_some([ALICE.mailbox], [setting(ALICE.mailbox, DAILY, 1)])
    assert not sole.memory.learn_some([ALICE.mailbox], [setting(ALICE.mailbox, DAILY, 1)])
    assert not sole.send()
    assert sole.send(BOB)
    assert sole.memory.learn_some([ALICE.mailbox], [])
    assert sole.send()


def test_settings_of_a_loaded_file_hold_from_the_next_mail_on() -> None:
    """Counters stay as they are."""
    sole = _Sole(LIMIT_OF_3)
    sole.send()
    sole.memory.adopt(CountingSettings(file_rules(setting("*", DAILY, 2)), UTC))
    assert [sole.send(), sole.send()] == [True, False]


def test_a_closed_stretch_for_every_two_thousand_counters() -> None:
    """A flush never carries more than a transaction should."""
    sole = _Sole(setting("*", DAILY, 3))
    for number in range(CLOSE_AT):
        sole.send(Sender(f"u{number}@d{number}.example", f"d{number}.example"))
    stretch = sole.stretches.take(sole.journal.number)
    assert CLOSE_AT <= len(stretch.sums) <= CLOSE_AT + 4
    assert stretch.last == CLOSE_AT / 2 - 1
    assert sole.stretches


def test_usage_changes_are_told_from_the_percentage_on() -> None:
    """Warnings are made of them; below, a decision carries none."""
    sole = _Sole(setting("*", DAILY, 10), warn_at_percent=80)
    told = []
    for _ in range(10):
        reservation = sole.memory.reserve(ALICE, NOON, _VALID)
        assert reservation is not None
        assert reservation.decision is not None
        told.append([change.after for change in reservation.decision.usage_changes])
    assert told == [[], [], [], [], [], [], [], [8], [9], [10]]
    assert not sole.send()


def test_observe_mode_asks_the_database_what_it_would_refuse() -> None:
    """What is recorded as a refusal is right to the mail, as in enforce mode."""
    sole = _Sole(LIMIT_OF_3, observe=True)
    assert [sole.send() for _ in range(4)] == [True, True, True, False]
    sole.stretches.take(3)
    sole.memory.follow({ALICES_DAY: 3})
    answer = sole.memory.answer(Request(ALICE, NOON), _VALID)
    assert answer is not None
    assert not answer.decision.refused
    assert answer.decision.exceeded is not None
    assert sole.pending() == dict.fromkeys(ALICES_MAIL, 1)


class TestRecipients:
    """R9: recipients are charged at the end, all or none."""

    def test_the_decision_at_mail_says_what_is_left(self) -> None:
        """RCPT is answered by it."""
        sole = _Sole(setting("*", _PER_DAY, 5), setting("*", "mailbox.recipients_per_message", 3))
        assert sole.memory.settle(Request(ALICE, NOON, 2), _VALID) is not None
        reservation = sole.memory.reserve(ALICE, NOON, _VALID)
        assert reservation is not None
        assert reservation.decision is not None
        usage = [(item.used, item.limit.max) for item in reservation.decision.recipient_usage]
        assert usage == [(2, 5), (0, 3)]
        assert reservation.decision.counts_recipients

    def test_only_per_message(self) -> None:
        """A limit of one mail needs no counter; every mail shares one reservation."""
        sole = _Sole(setting("*", "mailbox.recipients_per_message", 3))
        first, second = (sole.memory.reserve(ALICE, NOON, _VALID) for _ in range(2))
        assert first is second
        assert first is not None
        assert first.decision is not None
        assert [item.limit.max for item in first.decision.recipient_usage] == [3]
        assert not first.decision.counts_recipients

    @pytest.mark.parametrize("name", [_PER_DAY, "mailbox.recipients_per_message"])
    def test_no_recipient_left_is_asked_at_mail(self, name: str) -> None:
        """Refused at MAIL already, by the database."""
        assert not _Sole(setting("*", name, 0)).send()

    def test_settle_charges_all_or_asks(self) -> None:
        """Up to the limit from memory; what would pass it is not charged."""
        sole = _Sole(setting("*", _PER_DAY, 5))
        assert sole.memory.settle(Request(ALICE, NOON, 3), _VALID) is not None
        assert sole.memory.settle(Request(ALICE, NOON, 3), _VALID) is None
        assert sole.memory.settle(Request(ALICE, NOON, 2), sole.lease.grants_until) is None
        assert sole.memory.settle(Request(ALICE, NOON, 2), _VALID) is not None
        assert sole.pending() == {_ALICES_RECIPIENTS: 5}
        assert [record.amount for record in sole.journal.records] == [3, 2]

    def test_external_mail_is_charged_beside_them(self) -> None:
        """R18: each unit its own amount, in one record of its own; a mail without an external one counts for neither."""
        messages, recipients = (
            "mailbox.external_messages_per_day",
            "mailbox.external_recipients_per_day",
        )
        sole = _Sole(*(setting("*", name, 5) for name in (_PER_DAY, messages, recipients)))
        assert sole.memory.settle(Request(ALICE, NOON, 3, (), 2), _VALID) is not None
        assert sole.memory.settle(Request(ALICE, NOON, 1), _VALID) is not None
        assert sole.pending() == {
            _ALICES_RECIPIENTS: 4,
            key_of(messages, ALICE.mailbox): 1,
            key_of(recipients, ALICE.mailbox): 2,
        }
        assert [record.amount for record in sole.journal.records] == [3, 1, 2, 1]

    def test_external_mail_over_its_limit_is_charged_to_nothing(self) -> None:
        """R6, R18: and local mail goes on, also at MAIL."""
        recipients = "mailbox.external_recipients_per_day"
        sole = _Sole(setting("*", _PER_DAY, 9), setting("*", recipients, 0))
        assert sole.memory.settle(Request(ALICE, NOON, 2, (), 1), _VALID) is None
        assert sole.pending() == {}
        assert sole.memory.settle(Request(ALICE, NOON, 2), _VALID) is not None
        assert sole.send()


class TestAnswers:
    """Questions are decided on the numbers of a flush that is in."""

    def test_refused_by_the_database_s_number(self) -> None:
        """And nothing is charged."""
        sole = _Sole(LIMIT_OF_3)
        request = Request(ALICE, NOON)
        assert sole.memory.keys_of(request) == (ALICES_DAY,)
        sole.stretches.take(0)
        sole.memory.follow({ALICES_DAY: 3})
        answer = sole.memory.answer(request, _VALID)
        assert answer is not None
        assert answer.decision.refused
        assert answer.effects == ()
        assert not sole.journal.records

    def test_granted_when_the_database_has_room(self) -> None:
        """The counter was reset by SQL: memory follows, and the mail is charged."""
        sole = _Sole(LIMIT_OF_3)
        for _ in range(3):
            sole.send()
        sole.stretches.take(3)
        sole.memory.follow({ALICES_DAY: 1})
        sole.stretches.booked()
        answer = sole.memory.answer(Request(ALICE, NOON), _VALID)
        assert answer is not None
        assert not answer.decision.refused
        assert dict(answer.effects) == ALICES_MAIL
        assert [sole.send(), sole.send()] == [True, False]

    def test_not_granted_without_the_lease(self) -> None:
        """There is room, but another daemon may be deciding: no answer, the question stays."""
        sole = _Sole(LIMIT_OF_3)
        assert sole.memory.answer(Request(ALICE, NOON), sole.lease.grants_until) is None
        sole.journal.full = True
        assert sole.memory.answer(Request(ALICE, NOON), _VALID) is None
        assert not sole.pending()

    def test_a_refusal_at_the_end_gives_back_the_message(self) -> None:
        """R9: the mail that would pass the limit costs nothing."""
        sole = _Sole(setting("*", _PER_DAY, 5))
        reservation = sole.memory.reserve(ALICE, NOON, _VALID)
        assert reservation is not None
        answer = sole.memory.answer(Request(ALICE, NOON, 6, reservation.charges), _VALID)
        assert answer is not None
        assert answer.decision.refused
        assert sole.pending() == {}
        assert sole.journal.sums() == {}

    def test_recipients_are_granted(self) -> None:
        """All of them, with what the session needs to know."""
        sole = _Sole(setting("*", _PER_DAY, 5))
        answer = sole.memory.answer(Request(ALICE, NOON, 5), _VALID)
        assert answer is not None
        assert answer.effects == (Charge(_ALICES_RECIPIENTS, 5),)
        assert sole.pending() == {_ALICES_RECIPIENTS: 5}


class TestBookings:
    """Mail that was accepted undecided is counted in every state."""

    def test_message_and_recipients(self) -> None:
        """Beyond any limit, as no decision was made."""
        sole = _Sole(setting("*", DAILY, 0), setting("*", _PER_DAY, 1))
        sole.lease.lapse(100.0)
        sole.memory.book(Request(ALICE, NOON))
        sole.memory.book(Request(ALICE, NOON, 4))
        assert sole.pending() == {**ALICES_MAIL, _ALICES_RECIPIENTS: 4}

    def test_memory_has_them_when_the_lease_is_kept(self) -> None:
        """Sole again after an outage: what passed meanwhile counts against the limit."""
        sole = _Sole(LIMIT_OF_3)
        sole.lease.lapse(100.0)
        for _ in range(2):
            sole.memory.book(Request(ALICE, NOON))
        sole.lease.kept(101.0, 2)
        assert [sole.send(now=102.0), sole.send(now=102.0)] == [True, False]

    def test_a_full_journal_stops_no_counting(self) -> None:
        """What is not in the journal is pending all the same."""
        sole = _Sole(LIMIT_OF_3)
        sole.journal.full = True
        sole.memory.book(Request(ALICE, NOON))
        assert sole.pending() == ALICES_MAIL

    def test_decisions_of_a_batch_are_given_back_by_key(self) -> None:
        """A reservation that the shared mode made, released under the lease."""
        sole = _Sole(LIMIT_OF_3)
        sole.memory.add([Charge(ALICES_DAY, -1), Charge(_ALICES_RECIPIENTS, -4)], NOON)
        assert sole.pending() == {ALICES_DAY: -1, _ALICES_RECIPIENTS: -4}
        assert sole.journal.sums() == {ALICES_DAY: -1, _ALICES_RECIPIENTS: -4}


def test_an_unlimited_decision_is_the_plain_one() -> None:
    """Without anything to tell, a decision is the plan's own: what every mail shares."""
    sole = _Sole()
    reservation = sole.memory.reserve(ALICE, NOON, _VALID)
    assert reservation is not None
    assert isinstance(reservation.decision, Decision)
    assert dict(reservation.charges) == ALICES_MAIL


def test_a_suspended_mailbox() -> None:
    """R17: memory grants a suspended mailbox nothing, in the quick way neither; after its end it does."""
    sole = _Sole()
    assert sole.send()
    sole.memory.learn([Setting(ALICE.mailbox, SUSPENSION, 0, NOON + 60)])

    assert not sole.send()
    assert sole.memory.reserve(BOB, NOON, _VALID) is not None
    assert sole.memory.reserve(ALICE, NOON + 60, _VALID) is not None


class TestMetered:
    """The database is away: the limits hold by what is known."""

    @staticmethod
    def _away(known: bool = True) -> _Sole:  # noqa: FBT001, FBT002 - one switch
        sole = _Sole(LIMIT_OF_3, setting("*", _PER_DAY, 5))
        if known:
            sole.take_again(alice=2)
        else:
            sole.lease.lost()
        sole.lease.lapse(100.0)
        return sole

    def test_what_is_known_counts(self) -> None:
        """Two of three were used before the outage: one passes, and is given back when it ends otherwise."""
        sole = self._away()
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

    def test_nobody_is_refused_for_what_is_not_known(self) -> None:
        """A counter begins with what this daemon has seen of it."""
        sole = self._away(known=False)
        refused = []
        for _ in range(4):
            decision = sole.memory.meter(Request(ALICE, NOON)).decision
            assert decision is not None
            refused.append(decision.refused)

        assert refused == [False, False, False, True]
        assert sole.pending() == dict.fromkeys(ALICES_MAIL, 3)

    def test_recipients(self) -> None:
        """Charged at the end, all or none; a refusal gives back the message."""
        sole = self._away()
        reservation = sole.memory.meter(Request(ALICE, NOON))
        refused = sole.memory.meter(Request(ALICE, NOON, 6, reservation.charges)).decision
        assert refused is not None
        assert refused.refused
        assert sole.pending() == {}
        sole.memory.meter(Request(ALICE, NOON, 5))

        assert sole.pending() == {_ALICES_RECIPIENTS: 5}

    def test_external_mail(self) -> None:
        """R18: it is metered in its own units; over one of them only external mail is refused, all or none."""
        messages = "mailbox.external_messages_per_day"
        sole = _Sole(setting("*", messages, 1), setting("*", _PER_DAY, 9))
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


def test_plans_that_are_not_kept_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their counters become numbers; a reservation of such a plan is given back by key."""
    monkeypatch.setattr(memory, "PLANS_MAX", 3)
    monkeypatch.setattr(memory, "RETIRED_AT_ONCE", 2)
    sole = _Sole(LIMIT_OF_3)
    first = sole.memory.reserve(ALICE, NOON, _VALID)
    assert first is not None
    sole.pending()
    for number in range(6):
        assert sole.send(Sender(f"u{number}@example.org", "example.org"))
    sole.memory.release(first, NOON)

    assert [sole.send() for _ in range(4)] == [True, True, True, False]
    assert sole.pending()[ALICES_DAY] == 2
