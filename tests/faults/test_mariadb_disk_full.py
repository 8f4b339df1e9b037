"""MariaDB's disk is full: mail flows on, and what was accepted is booked when there is room."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.rig.counters import in_mariadb
from support.rig.daemon import Sendlimit
from support.rig.mariadb import PrivateMariaDB
from support.rig.milter_client import MilterClient
from support.rig.postfix import PrivatePostfix
from support.rig.process import running
from support.rig.small_disk import fill, small_disk
from support.rig.stage import DECISION_TIMEOUT_S, Staged
from support.rig.traffic import Traffic, unharmed

pytestmark = [pytest.mark.postfix, pytest.mark.mariadb]

DISK_MB = 180
MAILBOXES_MAX = 20000


@pytest.fixture
def disk(folder: Path) -> Iterator[Path]:
    """A disk on which a MariaDB has little room."""
    try:
        with small_disk(folder / "disk", DISK_MB) as disk:
            yield disk
    except PermissionError as error:
        pytest.skip(f"needs a disk of its own: {error}")


def test_disk_full(stage: Staged, disk: Path, postfix: PrivatePostfix) -> None:
    """The table of the counters can't grow any more; then there is room again."""
    with running(PrivateMariaDB(disk / "mariadb")) as server:
        store = in_mariadb(server, server.create_database("full", "full", "secret"))
        with stage(store) as scene:
            with Traffic(scene.port, scene.login) as traffic:
                ballast = fill(disk)
                others = fill_table(postfix.milter_socket, scene.daemon)
                traffic.wait_for_more()
                ballast.unlink()
                scene.daemon.wait_for_lines("store-back")

            unharmed(traffic, DECISION_TIMEOUT_S)
            store.wait_until_used(scene.login, traffic.accepted)
            store.wait_until_used("*", traffic.accepted + others)


def fill_table(socket: Path, daemon: Sendlimit) -> int:
    """Send mails of new mailboxes with long names until MariaDB fails; return how many."""
    with MilterClient(socket) as client:
        for number in range(MAILBOXES_MAX):
            if number % 50 == 0 and daemon.lines("store-down"):
                return number
            assert client.send_mail(f"{number:0240}@d{number}.example").kind == "continue"
    pytest.fail(f"{MAILBOXES_MAX} mailboxes did not fill the disk")
