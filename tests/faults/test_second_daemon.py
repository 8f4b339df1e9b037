"""A second daemon beside one that decides from memory: it hands over, stops, is passed by, is cut off."""

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from bench import load

from support.rig.counters import Counters, in_mariadb
from support.rig.lone_daemon import LoneDaemon, mailbox, wait_until_counted
from support.rig.mariadb import Database, PrivateMariaDB
from support.rig.milter_client import MilterClient
from support.rig.old_release import old_release
from support.rig.process import running, wait_for
from support.rig.relay import Relay

pytestmark = [pytest.mark.mariadb, pytest.mark.timeout(900)]

DECISION_TIMEOUT_S = 2.0
LIMIT = 150
TIMES = 10
ROOMY = 10**6
"""First of the mailboxes that stay below their limit."""
DEADLINE_S = 60
SETTLES_S = 10
FLUSHED_S = 0.5
"""Far longer than a flush takes: a stopped holder's grants of that time may be unwritten."""
PASSED_BY_S = 10
"""How long a daemon that is stopped or cut off may hold up another."""
ALICE = "alice@example.org"
FLUSH = b"UPDATE er_lease"


@pytest.fixture
def store(mariadb: PrivateMariaDB, database: Database) -> Counters:
    """Empty tables in the shared MariaDB."""
    return in_mariadb(mariadb, database)


@pytest.fixture
def first(folder: Path, store: Counters) -> Iterator[LoneDaemon]:
    """A daemon that is alone, and decides from memory."""
    daemon = make(folder / "1", store.settings)
    with running(daemon):
        daemon.wait_for_mode("memory")
        yield daemon
    assert not daemon.faults


@pytest.fixture
def second(folder: Path, store: Counters) -> Iterator[LoneDaemon]:
    """Another daemon for the same database, which the test starts."""
    daemon = make(folder / "2", store.settings)
    yield daemon
    daemon.kill()
    assert not daemon.faults


def make(folder: Path, settings: Mapping[str, str], limit: int = LIMIT) -> LoneDaemon:
    """Describe a daemon with a limit for each mailbox."""
    store = {**settings, "decision_timeout_s": DECISION_TIMEOUT_S}
    return LoneDaemon(folder, store, {"mailbox": {"messages_per_day": limit}})


