"""Ledger and committer with the real thread between them: each mail counts once, and a stop books it."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sendlimit.counting import batch_writer
from sendlimit.counting import committer as committer_module
from sendlimit.counting.committer import Committer
from sendlimit.counting.committer_thread import CommitterThread
from sendlimit.counting.ledger import Ledger
from sendlimit.counting.unbooked_file import UnbookedFile
from sendlimit.errors import StoreUnavailable
from sendlimit.rules.counting_settings import CountingSettings
from support.counting_samples import ALICE, NOON, UTC, file_rules, key_of, setting
from support.doubles.events import RecordingEvents
from support.doubles.store import ScriptedStore

_DAY = "mailbox.messages_per_day"
_ALICES_DAY = key_of(_DAY, ALICE.mailbox)
_PATIENCE_S = 0.05
_DEADLINE_S = 20


def wait_for(event: threading.Event) -> None:
    """Hang, but not for ever when the test has failed."""
    assert event.wait(_DEADLINE_S)


class RunningDaemon:
    """Ledger and committer with the real thread between them."""

    def __init__(self, state_dir: Path, limit: int, timeout_s: float) -> None:
        """Start; the database answers."""
        self.store = ScriptedStore()
        self.events = RecordingEvents()
        self.ledger = Ledger(
            CountingSettings(file_rules(setting("*", _DAY, limit)), UTC), timeout_s
        )
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


def test_outage_over_the_stop_is_said(tmp_path: Path) -> None:
    """A stop that had to leave counts in the journal does not claim that all is booked."""
    daemon = RunningDaemon(tmp_path, 100, _DEADLINE_S)
    daemon.store.away = True
    daemon.ledger.book(daemon.ledger.reserve(ALICE, NOON), 1, NOON)

    assert not daemon.committer.stop(_DEADLINE_S)
    assert UnbookedFile(tmp_path).load()
