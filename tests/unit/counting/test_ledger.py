"""The ledger's side of the callbacks: deadline and breaker (R11)."""

import time

import pytest

from sendlimit.counting import ledger as ledger_module
from sendlimit.counting.batch import Answer
from sendlimit.counting.ledger import Ledger
from sendlimit.counting.waiter import Waiter, WaiterState
from sendlimit.errors import NotHandedOver, StoreStuck
from sendlimit.rules.counting_settings import CountingSettings
from sendlimit.rules.decision import Decision
from sendlimit.rules.limit import LATCH
from sendlimit.store import LeaseRow
from support.counting_samples import ALICE, NOON, UTC, file_rules, key_of, named, setting

_DAY = "mailbox.messages_per_day"
_ALICES_DAY = key_of(_DAY, ALICE.mailbox)
_PATIENCE_S = 0.05


def _ledger(timeout_s: float = _PATIENCE_S, limit: int = 3) -> Ledger:
    return Ledger(CountingSettings(file_rules(setting("*", _DAY, limit)), UTC), timeout_s)


def test_no_database_is_answered_at_once() -> None:
    """Before the database was seen nothing waits and nothing is asked."""
    ledger = _ledger()

    assert ledger.reserve(ALICE, NOON).decision is None
    assert ledger.queue.empty()


def test_deadline_and_breaker() -> None:
    """One callback waits as long as it may; those after it are answered at once, and ask nothing."""
    ledger = _ledger()
    ledger.up = True
    started = time.monotonic()

    assert ledger.reserve(ALICE, NOON).decision is None
    assert time.monotonic() - started >= _PATIENCE_S
    assert [ledger.reserve(ALICE, NOON).decision for _ in range(100)] == [None] * 100
    assert ledger.queue.qsize() == 1
    waiter = ledger.queue.get_nowait()
    assert isinstance(waiter, Waiter)
    assert waiter.state is WaiterState.ABANDONED


def test_answer_in_the_last_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that comes between the deadline and the abandoning is taken: its mail is not counted twice."""
    late = Answer(Decision(), ())

    class LateWaiter(Waiter):
        def wait(self, timeout_s: float) -> bool:
            in_time = super().wait(timeout_s)
            self.answer(late)
            return in_time

    monkeypatch.setattr(ledger_module, "Waiter", LateWaiter)
    ledger = _ledger()
    ledger.up = True

    assert ledger.reserve(ALICE, NOON).decision is late.decision
    assert not ledger.stuck


def test_patience_is_shared() -> None:
    """A callback that comes while a batch has lasted the whole time already does not wait again."""
    ledger = _ledger(timeout_s=3600)
    ledger.up = True
    ledger.working_since = time.monotonic() - 3600

    assert ledger.reserve(ALICE, NOON).decision is None


def test_a_hand_over_is_waited_for_once() -> None:
    """While another daemon holds the lease mail waits; too long, and the outage says for whom.

    A holder whose own flush hangs until its lease has ended is away as well: it names no other.
    """
    for holder, error in (("other", NotHandedOver), ("", StoreStuck)):
        ledger = _ledger(timeout_s=3600)
        ledger.up = True
        ledger.lease.watch(LeaseRow(holder, 1, 0), 0.0)
        assert ledger.is_waiting
        ledger.working_since = time.monotonic() - 3600

        assert ledger.reserve(ALICE, NOON).decision is None
        assert ledger.stuck
        assert ledger.outage.error == error.__doc__


def test_nothing_reserved_is_nothing_to_give_back() -> None:
    """R8, R11: a mail accepted undecided that ends otherwise leaves no trace."""
    ledger = _ledger()
    ledger.release(ledger.reserve(ALICE, NOON))

    assert ledger.queue.empty()


def test_booking_of_an_undecided_mail() -> None:
    """R11: message and recipients, as far as they are counted."""
    ledger = _ledger()
    ledger.learn(frozenset({named("mailbox.recipients_per_hour")}))
    ledger.book(ledger.reserve(ALICE, NOON), 4, NOON + 3600)

    charges = {
        key: amount for stretch in ledger.stretches.all(0) for key, amount in stretch.sums.items()
    }
    assert charges[_ALICES_DAY] == 1
    assert charges[LATCH] == 1
    assert charges[key_of("mailbox.recipients_per_hour", ALICE.mailbox, NOON + 3600)] == 4
    assert ledger.unbooked == 1


@pytest.mark.parametrize(
    ("name", "limits"),
    [("mailbox.recipients_per_message", True), ("domain.recipients_per_hour", True), (_DAY, False)],
)
def test_knows_whether_recipients_are_limited(name: str, *, limits: bool) -> None:
    """R9: by the file or by the database, for any subject."""
    by_file = Ledger(CountingSettings(file_rules(setting("x.org", name, 5)), UTC), 1)
    by_database = _ledger()
    by_database.learn(frozenset({named(name)}))

    assert by_file.limits_recipients == by_database.limits_recipients == limits


def test_new_terms_keep_what_the_database_limits() -> None:
    """SIGHUP: what was learned from the database stays known."""
    ledger = _ledger()
    ledger.learn(frozenset({named("mailbox.messages_per_minute")}))
    ledger.use(CountingSettings(file_rules(setting("*", "mailbox.messages_per_hour", 5)), UTC))

    assert {named("mailbox.messages_per_minute"), named("mailbox.messages_per_hour")} < set(
        ledger.names
    )