def test_comes_and_goes_under_load(first: LoneDaemon, second: LoneDaemon, store: Counters) -> None:
    """Ten times: a mailbox near its limit gets exactly that from both; one with room is never refused, nor waits."""
    for number in range(TIMES):
        tight = {"mailboxes": 1, "first_mailbox": number, "domains": 1}
        roomy = {"mailboxes": 10, "first_mailbox": ROOMY + number * 10, "domains": 1}
        generators = [
            first.load(seconds=DEADLINE_S, connections=20, rate=20, count=LIMIT, **tight),
            first.load(seconds=DEADLINE_S, connections=10, rate=20, count=LIMIT, **roomy),
        ]
        second.start()
        other = second.run_load(seconds=DEADLINE_S, connections=20, count=LIMIT // 3, **tight)
        assert second.stop() == 0
        near, far = (load.finish(generator, DEADLINE_S) for generator in generators)

        assert near.accepted
        assert other.accepted
        assert near.accepted + other.accepted == LIMIT
        assert (far.accepted, far.refused) == (LIMIT, 0)
        for result in (near, far, other):
            assert (result.errors, result.unfinished) == (0, 0)
            assert result.max_us < (DECISION_TIMEOUT_S + 1) * 1e6
        wait_until_counted(store, mailbox(number), LIMIT, SETTLES_S)
        assert not first.lines("accepted-on-failure") + second.lines("accepted-on-failure")
        first.wait_for_mode("memory")
    assert len(first.lines("counting mode=memory")) == TIMES + 1
    assert store.used() == 2 * TIMES * LIMIT


@pytest.mark.parametrize("frozen_s", [10, pytest.param(25, marks=pytest.mark.soak)])
def test_holder_is_stopped(
    first: LoneDaemon, second: LoneDaemon, store: Counters, frozen_s: int
) -> None:
    """Stopped for 10 s while it decides from memory: the other passes it by; awake, it grants nothing.

    The mails that wait for it are the first thing that it sees.
    """
    assert first.run_load(seconds=DEADLINE_S, count=5, mailboxes=1, domains=1).accepted == 5
    wait_until_counted(store, mailbox(0), 5, SETTLES_S)
    with ExitStack() as stack, ThreadPoolExecutor(20) as threads:
        waiting = [stack.enter_context(MilterClient(first.socket)) for _ in range(20)]
        first.process.freeze()
        frozen = time.monotonic()
        second.start()
        assert second.passes(mailbox(0))
        assert time.monotonic() - frozen < PASSED_BY_S
        asked = [threads.submit(client.mail, mailbox(0)) for client in waiting]
        rest = second.run_load(seconds=DEADLINE_S, count=LIMIT, mailboxes=1, domains=1)
        assert rest.accepted == LIMIT - 6
        wait_for(lambda: time.monotonic() > frozen + frozen_s, frozen_s + 1, "its sleep")
        first.process.thaw()

        assert {future.result().kind for future in asked} == {"reply"}
    wait_until_counted(store, mailbox(0), LIMIT, SETTLES_S)
    assert not first.lines("accepted-on-failure")


def test_holder_is_stopped_under_load(
    first: LoneDaemon, second: LoneDaemon, store: Counters
) -> None:
    """What it had granted and not written is booked when it wakes: the limit is passed by no more.

    docs/limits.md says so (R11).
    """
    generator = first.load(
        seconds=PASSED_BY_S, connections=10, rate=200, count=10**6, mailboxes=1, domains=1
    )
    wait_for(lambda: store.used(mailbox(0)) > LIMIT // 3, DEADLINE_S, "some mails")
    first.process.freeze()
    second.start()
    other = second.run_load(seconds=DEADLINE_S, count=LIMIT, mailboxes=1, domains=1)
    assert other.refused > 0
    first.process.thaw()
    result = load.finish(generator, DEADLINE_S)

    accepted = result.accepted + other.accepted
    wait_until_counted(store, mailbox(0), accepted, SETTLES_S)
    assert LIMIT <= accepted <= LIMIT + 200 * FLUSHED_S
    assert first.passes("bob@example.org")


def test_holder_is_cut_off(
    folder: Path, database: Database, second: LoneDaemon, store: Counters
) -> None:
    """The network is cut while a flush is answered: no lock stays, the other decides within 10 s.

    The one that is cut off accepts what it can't decide; all is booked when it is back.
    """
    with Relay(database.port) as relay:
        url = f"mariadb://{database.user}@127.0.0.1:{relay.port}/{database.name}"
        cut_off = make(folder / "3", {**database.store_settings, "url": url}, limit=10)
        with running(cut_off):
            cut_off.wait_for_mode("memory")
            relay.hold_at(FLUSH)
            assert cut_off.passes(ALICE)
            relay.wait_until_held()
            begin = time.monotonic()
            second.start()
            assert second.passes(ALICE)
            assert time.monotonic() - begin < PASSED_BY_S
            assert not second.lines("accepted-on-failure")
            cut_off.wait_for_mode("undecided")
            assert [cut_off.passes(ALICE) for _ in range(12)] == [True] * 12
            cut_off.wait_for_mode("shared")
            wait_until_counted(store, ALICE, 14, SETTLES_S)
            assert not cut_off.passes(ALICE)


def test_old_release(
    first: LoneDaemon, store: Counters, mariadb: PrivateMariaDB, database: Database
) -> None:
    """A release without a lease begins beside: it is shared with while it writes, exact to the mail."""
    assert first.passes(mailbox(0))
    wait_until_counted(store, mailbox(0), 1, SETTLES_S)
    with old_release(mariadb, database, LIMIT) as old:
        assert [old.send(mailbox(0)) for _ in range(2)] == [True, True]
        first.wait_for_mode("shared")
        generator = first.load(
            seconds=DEADLINE_S, connections=10, rate=50, count=LIMIT, mailboxes=1, domains=1
        )
        passed = 3
        while generator.poll() is None:
            passed += old.send(mailbox(0))
            time.sleep(0.02)  # a mail now and then, not as many as the database takes
        result = load.finish(generator, DEADLINE_S)

        assert (passed + result.accepted, result.errors) == (LIMIT, 0)
        assert passed > 3
        assert result.accepted
        assert first.mode == "shared"
    assert store.used(mailbox(0)) == LIMIT
    first.wait_for_mode("memory")
    assert not first.passes(mailbox(0))


def test_takes_turns(folder: Path, store: Counters) -> None:
    """Three daemons that start and stop in turn: one that comes again knows what others have granted."""
    daemons = [make(folder / str(number), store.settings, limit=4) for number in range(3)]
    for daemon in daemons:
        with running(daemon):
            daemon.wait_for_mode("memory")
            assert daemon.passes(ALICE)
    with running(daemons[0]) as again:
        again.wait_for_mode("memory")
        assert [again.passes(ALICE) for _ in range(2)] == [True, False]
