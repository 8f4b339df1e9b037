"""MariaDB goes away in every way and comes back: mail flows on, no count is lost (R11).

Each test sends mails all the time. `scene.unnoticed` proves that no client sees an error, that
no mail waits longer than decision_timeout_s and a second, and that accepted equals counted.
"""

from contextlib import ExitStack

import pytest

from support.rig.counters import Counters
from support.rig.mariadb import Database, PrivateMariaDB, kill_connections, root_session
from support.rig.process import wait_for
from support.rig.stage import DECISION_TIMEOUT_S, Scene, Staged
from support.rig.traffic import Traffic, counted_exactly, unharmed

pytestmark = [pytest.mark.postfix, pytest.mark.mariadb]


GIVES_UP_S = 60
"""More than the read timeout of the daemon's connection and a try to connect again."""


def test_killed(scene: Scene, fragile_mariadb: PrivateMariaDB) -> None:
    """MariaDB is killed as by a power failure, and started again."""
    with scene.unnoticed() as traffic:
        fragile_mariadb.kill()
        traffic.wait_for_more()
        fragile_mariadb.start()
        scene.daemon.wait_for_lines("store-back")

    assert scene.daemon.lines("store-down")


def test_stopped(scene: Scene, fragile_mariadb: PrivateMariaDB) -> None:
    """MariaDB is shut down in good order, and started again."""
    with scene.unnoticed() as traffic:
        fragile_mariadb.stop()
        traffic.wait_for_more()
        fragile_mariadb.start()
        scene.daemon.wait_for_lines("store-back")


def test_restarted_again_and_again(scene: Scene, fragile_mariadb: PrivateMariaDB) -> None:
    """MariaDB is restarted three times under load."""
    with scene.unnoticed() as traffic:
        for number in range(3):
            fragile_mariadb.restart()
            scene.daemon.wait_for_lines("store-back", count=number + 1)
            traffic.wait_for_more(10)


def test_frozen(scene: Scene, fragile_mariadb: PrivateMariaDB) -> None:
    """MariaDB hangs with its connections open, and goes on."""
    with scene.unnoticed() as traffic:
        fragile_mariadb.freeze()
        scene.daemon.wait_for_lines("accepted-on-failure")
        traffic.wait_for_more()
        fragile_mariadb.thaw()
        traffic.wait_for_more()


def test_frozen_for_long(scene: Scene, fragile_mariadb: PrivateMariaDB) -> None:
    """MariaDB hangs until the daemon gives the connection up, and goes on."""
    with scene.unnoticed() as traffic:
        fragile_mariadb.freeze()
        wait_for(lambda: scene.daemon.lines("store-down"), GIVES_UP_S, "the end of its patience")
        traffic.wait_for_more()
        fragile_mariadb.thaw()
        scene.daemon.wait_for_lines("store-back")


def test_absent_at_start(stage: Staged, fragile: Counters, fragile_mariadb: PrivateMariaDB) -> None:
    """MariaDB is not there at the start: the daemon starts, accepts, and counts when it comes."""
    fragile_mariadb.stop()
    with stage(fragile) as scene, scene.unnoticed() as traffic:
        assert scene.daemon.lines("store-awaited")
        traffic.wait_for_more()
        fragile_mariadb.start()
        scene.daemon.wait_for_lines("store-back")


def test_stopped_while_away(
    stage: Staged, fragile: Counters, fragile_mariadb: PrivateMariaDB
) -> None:
    """A daemon that is stopped while MariaDB is away keeps the counts in state_dir, and books them."""
    with stage(fragile) as scene:
        with Traffic(scene.port, scene.login) as traffic:
            fragile_mariadb.kill()
            traffic.wait_for_more()
        assert scene.daemon.stop() == 0
        fragile_mariadb.start()
        assert fragile.used(scene.login) < traffic.accepted
        scene.daemon.start()
        counted_exactly(traffic, scene.login, fragile)

    assert traffic.errors == {}


