"""An outage with more counters than a statement holds, and a stop while no server answers."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from support.rig.counters import Counters, in_mariadb
from support.rig.lone_daemon import LoneDaemon, mailbox, wait_until_counted
from support.rig.mariadb import Database, PrivateMariaDB
from support.rig.process import running

pytestmark = [pytest.mark.mariadb, pytest.mark.timeout(200)]

SENDERS = 6000
MAILS = 50
DEADLINE_S = 60
SETTLES_S = 30
STOPS_S = 25
"""What a stop may take: systemd's unit waits longer."""


@pytest.fixture
def small_packets(folder: Path) -> Iterator[PrivateMariaDB]:
    """A server that takes no statement above 1 MB."""
    with running(PrivateMariaDB(folder / "small", "--max-allowed-packet=1M")) as server:
        yield server


@contextmanager
def silent_servers(number: int) -> Iterator[list[int]]:
    """Listen on ports whose connections are accepted and never hear a word."""
    with ExitStack() as stack:
        listeners = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=100))
            for _ in range(number)
        ]
        yield [listener.getsockname()[1] for listener in listeners]


@pytest.mark.parametrize("on_failure", ["meter", pytest.param("accept", marks=pytest.mark.soak)])
def test_many_senders(folder: Path, small_packets: PrivateMariaDB, on_failure: str) -> None:
    """6,000 mailboxes send in an outage: it is booked in portions, and questions are answered between."""
    store = in_mariadb(small_packets, small_packets.create_database("d", "d", "secret"))
    settings = {**store.settings, "on_failure": on_failure, "decision_timeout_s": 1.0}
    limits = {
        "mailbox": {"messages_per_day": 2, "recipients_per_day": 10, "messages_per_hour": 2},
        "domain": {"messages_per_hour": 10**6},
    }
    long_domain = f"{'d' * 60}.{'e' * 60}.example.org"
    with running(LoneDaemon(folder / "d", settings, limits)) as daemon:
        daemon.wait_for_mode("memory")
        assert [daemon.passes(f"full@{long_domain}") for _ in range(3)] == [True, True, False]
        small_packets.kill()
        daemon.wait_for_mode("metered" if on_failure == "meter" else "undecided")
        sent = daemon.send_from([f"m{number}@{long_domain}" for number in range(SENDERS)])
        assert sent == SENDERS
        small_packets.start()
        daemon.wait_for_lines("store-back")
        wait_until_counted(store, "*", SENDERS + 2, SETTLES_S)
        assert store.used("*", window="ever") == SENDERS + 2
        daemon.wait_for_mode("memory")
        assert [daemon.passes(f"m0@{long_domain}") for _ in range(2)] == [True, False]
    assert not daemon.faults
    assert not daemon.lines("max_allowed_packet|larger than")


def test_packets_too_small(folder: Path, small_packets: PrivateMariaDB) -> None:
    """Where even a portion is too large for the server, log and `check` say so; a larger one ends it."""
    store = in_mariadb(small_packets, small_packets.create_database("d", "d", "secret"))
    small_packets.query("SET GLOBAL max_allowed_packet = 32768")
    nowhere = "mariadb://d@127.0.0.1:1/d"
    settings = {**store.settings, "url": nowhere, "decision_timeout_s": 1.0}
    daemon = LoneDaemon(folder / "d", settings, {"mailbox": {"messages_per_day": 2}})
    with running(daemon):
        assert daemon.send_from(mailbox(number) for number in range(MAILS * 10)) == MAILS * 10
    daemon.write_config(daemon.config_file.read_text().replace(nowhere, store.settings["url"]))
    with running(daemon):
        daemon.wait_for_lines("store-down .*more than its max_allowed_packet of 32768")
        assert "max_allowed_packet of 32768" in " ".join(daemon.command("check").stdout.split())
        assert daemon.passes(mailbox(0))
        small_packets.query("SET GLOBAL max_allowed_packet = 1048576")
        daemon.wait_for_lines("store-back")
        wait_until_counted(store, "*", MAILS * 10 + 1, SETTLES_S)
    assert not daemon.faults


@pytest.mark.parametrize("number", [5, pytest.param(1, marks=pytest.mark.soak)])
def test_silent_servers(
    folder: Path, mariadb: PrivateMariaDB, database: Database, number: int
) -> None:
    """Servers that accept and never speak: mail passes, the stop says that it is not booked, the next start books it."""
    store = in_mariadb(mariadb, database)
    with silent_servers(number) as ports:
        hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
        url = f"mariadb://{database.user}@{hosts}/{database.name}"
        settings = {**store.settings, "url": url, "decision_timeout_s": 1.0}
        daemon = LoneDaemon(folder / "d", settings, {"mailbox": {"messages_per_day": MAILS}})
        with running(daemon):
            sent = daemon.run_load(seconds=DEADLINE_S, count=MAILS, mailboxes=1, domains=1)
            assert (sent.accepted, sent.errors) == (MAILS, 0)
            begin = time.monotonic()
            assert daemon.process.stop(deadline_s=STOPS_S) == 0
            assert time.monotonic() - begin < STOPS_S
    assert daemon.lines("accepted-on-failure")
    assert daemon.lines("stopped booked=no")
    booked_at_the_next_start(daemon, store)


def test_silent_since(folder: Path, fragile: Counters, fragile_mariadb: PrivateMariaDB) -> None:
    """A server that falls silent under a daemon that is alone: what memory let through is booked later, once."""
    settings = {**fragile.settings, "decision_timeout_s": 1.0}
    daemon = LoneDaemon(folder / "d", settings, {"mailbox": {"messages_per_day": MAILS}})
    with running(daemon):
        daemon.wait_for_mode("memory")
        fragile_mariadb.freeze()
        try:
            sent = daemon.run_load(seconds=DEADLINE_S, count=MAILS, mailboxes=1, domains=1)
            assert (sent.accepted, sent.errors) == (MAILS, 0)
            assert daemon.process.stop(deadline_s=STOPS_S) == 0
        finally:
            fragile_mariadb.thaw()
    assert daemon.lines("stopped booked=no")
    booked_at_the_next_start(daemon, fragile)


def booked_at_the_next_start(daemon: LoneDaemon, store: Counters) -> None:
    """Start the daemon on the real server; prove that it books what the one before has left."""
    text = daemon.config_file.read_text()
    lines = [
        f'url = "{store.settings["url"]}"' if line.startswith("url =") else line
        for line in text.splitlines()
    ]
    daemon.write_config("\n".join(lines))
    with running(daemon):
        daemon.wait_for_mode("memory")
        wait_until_counted(store, mailbox(0), MAILS, SETTLES_S)
        assert not daemon.passes(mailbox(0))
        assert store.used("*", window="ever") == MAILS
    assert "stopped booked=yes" in daemon.lines("stopped booked=")[-1]
    assert not daemon.faults
