"""One daemon decides from memory, others come, stop, freeze and die: real daemons on a real MariaDB."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from support.rig.configuration import configuration
from support.rig.counters import Counters, in_mariadb
from support.rig.daemon import Sendlimit
from support.rig.milter_client import MilterClient
from support.rig.process import running, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.rig.mariadb import Database, PrivateMariaDB

pytestmark = pytest.mark.mariadb

ALICE, BOB = "alice@example.org", "bob@example.org"
TIMEOUT_S = 2.0
DEADLINE_S = 30
KILLS = 30


@pytest.fixture
def tables(mariadb: PrivateMariaDB, database: Database) -> Counters:
    """Empty tables."""
    return in_mariadb(mariadb, database)


class Daemon(Sendlimit):
    """A daemon with a folder and a socket of its own."""

    def __init__(
        self, folder: Path, name: str, store: Counters, limit: int, **more: object
    ) -> None:
        self.socket = folder / f"{name}.sock"
        settings = configuration(
            folder / name,
            self.socket,
            {**store.settings, "decision_timeout_s": TIMEOUT_S, **more},
            limits={"mailbox": {"messages_per_day": limit}},
            log={"level": "info"},
        )
        super().__init__(folder / name, settings)

    def wait_for_mode(self, mode: str) -> None:
        """Wait until the last that it said of how it decides is this."""
        wait_for(
            lambda: self.lines("counting mode=")[-1:] and self.mode == mode,
            DEADLINE_S,
            f"mode {mode}",
            self.process.log_tail,
        )

    @property
    def mode(self) -> str:
        """How it decides, as it said last."""
        return self.lines("counting mode=")[-1].rpartition("=")[2]

    def send(self, login: str, mails: int = 1) -> list[bool]:
        """Send mails over one connection; tell which passed."""
        with MilterClient(self.socket) as client:
            return [client.send_mail(login).kind == "continue" for _ in range(mails)]


class Load:
    """Clients of one daemon that send mails of a mailbox, a connection each, until told to stop.

    Attributes:
        passed, refused: mails.
        longest_s: the longest that an answer took.
    """

    def __init__(
        self, daemon: Daemon, login: str, clients: int = 4, pause_s: float = 0.002
    ) -> None:
        self.passed = self.refused = self.broken = 0
        self.longest_s = 0.0
        self._daemon = daemon
        self._login = login
        self._pause_s = pause_s
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(clients)
        self._running = [self._pool.submit(self._send) for _ in range(clients)]

    def stop(self) -> None:
        """Let the clients end their mails."""
        self._stop.set()
        for each in self._running:
            each.result()
        self._pool.shutdown()

    def wait_for_more(self, number: int) -> None:
        """Wait until so many further mails were answered."""
        goal = self.passed + self.refused + number
        wait_for(lambda: self.passed + self.refused >= goal, DEADLINE_S, f"{number} more mails")

    def _send(self) -> None:
        while not self._stop.wait(self._pause_s):
            started = time.monotonic()
            try:
                passed = self._daemon.send(self._login)[0]
            except OSError:
                with self._lock:
                    self.broken += 1
                continue
            with self._lock:
                self.longest_s = max(self.longest_s, time.monotonic() - started)
                self.passed += passed
                self.refused += not passed


@pytest.fixture
def first(folder: Path, tables: Counters) -> Iterator[Daemon]:
    """A daemon that decides from memory; a thousand mails a day."""
    with running(Daemon(folder, "one", tables, 1000)) as daemon:
        daemon.wait_for_mode("memory")
        yield daemon


def test_a_second_daemon_comes_and_goes(folder: Path, tables: Counters) -> None:
    """Ten times under load: nobody waits too long, nothing is undecided, and the limit holds to the mail."""
    limit = 10_000
    first, second = (Daemon(folder, name, tables, limit) for name in ("one", "two"))
    sent = 0
    with running(first):
        load = Load(first, ALICE, pause_s=0.02)
        for _ in range(10):
            with running(second):
                assert second.mode == "shared"
                sent += sum(second.send(ALICE, 20))
                load.wait_for_more(10)
            first.wait_for_mode("memory")
            load.wait_for_more(5)
        load.stop()
        assert load.refused == load.broken == 0
        assert load.longest_s < TIMEOUT_S
        with running(second):
            near = limit - sent - load.passed - 100
            assert sum(second.send(ALICE, near)) == near
            with ThreadPoolExecutor(2) as pool:
                rest = pool.map(lambda daemon: sum(daemon.send(ALICE, 100)), (first, second))
                assert sum(rest) == 100
    tables.wait_until_used(ALICE, limit)
    for daemon in (first, second):
        assert not daemon.lines("on-failure|store-down|fault")


def test_a_frozen_holder_grants_nothing_when_it_wakes(
    folder: Path, first: Daemon, tables: Counters
) -> None:
    """Stopped for ten seconds; another has used up the limit meanwhile: not one mail passes."""
    first.send(ALICE, 5)
    tables.wait_until_used(ALICE, 5)
    os.kill(first.process.pid, signal.SIGSTOP)
    try:
        with running(Daemon(folder, "two", tables, 1000)) as second:
            assert sum(second.send(ALICE, 1000)) == 995
            time.sleep(10 - 4)  # what is left of ten seconds after the holder was passed by
            with MilterClient(second.socket):
                asked = [threading.Thread(target=first.send, args=(BOB,)) for _ in range(4)]
                for thread in asked:
                    thread.start()
                os.kill(first.process.pid, signal.SIGCONT)
                passed = first.send(ALICE, 20)
                assert not any(passed), first.process.log_tail()
                for thread in asked:
                    thread.join()
                tables.wait_until_used(ALICE, 1000)
    finally:
        os.kill(first.process.pid, signal.SIGCONT)


def test_killed_at_random_moments(folder: Path, tables: Counters) -> None:
    """Kill -9 under load, thirty times: each answered mail counts once, at most one a session is left over."""
    chance = random.Random(1)  # noqa: S311 - moments, not secrets
    daemon = Daemon(folder, "one", tables, 10**6)
    clients = 4
    answered = 0
    for _ in range(KILLS):
        daemon.start()
        load = Load(daemon, ALICE, clients)
        load.wait_for_more(20 + chance.randrange(50))
        daemon.kill()
        load.stop()
        answered += load.passed
    daemon.start()
    counted = wait_for_rest(tables, ALICE)
    assert daemon.stop() == 0

    assert answered <= counted <= answered + KILLS * clients
    assert not daemon.lines("on-failure|fault|journal-unreadable")
    assert not [*(folder / "one" / "state").glob("journal.*")]


def wait_for_rest(tables: Counters, login: str) -> int:
    """Return what a mailbox has used once it changes no more."""
    found = [-1]

    def is_at_rest() -> bool:
        time.sleep(1.5)  # longer than an idle daemon waits between two flushes
        found.append(tables.used(login))
        return found[-1] == found[-2]

    wait_for(is_at_rest, DEADLINE_S, "counters at rest")
    return found[-1]


def test_a_lease_that_is_edited_by_hand(first: Daemon, tables: Counters) -> None:
    """Whatever stands there: nothing is written by an old memory, and the limit holds."""
    for edit in (
        "UPDATE er_lease SET holder = ''",
        "UPDATE er_lease SET beat = beat + 7",
        "UPDATE er_lease SET holder = 'somebody'",
        "DELETE FROM er_lease",
    ):
        assert all(first.send(ALICE, 100))
        tables.query(edit)
        wait_for(lambda: first.send(BOB) == [True], DEADLINE_S, "a decision")
        first.wait_for_mode("memory")
    assert sum(first.send(ALICE, 1000)) == 600
    tables.wait_until_used(ALICE, 1000)


def test_a_dump_that_is_restored(
    folder: Path, first: Daemon, tables: Counters, mariadb: PrivateMariaDB, database: Database
) -> None:
    """Counts since the dump are lost, nobody is refused for it, and it counts on from the dump."""
    first.send(ALICE, 400)
    tables.wait_until_used(ALICE, 400)
    kept = {
        table: tables.query(f"SELECT * FROM {table}")  # noqa: S608 - our own tables
        for table in ("er_counter", "er_lease", "er_daemon", "er_committer")
    }
    first.send(ALICE, 500)
    tables.wait_until_used(ALICE, 900)
    for table, rows in kept.items():
        tables.query(f"DELETE FROM {table}")  # noqa: S608
        for row in rows:
            places = ", ".join(["%s"] * len(row))
            tables.query(f"INSERT INTO {table} VALUES ({places})", *row)  # noqa: S608
    assert mariadb.process.is_running
    assert database.name
    assert (folder / "one").exists()
    wait_for(lambda: tables.used(ALICE) == 400, DEADLINE_S, "the dump's count")
    wait_for(lambda: first.send(BOB) == [True], DEADLINE_S, "a decision")
    first.wait_for_mode("memory")

    passed = sum(first.send(ALICE, 1000))
    assert passed == 600, first.process.log_tail()


def test_limits_hold_through_an_outage(
    folder: Path, fragile: Counters, fragile_mariadb: PrivateMariaDB
) -> None:
    """store.on_failure = "meter": a mailbox at its limit stays refused, others pass up to theirs; then all is exact."""
    with running(Daemon(folder, "one", fragile, 10, on_failure="meter")) as daemon:
        daemon.wait_for_mode("memory")
        assert sum(daemon.send(ALICE, 12)) == 10
        assert sum(daemon.send(BOB, 4)) == 4
        fragile_mariadb.kill()
        try:
            daemon.wait_for_mode("metered")
            for _ in range(3):
                assert not any(daemon.send(ALICE, 2))
            assert sum(daemon.send(BOB, 10)) == 6
            assert sum(daemon.send("carol@example.org", 12)) == 10
            assert daemon.lines("accepted-on-failure .*reason=metered")
        finally:
            fragile_mariadb.start()
        daemon.wait_for_lines("store-back bookings=16")
        daemon.wait_for_mode("memory")
        for login in (ALICE, BOB, "carol@example.org"):
            fragile.wait_until_used(login, 10)
            assert daemon.send(login) == [False]


def test_everything_passes_through_an_outage(
    folder: Path, fragile: Counters, fragile_mariadb: PrivateMariaDB
) -> None:
    """The default: once the lease has ended, all mail passes, and is booked."""
    with running(Daemon(folder, "one", fragile, 10)) as daemon:
        daemon.wait_for_mode("memory")
        assert sum(daemon.send(ALICE, 12)) == 10
        fragile_mariadb.kill()
        try:
            daemon.wait_for_mode("undecided")
            assert all(daemon.send(ALICE, 5))
        finally:
            fragile_mariadb.start()
        daemon.wait_for_lines("store-back bookings=5")
        fragile.wait_until_used(ALICE, 15)
        assert daemon.send(ALICE) == [False]


def test_commands_beside_a_daemon_that_decides_from_memory(first: Daemon, tables: Counters) -> None:
    """`limit set`, `usage reset` and reload under load: each holds from the next mail on; counters stay exact."""
    load = Load(first, BOB)
    for number in range(5):
        assert first.command("limit", "set", ALICE, "mailbox.messages_per_day", "0").exit_code == 0
        assert first.send(ALICE) == [False]
        assert first.command("limit", "set", ALICE, "mailbox.messages_per_day", "3").exit_code == 0
        assert first.send(ALICE, 4) == [True, True, True, False]
        assert first.command("usage", "reset", ALICE, "--yes").exit_code == 0
        assert first.send(ALICE, 1) == [True]
        assert first.command("usage", "reset", ALICE, "--yes").exit_code == 0
        if number % 2:
            assert "config-loaded" in first.reload()
    load.stop()

    tables.wait_until_used(BOB, load.passed)
    assert load.passed
    assert load.broken == 0
