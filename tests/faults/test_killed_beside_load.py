"""kill -9 of a daemon that decides from memory, of its database, of both: nothing is lost or counted twice."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from bench import load

from support.rig.counters import Counters
from support.rig.lone_daemon import LoneDaemon, wait_until_counted
from support.rig.mariadb import Database, PrivateMariaDB, kill_connections, root_session
from support.rig.process import running, wait_for

pytestmark = pytest.mark.timeout(900)

CONNECTIONS = 50
KILLS = 30
LIMIT = 10**6
DECISION_TIMEOUT_S = 2.0
DEADLINE_S = 60
SETTLES_S = 20
OUTAGE_S = 5.0
"""At most; in the first 3 s of it the daemon grants from memory."""

Fault = Callable[[PrivateMariaDB, Database, random.Random], None]


@contextmanager
def alone(folder: Path, store: Counters) -> Iterator[LoneDaemon]:
    """Run a daemon that decides from memory; no limit is ever reached."""
    settings = {**store.settings, "decision_timeout_s": DECISION_TIMEOUT_S}
    limits = {"mailbox": {"messages_per_day": LIMIT, "recipients_per_day": LIMIT}}
    with running(LoneDaemon(folder, settings, limits)) as daemon:
        daemon.wait_for_mode("memory")
        yield daemon
    assert not daemon.faults


@pytest.fixture
def chance() -> random.Random:
    """Chooses the moments of the faults."""
    seed = time.time_ns()
    print(f"moments by seed {seed}")  # noqa: T201 - pytest shows it when a test fails
    return random.Random(seed)  # noqa: S311 - no secret


def let_pass(chance: random.Random, most_s: float) -> None:
    """Let a random time pass: the moment of the next fault."""
    due = time.monotonic() + chance.uniform(0.01, most_s)
    wait_for(lambda: time.monotonic() > due, most_s + 1, "the moment")


def counts_more(store: Counters, than: int) -> bool:
    """Tell whether more mails are counted."""
    return store.used() > than


def assert_all_scopes_agree(store: Counters) -> None:
    """Every mail is counted in all three scopes, or in none."""
    rows = store.query(
        "SELECT unit, scope, SUM(used) FROM er_counter WHERE `window` = 'day' GROUP BY unit, scope"
    )
    for unit in ("messages", "recipients"):
        sums = {row[1]: int(row[2]) for row in rows if row[0] == unit}
        assert len(set(sums.values())) == 1, rows


def test_daemon(folder: Path, store: Counters, chance: random.Random) -> None:
    """Thirty times: after each restart what was accepted is counted; at most one mail a session that was open is over."""
    accepted = 0
    with alone(folder / "d", store) as daemon:
        for number in range(1, KILLS + 1):
            before = store.used()
            generator = daemon.load(
                seconds=1.2, connections=CONNECTIONS, mails_per_connection=chance.choice((1, 10))
            )
            wait_for(partial(counts_more, store, before), DEADLINE_S, "mails")
            let_pass(chance, 0.6)
            daemon.kill()
            accepted += load.finish(generator, DEADLINE_S).accepted
            daemon.start()
            daemon.wait_for_mode("memory")
            assert accepted <= store.used() <= accepted + number * CONNECTIONS
        assert_all_scopes_agree(store)
        assert not daemon.lines("accepted-on-failure|journal-un")


def killed(server: PrivateMariaDB, _: Database, chance: random.Random) -> None:
    """Kill the server as a power failure would, start it again."""
    server.kill()
    let_pass(chance, OUTAGE_S)
    server.start()


def frozen(server: PrivateMariaDB, _: Database, chance: random.Random) -> None:
    """Let the server hang for a while."""
    server.freeze()
    let_pass(chance, OUTAGE_S)
    server.thaw()


def disconnected(server: PrivateMariaDB, database: Database, chance: random.Random) -> None:
    """Kill all connections again and again."""
    with root_session(server) as root:
        for number in range(20):
            kill_connections(root, database, soft=number % 3 == 0)
            let_pass(chance, 0.2)


@pytest.mark.mariadb
@pytest.mark.parametrize("fault", [killed, frozen, disconnected])
@pytest.mark.parametrize("rounds", [1, pytest.param(10, marks=pytest.mark.soak)])
def test_database(  # noqa: PLR0913 - all that is broken, and what breaks it
    *,
    folder: Path,
    fragile: Counters,
    fragile_mariadb: PrivateMariaDB,
    fragile_database: Database,
    chance: random.Random,
    fault: Fault,
    rounds: int,
) -> None:
    """No client notices, and all that was accepted is counted once; then memory decides again."""
    with alone(folder / "d", fragile) as daemon:
        for number in range(1, rounds + 1):
            generator = daemon.load(
                seconds=DEADLINE_S, connections=CONNECTIONS, count=2400, rate=400, mailboxes=40
            )
            let_pass(chance, 1.0)
            fault(fragile_mariadb, fragile_database, chance)
            result = load.finish(generator, DEADLINE_S)

            assert (result.accepted, result.errors, result.unfinished) == (2400, 0, 0)
            assert result.max_us < (DECISION_TIMEOUT_S + 1) * 1e6
            wait_until_counted(fragile, "*", number * 2400, SETTLES_S)
            daemon.wait_for_mode("memory")
        assert_all_scopes_agree(fragile)


@pytest.mark.mariadb
@pytest.mark.parametrize("rounds", [1, pytest.param(10, marks=pytest.mark.soak)])
def test_both(
    folder: Path,
    fragile: Counters,
    fragile_mariadb: PrivateMariaDB,
    chance: random.Random,
    rounds: int,
) -> None:
    """The daemon is killed, started and killed again while the database is away: two journals are booked.

    A mail that was accepted undecided is counted at its end, so one a session may be missing.
    """
    accepted = 0
    with alone(folder / "d", fragile) as daemon:
        for number in range(1, rounds + 1):
            generator = daemon.load(seconds=4, connections=CONNECTIONS, rate=400)
            let_pass(chance, 1.0)
            fragile_mariadb.kill()
            let_pass(chance, 2.5)
            daemon.kill()
            accepted += load.finish(generator, DEADLINE_S).accepted
            daemon.start()
            result = daemon.run_load(seconds=DEADLINE_S, connections=CONNECTIONS, count=400)
            assert (result.accepted, result.errors) == (400, 0)
            accepted += 400
            daemon.kill()
            fragile_mariadb.start()
            daemon.start()
            daemon.wait_for_mode("memory")

            assert abs(fragile.used() - accepted) <= number * CONNECTIONS
        assert not daemon.lines("journal-un")
