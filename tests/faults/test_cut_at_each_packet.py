"""The connection to MariaDB ends at each packet by turns: what passes is counted once, and limits hold on."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pymysql
import pytest

from support.rig.counters import Counters, in_mariadb
from support.rig.lone_daemon import LoneDaemon
from support.rig.mariadb import Database, PrivateMariaDB
from support.rig.process import running, wait_for
from support.rig.relay import Relay

pytestmark = [pytest.mark.mariadb, pytest.mark.timeout(300)]

ALICE, BOB = "alice@example.org", "bob@example.org"
SETTLES_S = 30
BATCH = 6
"""More packets than two batches have, and the beat that comes between."""
RECONNECT = 16
"""More packets than a new connection sends until mail is decided again."""


@pytest.fixture
def store(mariadb: PrivateMariaDB, database: Database) -> Counters:
    """Empty tables in the shared MariaDB."""
    return in_mariadb(mariadb, database)


class Line:
    """A daemon and the line to its database, which is cut.

    Attributes:
        daemon: it decides.
        relay: the line.
        passed: how many mails of Alice have passed.
    """

    def __init__(self, daemon: LoneDaemon, relay: Relay, store: Counters) -> None:
        self.daemon = daemon
        self.relay = relay
        self.passed = 0
        self._store = store

    def cut(self, packet: int, *, arrives: bool) -> None:
        """Cut the line at a packet while mail is sent; all that passed is counted afterwards, once."""
        self.cut_in_passing(packet, arrives=arrives)
        self._store.wait_until_used(ALICE, self.passed)

    def cut_in_passing(self, packet: int, *, arrives: bool) -> None:
        """Cut the line at a packet while mail is sent."""
        self.relay.cut_at(packet, arrives=arrives)
        wait_for(self._sends_until_cut, SETTLES_S, "the packet")

    def _sends_until_cut(self) -> bool:
        self.send()
        return self.relay.is_cut.is_set()

    def send(self) -> None:
        """Send some mails of Alice."""
        self.passed += self.daemon.send_from([ALICE] * 3)

    def decides(self) -> None:
        """Wait until mail is decided: Bob may send none."""
        wait_for(partial(is_refused, self.daemon, BOB), SETTLES_S, "a limit in force")


@contextmanager
def line(folder: Path, database: Database, store: Counters, *, hosts: int) -> Iterator[Line]:
    """Run a daemon behind a relay; with several hosts in its url it decides in batches."""
    with Relay(database.port) as relay:
        where = ",".join([f"127.0.0.1:{relay.port}"] * hosts)
        settings = {
            "url": f"mariadb://{database.user}@{where}/{database.name}",
            "password_file": str(database.password_file),
        }
        limits = {"for": {BOB: {"mailbox": {"messages_per_day": 0}}}}
        with running(LoneDaemon(folder / "d", settings, limits)) as daemon:
            daemon.wait_for_mode("memory" if hosts == 1 else "shared")
            line = Line(daemon, relay, store)
            line.send()
            yield line
            line.decides()
        assert not daemon.faults
    store.wait_until_used(ALICE, line.passed)


@pytest.fixture(params=[True, False], ids=["answer lost", "packet lost"])
def arrives(request: pytest.FixtureRequest) -> bool:
    """Whether the server gets the packet at which the line is cut."""
    return bool(request.param)


@pytest.mark.parametrize("hosts", [1, 2], ids=["flush", "batch"])
def test_while_counting(
    folder: Path, database: Database, store: Counters, *, arrives: bool, hosts: int
) -> None:
    """Cut at each packet of batches, or of flushes from memory; then also of the connection after it."""
    with line(folder, database, store, hosts=hosts) as one:
        for packet in range(1, BATCH):
            one.cut(packet, arrives=arrives)
        one.decides()
        for packet in range(1, RECONNECT):
            one.cut_in_passing(1, arrives=not arrives)
            one.cut(packet, arrives=arrives)


def test_while_the_lease_is_taken(
    folder: Path, database: Database, store: Counters, *, arrives: bool
) -> None:
    """The lease was edited, so it is lost, cleared and taken again: cut at each packet of that."""
    with line(folder, database, store, hosts=1) as one:
        for packet in range(1, RECONNECT):
            wait_for(partial(edit_lease, store), SETTLES_S, "an edit without a deadlock")
            one.cut(packet, arrives=arrives)
        one.daemon.wait_for_mode("memory")


def test_while_a_change_is_read(
    folder: Path, database: Database, store: Counters, *, arrives: bool
) -> None:
    """A limit is set as by a command: it holds in the end, wherever the line was cut."""
    with line(folder, database, store, hosts=1) as one:
        for packet in range(1, BATCH):
            name = f"carol{packet}@example.org"
            assert one.daemon.passes(name)
            limit(store, name)
            one.cut(packet, arrives=arrives)
            wait_for(partial(is_refused, one.daemon, name), SETTLES_S, "the new limit")


def edit_lease(store: Counters) -> bool:
    """Move the beat, as the holder does; tell whether the statement was done."""
    with suppress(pymysql.OperationalError):  # it takes no latch, so a deadlock may choose it
        store.query("UPDATE er_lease SET beat = beat + 5")
        return True
    return False


def limit(store: Counters, name: str) -> None:
    """Let a mailbox send one mail a day, as a command does."""
    store.query(
        "INSERT INTO er_limit (subject, scope, unit, `window`, max)"
        " VALUES (%s, 'mailbox', 'messages', 'day', 1)",
        name,
    )
    store.query("INSERT INTO er_change (what, subject) VALUES ('limit set', %s)", name)


def is_refused(daemon: LoneDaemon, name: str) -> bool:
    """Send one mail; tell whether it was refused."""
    return not daemon.passes(name)
