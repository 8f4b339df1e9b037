"""A day in small: steady mail with all endings mixed leaves no trace but the right counts."""

import pytest
from bench import load
from bench.footprint import Footprint, footprint

from support.rig.counters import in_mariadb
from support.rig.mariadb import Database, PrivateMariaDB
from support.rig.postfix import PrivatePostfix
from support.rig.process import wait_for
from support.rig.smtp import SmtpClient
from support.rig.stage import DECISION_TIMEOUT_S, Scene, Staged
from support.rig.traffic import Traffic, unharmed

pytestmark = [pytest.mark.postfix, pytest.mark.mariadb]

WARM_UP_S = 4
MORE_MEMORY_BYTES = 6000 * 1024
"""What Python's allocator and libmilter's workers may still take after the warm-up."""


@pytest.mark.parametrize(
    "seconds", [10, pytest.param(180, marks=[pytest.mark.soak, pytest.mark.timeout(400)])]
)
def test_soak(
    stage: Staged,
    mariadb: PrivateMariaDB,
    database: Database,
    postfix: PrivatePostfix,
    seconds: int,
) -> None:
    """Memory, threads and descriptors are where they were; every counter is right."""
    with stage(in_mariadb(mariadb, database)) as scene:
        warm_up = put_load(postfix, WARM_UP_S)
        before = footprint(scene.daemon.process.pid)
        with Traffic(scene.port, scene.login, clients=3) as traffic:
            result = put_load(postfix, seconds)
        at_peace(scene, before)

        unharmed(traffic, DECISION_TIMEOUT_S)
        assert (result.errors, result.refused, result.unfinished) == (0, 0, 0)
        accepted = traffic.accepted + result.endings["eom"] + warm_up.endings["eom"]
        for window in ("day", "ever"):
            scene.store.wait_until_used("*", accepted, window=window)
        scene.store.wait_until_used(scene.login, traffic.accepted)
        assert sum_of_mailboxes(scene) == accepted
        assert not scene.daemon.lines("fault|Traceback|store-down")


def put_load(postfix: PrivatePostfix, seconds: int) -> load.LoadResult:
    """Let many mailboxes send, give up and hang up at a steady rate."""
    return load.run(
        f"unix:{postfix.milter_socket}",
        seconds=seconds,
        connections=20,
        rate=100,
        mailboxes=200,
        endings="6,2,1",
        mails_per_connection=7,
    )


def at_peace(scene: Scene, before: Footprint) -> None:
    """Wait until threads and descriptors are as before, and compare the memory."""
    with SmtpClient(scene.port) as client:  # Postfix' smtpd of before may still be connected
        client.quit()

    def as_before() -> bool:
        after = footprint(scene.daemon.process.pid)
        return after.descriptors <= before.descriptors + 2 and after.threads <= before.threads + 2

    wait_for(as_before, 30, "threads and descriptors as before")
    after = footprint(scene.daemon.process.pid)
    assert after.resident_bytes <= before.resident_bytes + MORE_MEMORY_BYTES


def sum_of_mailboxes(scene: Scene) -> int:
    """Return what all mailboxes have sent."""
    ((total,),) = scene.store.query(
        "SELECT SUM(used) FROM er_counter"
        " WHERE scope = 'mailbox' AND unit = 'messages' AND `window` = 'day'"
    )
    return int(total)
