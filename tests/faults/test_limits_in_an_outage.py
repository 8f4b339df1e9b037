"""What store.on_failure does with limits while the store of a daemon that was alone is away (R11)."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.rig.clock import SettableClock
from support.rig.counters import Counters, in_sqlite
from support.rig.lone_daemon import LoneDaemon, wait_until_counted
from support.rig.mariadb import PrivateMariaDB
from support.rig.process import running, wait_for

LIMIT = 5
FULL, HALF, FRESH = "full@example.org", "half@example.org", "fresh@example.org"
SETTLES_S = 20
METERED = "the limits hold on from memory"


@dataclass(frozen=True)
class Breakable:
    """A store, and what takes it away for the time of a block."""

    counters: Counters
    away: Callable[[], AbstractContextManager[None]]


@pytest.fixture(params=["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def store(request: pytest.FixtureRequest, folder: Path) -> Breakable:
    """An empty store; SQLite's file is away while another process has locked it."""
    if request.param == "sqlite":
        file = folder / "sendlimit.db"

        @contextmanager
        def locked() -> Iterator[None]:
            with closing(sqlite3.connect(file, isolation_level=None)) as other:
                other.execute("BEGIN EXCLUSIVE")
                yield

        return Breakable(in_sqlite(file), locked)
    server: PrivateMariaDB = request.getfixturevalue("fragile_mariadb")

    @contextmanager
    def killed() -> Iterator[None]:
        server.kill()
        yield
        server.start()

    return Breakable(request.getfixturevalue("fragile"), killed)


@contextmanager
def used_before(folder: Path, store: Counters, on_failure: str) -> Iterator[LoneDaemon]:
    """Run a daemon that is alone; one mailbox is at its limit, one has sent 3."""
    settings = {**store.settings, "on_failure": on_failure, "decision_timeout_s": 1.0}
    limits = {"mailbox": {"messages_per_day": LIMIT}}
    with running(LoneDaemon(folder / "d", settings, limits)) as daemon:
        daemon.wait_for_mode("memory")
        assert [daemon.passes(FULL) for _ in range(6)] == [True] * LIMIT + [False]
        assert all(daemon.passes(HALF) for _ in range(3))
        wait_until_counted(store, "*", LIMIT + 3, SETTLES_S)
        yield daemon
    assert not daemon.faults


def outcomes(daemon: LoneDaemon, login: str) -> list[bool]:
    """Send six mails; tell which passed."""
    return [daemon.passes(login) for _ in range(6)]


def doctor_says(daemon: LoneDaemon, words: str) -> bool:
    """Tell whether `check` has these words, however its lines are broken."""
    return words in " ".join(daemon.command("check").stdout.split())


@pytest.mark.parametrize("outage_s", [5, pytest.param(30, marks=pytest.mark.soak)])
def test_meter(folder: Path, store: Breakable, outage_s: float) -> None:
    """Limits hold on, by what was known: the full mailbox is refused, others pass up to their limits."""
    with used_before(folder, store.counters, "meter") as daemon:
        with store.away():
            end = time.monotonic() + outage_s
            assert not daemon.passes(FULL)
            daemon.wait_for_mode("metered")
            assert outcomes(daemon, FULL) == [False] * 6
            assert outcomes(daemon, HALF) == [True] * 2 + [False] * 4
            assert outcomes(daemon, FRESH) == [True] * LIMIT + [False]
            wait_for(lambda: doctor_says(daemon, METERED), SETTLES_S, f"doctor says {METERED!r}")
            while time.monotonic() < end:
                assert not daemon.passes(FULL)
        daemon.wait_for_mode("memory")
        wait_until_counted(store.counters, "*", 3 * LIMIT, SETTLES_S)
        assert [store.counters.used(login) for login in (FULL, HALF, FRESH)] == [LIMIT] * 3
        for login in (FULL, HALF, FRESH):
            assert not daemon.passes(login)
        passed = daemon.lines("accepted-on-failure")
        assert len(passed) == 2 + LIMIT
        assert all("reason=metered" in line for line in passed)


