"""The daemon itself dies or is restarted under load: no client sees an error."""

import pytest

from rig.counters import Counters, in_mariadb
from rig.mariadb import Database, PrivateMariaDB
from rig.milter_client import MilterClient
from rig.postfix import PrivatePostfix
from rig.stage import Staged
from rig.traffic import Traffic

pytestmark = [pytest.mark.postfix, pytest.mark.mariadb]

RESTARTS = 10


@pytest.fixture
def store(mariadb: PrivateMariaDB, database: Database) -> Counters:
    """Empty tables in the shared MariaDB."""
    return in_mariadb(mariadb, database)


def test_killed(stage: Staged, store: Counters) -> None:
    """Killed by kill -9 under load: what stays counted too much is at most one mail per open session.

    A client's old session may still be open for Postfix when its next one begins.
    """
    with stage(store) as scene, Traffic(scene.port, scene.login) as traffic:
        traffic.wait_for_more()
        before = traffic.accepted
        scene.daemon.kill()
        counted = store.used(scene.login)
        traffic.wait_for_more()
        scene.daemon.start()
        traffic.wait_for_more()

        assert before <= counted <= before + 3 * traffic.clients
        assert store.used(scene.login) > counted
    assert traffic.errors == {}


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

        assert store.used(scene.login) == len(sessions) + 1


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
