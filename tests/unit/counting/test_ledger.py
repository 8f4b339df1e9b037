"""The ledger's side of the callbacks: deadline and breaker; and with its real thread (R11)."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sendlimit.counting import batch_writer
from sendlimit.counting import committer as committer_module
from sendlimit.counting import ledger as ledger_module
from sendlimit.counting.batch import Answer
from sendlimit.counting.committer import Committer, CommitterThread
from sendlimit.counting.ledger import Ledger
from sendlimit.counting.unbooked_file import UnbookedFile
from sendlimit.counting.waiter import Waiter, WaiterState
from sendlimit.errors import StoreUnavailable
from sendlimit.rules.counting_settings import CountingSettings
from sendlimit.rules.decision import Decision
from sendlimit.rules.limit import LATCH
from support.counting_samples import ALICE, NOON, UTC, file_rules, key_of, named, setting
from support.doubles.events import RecordingEvents
from support.doubles.store import ScriptedStore

_DAY = "mailbox.messages_per_day"
_ALICES_DAY = key_of(_DAY, ALICE.mailbox)
_PATIENCE_S = 0.05
_DEADLINE_S = 20


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


def test_nothing_reserved_is_nothing_to_give_back() -> None:
    """R8, R11: a mail accepted undecided that ends otherwise leaves no trace."""
    ledger = _ledger()
    ledger.release(ledger.reserve(ALICE, NOON))

    assert ledger.queue.empty()


def test_outage_over_the_stop_is_said(tmp_path: Path) -> None:
    """A stop that had to leave counts in the journal does not claim that all is booked."""
    daemon = RunningDaemon(tmp_path, 100, _DEADLINE_S)
    daemon.store.away = True
    daemon.ledger.book(daemon.ledger.reserve(ALICE, NOON), 1, NOON)

    assert not daemon.committer.stop(_DEADLINE_S)
    assert UnbookedFile(tmp_path).load()


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


def wait_for(event: threading.Event) -> None:
    """Hang, but not for ever when the test has failed."""
    assert event.wait(_DEADLINE_S)


class RunningDaemon:
    """Ledger and committer with the real thread between them."""

    def __init__(self, state_dir: Path, limit: int, timeout_s: float) -> None:
        """Start; the database answers."""
        self.store = ScriptedStore()
        self.events = RecordingEvents()
        self.ledger = _ledger(timeout_s, limit)
        committer = Committer(
            self.ledger, self.store, UnbookedFile(state_dir), self.events, clock=lambda: NOON
        )
        self.committer = CommitterThread(committer, self.ledger)
        self.committer.start(_DEADLINE_S)

    def passed(self, callers: int, mails: int) -> int:
        """Let callers send this many mails each at once; return how many were let through."""

        def send(_caller: int) -> int:
            passed = 0
            for _ in range(mails):
                decision = self.ledger.reserve(ALICE, NOON).decision
                passed += decision is not None and not decision.refused
            return passed

        with ThreadPoolExecutor(callers) as pool:
            return sum(pool.map(send, range(callers)))


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(committer_module, "RECONNECT_S", 0.01)
    monkeypatch.setattr(batch_writer, "CONFLICT_PAUSE_S", 0)


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[RunningDaemon]:
    """A running daemon with a limit of 100 mails and all the patience there is."""
    daemon = RunningDaemon(tmp_path, 100, _DEADLINE_S)
    yield daemon
    assert daemon.committer.stop(_DEADLINE_S)


def test_start_waits_for_the_first_look(daemon: RunningDaemon) -> None:
    """After start() the database has been tried, so the first mail is decided already."""
    assert daemon.ledger.up
    assert daemon.ledger.reserve(ALICE, NOON).decision is not None


def test_exact_with_many_callers(daemon: RunningDaemon) -> None:
    """R6: 20 threads ask for 200 mails at once, 100 pass, 100 are counted."""
    assert daemon.passed(20, 10) == 100
    assert daemon.store.tables.used()[_ALICES_DAY] == 100


def test_exact_while_connections_are_lost(daemon: RunningDaemon) -> None:
    """Lost connections, before and after the commit, change no count."""
    for number in range(10):
        daemon.store.fail("write", StoreUnavailable(), applied=bool(number % 2))

    assert daemon.passed(20, 10) == 100
    assert daemon.store.tables.used()[_ALICES_DAY] == 100


def test_stuck_database(tmp_path: Path) -> None:
    """A database that hangs in packet 2: the callback leaves at its deadline, others don't wait; later it is undone."""
    daemon = RunningDaemon(tmp_path, 100, _PATIENCE_S)
    hangs = threading.Event()
    daemon.store.before["write"] = lambda: wait_for(hangs)
    reservation = daemon.ledger.reserve(ALICE, NOON)
    assert reservation.decision is None
    assert daemon.ledger.reserve(ALICE, NOON).decision is None
    daemon.ledger.book(reservation, 1, NOON)

    hangs.set()

    assert daemon.committer.stop(_DEADLINE_S)
    assert daemon.store.tables.used()[_ALICES_DAY] == 1


def test_stop_loses_nothing(daemon: RunningDaemon) -> None:
    """What is on the queue when the daemon stops is booked before it leaves."""
    for _ in range(50):
        daemon.ledger.release(daemon.ledger.reserve(ALICE, NOON))
    assert daemon.committer.stop(_DEADLINE_S)

    assert daemon.store.tables.used() == {}


def test_stop_that_takes_too_long(tmp_path: Path) -> None:
    """A stop that is not done in time says so."""
    daemon = RunningDaemon(tmp_path, 100, _PATIENCE_S)
    hangs = threading.Event()
    daemon.store.before["begin"] = lambda: wait_for(hangs)
    daemon.ledger.reserve(ALICE, NOON)

    assert not daemon.committer.stop(_PATIENCE_S)
    hangs.set()
    assert daemon.committer.stop(_DEADLINE_S)
    assert daemon.store.tables.used() == {}
