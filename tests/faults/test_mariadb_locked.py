"""Another client holds locks that the daemon needs in MariaDB: mail flows on, no count is lost."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pymysql
import pytest
from pymysql.cursors import Cursor

from support.rig.counters import in_mariadb
from support.rig.mariadb import Database, PrivateMariaDB
from support.rig.process import wait_for
from support.rig.smtp import SmtpClient
from support.rig.stage import Scene, Staged

pytestmark = [pytest.mark.postfix, pytest.mark.mariadb]

HELD_S = 10
LATCH = "SELECT * FROM er_counter WHERE scope = 'global' AND `window` = 'ever' FOR UPDATE"


@pytest.fixture
def scene(stage: Staged, mariadb: PrivateMariaDB, database: Database) -> Iterator[Scene]:
    """A daemon that counts in the shared MariaDB, which no test breaks."""
    with stage(in_mariadb(mariadb, database)) as scene:
        yield scene


@pytest.fixture
def other(mariadb: PrivateMariaDB, database: Database) -> Iterator[Cursor]:
    """Another session on the same tables."""
    connection = pymysql.connect(
        user="root", unix_socket=str(mariadb.socket), database=database.name
    )
    with closing(connection), connection.cursor() as cursor:
        yield cursor


@contextmanager
def held_for_ten_seconds() -> Iterator[None]:
    """Let ten seconds pass before what the block began with is given back."""
    end = time.monotonic() + HELD_S
    yield
    wait_for(lambda: time.monotonic() > end, HELD_S + 1, "ten seconds")


def _checked(scene: Scene) -> str:
    """Return what `check` prints; its exit code says whether the daemon decides."""
    done = scene.daemon.command("check")
    assert done.exit_code == int("nothing is decided" in done.stdout)
    return done.stdout


def test_latch(scene: Scene, other: Cursor) -> None:
    """Another session holds the latch row for ten seconds: one outage, which `check` tells."""
    with scene.unnoticed() as traffic:
        with held_for_ten_seconds():
            other.execute("START TRANSACTION")
            other.execute(LATCH)
            scene.daemon.wait_for_lines("accepted-on-failure")
            traffic.wait_for_more()
            (down,) = scene.daemon.wait_for_lines("store-down")
            assert "A transaction does not end" in down
            wait_for(lambda: "nothing is decided" in _checked(scene), HELD_S, "check tells it")
        other.execute("ROLLBACK")
        assert len(scene.daemon.wait_for_lines("store-(?:down|back)", count=2)) == 2
        wait_for(lambda: "the daemon decides" in _checked(scene), HELD_S, "check tells the end")


def test_one_mailbox(scene: Scene, other: Cursor) -> None:
    """Another session holds the row of one mailbox for ten seconds."""
    with scene.unnoticed() as traffic:
        with held_for_ten_seconds():
            other.execute("START TRANSACTION")
            other.execute("UPDATE er_counter SET used = used WHERE subject = %s", (scene.login,))
            scene.daemon.wait_for_lines("accepted-on-failure")
            traffic.wait_for_more()
        other.execute("COMMIT")


def test_lock_tables(scene: Scene, other: Cursor) -> None:
    """A backup or a migration holds the tables by LOCK TABLES."""
    with scene.unnoticed() as traffic:
        other.execute("LOCK TABLES er_counter WRITE, er_limit WRITE, er_refusal WRITE")
        scene.daemon.wait_for_lines("accepted-on-failure")
        traffic.wait_for_more()
        other.execute("UNLOCK TABLES")


def test_migration(scene: Scene, other: Cursor) -> None:
    """A migration copies the counters' table again and again under load."""
    with scene.unnoticed() as traffic:
        for number in range(5):
            other.execute(f"ALTER TABLE er_counter ADD COLUMN extra{number} INT, ALGORITHM = COPY")
            traffic.wait_for_more(2)
            other.execute(f"ALTER TABLE er_counter DROP COLUMN extra{number}, ALGORITHM = COPY")
            traffic.wait_for_more(2)


def test_deadlocks(scene: Scene, other: Cursor) -> None:
    """Transactions that lock rows in another order lose or win; nothing is counted twice or not at all."""
    with scene.unnoticed() as traffic:
        for _ in range(20):
            other.execute("START TRANSACTION")
            try:
                other.execute(
                    "UPDATE er_counter SET used = used WHERE subject = %s", (scene.login,)
                )
                other.execute(LATCH)
                other.execute("COMMIT")
            except pymysql.OperationalError:
                other.execute("ROLLBACK")
            traffic.wait_for_more(2)


def test_decides_again(scene: Scene, other: Cursor) -> None:
    """After a lock the limits hold again, at the first mail after the accepted ones are booked."""
    with scene.unnoticed() as traffic:
        other.execute("LOCK TABLES er_counter WRITE")
        scene.daemon.wait_for_lines("accepted-on-failure")
        traffic.wait_for_more()
        other.execute("UNLOCK TABLES")

    other.execute(
        "INSERT INTO er_limit (subject, scope, unit, `window`, max)"
        " VALUES (%s, 'mailbox', 'messages', 'day', 0)",
        (scene.login,),
    )
    other.execute("COMMIT")
    wait_for(lambda: refused(scene), 20, "a refusal")


def refused(scene: Scene) -> bool:
    """Try to send a mail; tell whether it was refused."""
    with SmtpClient(scene.port, scene.login) as client:
        return client.mail(scene.login).code == 450