def test_meter_a_rolling_window(folder: Path, store: Breakable) -> None:
    """What has left the window in the outage passes again, what was let through in it is held against it (R19)."""
    clock = SettableClock(folder, "UTC")
    clock.set("2026-11-22 12:58:30")
    settings = {**store.counters.settings, "on_failure": "meter", "decision_timeout_s": 1.0}
    limits = {"mailbox": {"messages_per_rolling_hour": LIMIT}}
    with running(LoneDaemon(folder / "d", settings, limits, env=clock.env)) as daemon:

        def passed(login: str) -> int:
            return sum(daemon.passes(login) for _ in range(LIMIT + 1))

        def used(login: str) -> int:
            return store.counters.used(login, window="rolling_hour")

        daemon.wait_for_mode("memory")
        assert all(daemon.passes(HALF) for _ in range(2))
        clock.set("2026-11-22 13:20:30")
        assert daemon.passes(HALF)
        assert passed(FULL) == LIMIT
        wait_until_counted(store.counters, "*", LIMIT + 3, SETTLES_S)
        with store.away():
            assert not daemon.passes(FULL)
            daemon.wait_for_mode("metered")
            assert [passed(login) for login in (FULL, HALF, FRESH)] == [0, 2, LIMIT]
            clock.set("2026-11-22 13:59:00")
            assert [passed(login) for login in (FULL, HALF, FRESH)] == [0, 2, 0]
            assert "works again from 2026-11-22 14:21 UTC" in daemon.send(HALF).text
        daemon.wait_for_mode("memory")
        assert [passed(login) for login in (FULL, HALF, FRESH)] == [0, 0, 0]
        clock.set("2026-11-22 14:21:00")
        assert [passed(login) for login in (FULL, HALF, FRESH)] == [LIMIT, 3, LIMIT]
        assert not daemon.faults
    assert [used(login) for login in (FULL, HALF, FRESH)] == [2 * LIMIT, 3 + 4 + 3, 2 * LIMIT]


@pytest.mark.mariadb
def test_accept(folder: Path, fragile: Counters, fragile_mariadb: PrivateMariaDB) -> None:
    """Everything passes, and is counted above the limit once the store is back."""
    with used_before(folder, fragile, "accept") as daemon:
        fragile_mariadb.kill()
        daemon.wait_for_mode("undecided")
        for login in (FULL, HALF, FRESH):
            assert outcomes(daemon, login) == [True] * 6
        fragile_mariadb.start()
        wait_until_counted(fragile, FULL, LIMIT + 6, SETTLES_S)
        wait_until_counted(fragile, HALF, 3 + 6, SETTLES_S)
        wait_until_counted(fragile, FRESH, 6, SETTLES_S)
        daemon.wait_for_mode("memory")
        for login in (FULL, HALF, FRESH):
            assert not daemon.passes(login)


@pytest.mark.mariadb
def test_tempfail(folder: Path, fragile: Counters, fragile_mariadb: PrivateMariaDB) -> None:
    """Nothing passes that can't be decided, and none of it is counted."""
    with used_before(folder, fragile, "tempfail") as daemon:
        fragile_mariadb.kill()
        daemon.wait_for_mode("undecided")
        for login in (FULL, HALF, FRESH):
            assert daemon.send(login).kind in {"reply", "tempfail"}
        fragile_mariadb.start()
        daemon.wait_for_mode("memory")
        assert daemon.passes(HALF)
        wait_until_counted(fragile, HALF, 4, SETTLES_S)
        assert fragile.used() == LIMIT + 4


@pytest.mark.mariadb
def test_metered_after_a_reload(
    folder: Path, fragile: Counters, fragile_mariadb: PrivateMariaDB
) -> None:
    """Overrides hold in the outage as last known, and a limit in the file that is loaded meanwhile."""
    with used_before(folder, fragile, "meter") as daemon:
        done = daemon.command("limit", "set", FULL, "mailbox.messages_per_day", "7")
        assert done.exit_code == 0, done.stderr
        fragile_mariadb.kill()
        daemon.wait_for_mode("metered")
        assert outcomes(daemon, FULL) == [True] * 2 + [False] * 4
        text = daemon.config_file.read_text()
        daemon.write_config(text.replace(f"messages_per_day = {LIMIT}", "messages_per_day = 4"))
        assert "config-loaded" in daemon.reload()
        assert outcomes(daemon, HALF) == [True] + [False] * 5
        fragile_mariadb.start()
        daemon.wait_for_mode("memory")
        wait_until_counted(fragile, "*", 7 + 4, SETTLES_S)
        assert (fragile.used(FULL), fragile.used(HALF)) == (7, 4)


@pytest.mark.mariadb
def test_metered_and_killed(
    folder: Path, fragile: Counters, fragile_mariadb: PrivateMariaDB
) -> None:
    """What was let through metered outlives kill -9: the next start books it."""
    with used_before(folder, fragile, "meter") as daemon:
        fragile_mariadb.kill()
        daemon.wait_for_mode("metered")
        assert outcomes(daemon, HALF) == [True] * 2 + [False] * 4
        daemon.kill()
        fragile_mariadb.start()
        daemon.start()
        daemon.wait_for_mode("memory")
        assert (fragile.used(HALF), fragile.used()) == (LIMIT, 2 * LIMIT)
