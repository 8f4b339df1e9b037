"""The daemon dies, restarts, reloads or can't log under load: no client sees an error."""

import subprocess
from pathlib import Path

import pytest
from bench import load

from support.rig.configuration import configuration
from support.rig.counters import Counters, in_mariadb
from support.rig.daemon import Sendlimit
from support.rig.mariadb import Database, PrivateMariaDB
from support.rig.milter_client import MilterClient
from support.rig.postfix import PrivatePostfix
from support.rig.process import accepts_connections, wait_for
from support.rig.stage import Staged
from support.rig.traffic import Traffic

pytestmark = [pytest.mark.postfix, pytest.mark.mariadb]

RESTARTS = 10
MOST_US = 5_000_000
ENOUGH_S = 60


@pytest.fixture
def store(mariadb: PrivateMariaDB, database: Database) -> Counters:
    """Empty tables in the shared MariaDB."""
    return in_mariadb(mariadb, database)


def test_killed(stage: Staged, store: Counters) -> None:
    """Killed by kill -9 under load: what stays counted too much is at most one mail per open session.

    A client's old session may still be open for Postfix when its next one begins.
    """
    with stage(store) as scene:
        with Traffic(scene.port, scene.login) as traffic:
            traffic.wait_for_more()
            before = traffic.accepted
            scene.daemon.kill()
            after = traffic.accepted
            traffic.wait_for_more()
        scene.daemon.start()  # it books what the journal has

        counted = store.used(scene.login)
        assert before <= counted <= after + 2 * traffic.clients
        with Traffic(scene.port, scene.login) as more:
            more.wait_for_more()
        store.wait_until_used(scene.login, counted + more.accepted)
    assert traffic.errors == more.errors == {}


def test_reservations_of_a_killed_daemon(
    stage: Staged, store: Counters, postfix: PrivatePostfix
) -> None:
    """Ten sessions with a mail under way at kill -9: ten mails stay counted, no more."""
    with stage(store) as scene:
        sessions = [MilterClient(postfix.milter_socket) for _ in range(10)]
        try:
            for session in sessions:
                assert session.mail(scene.login).kind == "continue"
                session.abort()
                assert session.mail(scene.login).kind == "continue"
            scene.daemon.kill()
        finally:
            for session in sessions:
                session.close()
        scene.daemon.start()
        with MilterClient(postfix.milter_socket) as session:
            assert session.send_mail(scene.login).kind == "continue"

        store.wait_until_used(scene.login, len(sessions) + 1)


def test_restarted_under_load(stage: Staged, store: Counters) -> None:
    """Ten restarts under load: no client sees an error, every start is clean."""
    with stage(store) as scene, Traffic(scene.port, scene.login) as traffic:
        for _ in range(RESTARTS):
            traffic.wait_for_more(5)
            assert scene.daemon.stop() == 0
            scene.daemon.start()
        traffic.wait_for_more()

    assert traffic.errors == {}
    assert len(scene.daemon.lines("^INFO started")) == RESTARTS + 1
    assert len(scene.daemon.lines("stopped booked=yes")) >= RESTARTS
    assert not scene.daemon.lines("fault|Traceback|store-down")


def test_stopped_while_sessions_begin(folder: Path, store: Counters) -> None:
    """SIGTERM while hundreds of sessions a second begin: the daemon ends in order, at once.

    pymilter would crash if libmilter was told to stop then.
    """
    socket = folder / "milter.sock"
    daemon = Sendlimit(folder, configuration(folder, socket, store.settings))
    words = load.options(seconds=ENOUGH_S, connections=50)
    with load.start(f"unix:{socket}", words) as generator:
        try:
            for number in range(RESTARTS):
                daemon.start()
                wait_for_mails(store, 20)
                assert daemon.stop() == 0
                assert len(daemon.lines("stopped booked=yes")) == number + 1
        finally:
            generator.kill()


def wait_for_mails(store: Counters, number: int) -> None:
    """Wait until so many more mails are counted."""
    goal = store.used() + number
    wait_for(lambda: store.used() >= goal, ENOUGH_S, f"{number} more mails")


def test_open_sessions_at_a_stop(stage: Staged, store: Counters, postfix: PrivatePostfix) -> None:
    """A mail under way when the daemon stops stays counted, because Postfix goes on to send it."""
    with stage(store) as scene:
        sessions = [MilterClient(postfix.milter_socket) for _ in range(5)]
        try:
            for session in sessions:
                assert session.mail(scene.login).kind == "continue"
            assert scene.daemon.stop() == 0
        finally:
            for session in sessions:
                session.close()

        assert store.used(scene.login) == len(sessions)


def test_reloaded_under_load(stage: Staged, store: Counters) -> None:
    """SIGHUP again and again, every other time with a broken file: nothing is lost or refused."""
    with stage(store) as scene:
        good = scene.daemon.config_file.read_text()
        with scene.unnoticed() as traffic:
            for number in range(20):
                scene.daemon.write_config(good if number % 2 else "limits = broken")
                said = "config-loaded" if number % 2 else "config-rejected"
                assert said in scene.daemon.reload()
                traffic.wait_for_more(2)


def test_nobody_reads_the_log(folder: Path, store: Counters) -> None:
    """A reader of the log that hangs holds up no mail."""
    socket = folder / "milter.sock"
    settings = configuration(folder, socket, store.settings, log={"level": "debug"})
    daemon = Sendlimit(folder, settings)
    with subprocess.Popen(daemon.process.argv, stderr=subprocess.PIPE) as process:
        try:
            wait_for(lambda: accepts_connections(socket), 30, "a daemon")
            result = load.run(f"unix:{socket}", seconds=60, connections=10, count=3000)
        finally:
            process.kill()

    assert (result.accepted, result.errors) == (3000, 0)
    assert result.max_us < MOST_US