def test_stopped_while_frozen(
    stage: Staged, fragile: Counters, fragile_mariadb: PrivateMariaDB
) -> None:
    """A batch that MariaDB finishes after the daemon has left is neither lost nor booked twice."""
    with stage(fragile) as scene:
        with Traffic(scene.port, scene.login) as traffic:
            fragile_mariadb.freeze()
            scene.daemon.wait_for_lines("accepted-on-failure")
            traffic.wait_for_more()
        try:
            assert scene.daemon.process.stop(deadline_s=60) == 0
        finally:
            fragile_mariadb.thaw()
        scene.daemon.start()
        counted_exactly(traffic, scene.login, fragile)

    unharmed(traffic, DECISION_TIMEOUT_S)


def test_read_only(scene: Scene, fragile_mariadb: PrivateMariaDB) -> None:
    """MariaDB refuses to write (as a replica does), and allows it again."""
    with scene.unnoticed() as traffic:
        fragile_mariadb.query("SET GLOBAL read_only = 1")
        scene.daemon.wait_for_lines("store-down")
        traffic.wait_for_more()
        fragile_mariadb.query("SET GLOBAL read_only = 0")
        scene.daemon.wait_for_lines("store-back")


def test_too_many_connections(
    scene: Scene, fragile_mariadb: PrivateMariaDB, fragile_database: Database
) -> None:
    """All connections are taken when the daemon looks for one, and become free again."""
    with ExitStack() as stack:
        others = [stack.enter_context(root_session(fragile_mariadb)) for _ in range(12)]
        with scene.unnoticed() as traffic:
            others[0].execute("SET GLOBAL max_connections = 10")
            kill_connections(others[0], fragile_database)
            scene.daemon.wait_for_lines("store-down .*Too many connections")
            traffic.wait_for_more()
            others[0].execute("SET GLOBAL max_connections = 151")
            scene.daemon.wait_for_lines("store-back")


def test_wrong_password(
    scene: Scene, fragile_mariadb: PrivateMariaDB, fragile_database: Database
) -> None:
    """The password is changed behind the daemon's back, and set right again."""
    user, password = fragile_database.user, fragile_database.password
    with scene.unnoticed() as traffic, root_session(fragile_mariadb) as root:
        fragile_mariadb.query("SET PASSWORD FOR %s@'%%' = PASSWORD('other')", (user,))
        kill_connections(root, fragile_database)
        scene.daemon.wait_for_lines("store-down .*Access denied")
        traffic.wait_for_more()
        fragile_mariadb.query("SET PASSWORD FOR %s@'%%' = PASSWORD(%s)", (user, password))
        scene.daemon.wait_for_lines("store-back")

    assert password not in scene.daemon.process.log_text()


def test_rotated_password(
    scene: Scene, fragile_mariadb: PrivateMariaDB, fragile_database: Database
) -> None:
    """The password is changed in the database, then in its file: the daemon needs no restart."""
    with scene.unnoticed() as traffic, root_session(fragile_mariadb) as root:
        fragile_mariadb.query(
            "SET PASSWORD FOR %s@'%%' = PASSWORD('rotated')", (fragile_database.user,)
        )
        kill_connections(root, fragile_database)
        scene.daemon.wait_for_lines("store-down .*Access denied")
        fragile_database.password_file.write_text("rotated\n")
        scene.daemon.wait_for_lines("store-back")
        traffic.wait_for_more()


def test_tables_missing(
    scene: Scene, fragile_mariadb: PrivateMariaDB, fragile_database: Database
) -> None:
    """The tables are renamed away under load, and come back."""
    name = fragile_database.name
    with scene.unnoticed() as traffic:
        fragile_mariadb.query("RENAME TABLE er_counter TO er_gone", database=name)
        scene.daemon.wait_for_lines("store-down")
        traffic.wait_for_more()
        fragile_mariadb.query("RENAME TABLE er_gone TO er_counter", database=name)
        scene.daemon.wait_for_lines("store-back")


def test_killed_connections(
    scene: Scene, fragile_mariadb: PrivateMariaDB, fragile_database: Database
) -> None:
    """The daemon's connection is killed by KILL again and again, at any moment of a batch."""
    with scene.unnoticed() as traffic, root_session(fragile_mariadb) as root:
        for number in range(60):
            kill_connections(root, fragile_database, soft=number % 3 == 0)
            traffic.wait_for_more(1)

    assert scene.daemon.lines("batch-retried")
