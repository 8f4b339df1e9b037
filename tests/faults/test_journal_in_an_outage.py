"""An outage with more mail than two segments of the crash journal hold: it grows, or says what it can't keep."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.rig.counters import Counters
from support.rig.lone_daemon import LoneDaemon, mailbox, wait_until_counted
from support.rig.mariadb import PrivateMariaDB
from support.rig.process import running, wait_for
from support.rig.small_disk import small_disk

pytestmark = [pytest.mark.mariadb, pytest.mark.timeout(900)]

MAILS = 64_000
"""Of as many mailboxes with long names: two segments have room for some 57,600."""
_LONG = 200
WINDOWS = ("minute", "hour", "day", "month")
MANY = {f"{unit}_per_{window}": 10**6 for unit in ("messages", "recipients") for window in WINDOWS}
LIMITS = {"global": MANY, "domain": MANY, "mailbox": {"messages_per_day": 10**6}}
DEADLINE_S = 300
SETTLES_S = 120


@pytest.fixture
def disk(folder: Path) -> Iterator[Path]:
    """A disk with space for two segments and the unbooked file, and not for a third segment."""
    try:
        with small_disk(folder / "disk", 22) as disk:
            yield disk
    except PermissionError as error:
        pytest.skip(f"needs a disk of its own: {error}")


def accept_all(daemon: LoneDaemon, server: PrivateMariaDB) -> None:
    """Take the database away, and send mail until the first two segments are long full."""
    daemon.wait_for_mode("memory")
    server.kill()
    daemon.wait_for_mode("undecided")
    result = daemon.run_load(
        seconds=DEADLINE_S,
        connections=10,
        mails_per_connection=500,
        think_ms=0,
        count=MAILS,
        mailboxes=10**9,
        domains=1,
        digits=_LONG,
    )
    assert (result.accepted, result.errors, result.unfinished) == (MAILS, 0, 0)


def wait_until_booked(state_dir: Path) -> None:
    """Wait until a start has booked the journal that was left, for whose successor there was no space."""
    wait_for(lambda: not [*state_dir.glob("journal.*")], SETTLES_S, "the left journal is booked")


def test_grows(folder: Path, fragile: Counters, fragile_mariadb: PrivateMariaDB) -> None:
    """Killed in the outage: the next start books every mail, once, and two small files are left."""
    daemon = LoneDaemon(folder / "d", fragile.settings, LIMITS)
    journals = folder / "d" / "state"
    with running(daemon):
        accept_all(daemon, fragile_mariadb)
        assert len([*journals.glob("journal.*")]) > 2
        daemon.kill()
        fragile_mariadb.start()
        daemon.start()
        wait_until_counted(fragile, "*", MAILS, SETTLES_S)
        daemon.wait_for_mode("memory")
        assert fragile.used() == MAILS
        assert len([*journals.glob("journal.*")]) == 2
        assert not daemon.lines("journal-")
    assert not daemon.faults


@pytest.mark.parametrize("scope", ["global", "domain", "mailbox"])
def test_recipients_of_one_scope(
    folder: Path, fragile: Counters, fragile_mariadb: PrivateMariaDB, scope: str
) -> None:
    """Killed in an outage: what the ends of mails have added is booked, whatever it is added to."""
    daemon = LoneDaemon(folder / "d", fragile.settings, {scope: {"recipients_per_day": 10**6}})
    subject = {"global": "*", "domain": "dom000.test", "mailbox": mailbox(7)}[scope]
    with running(daemon):
        daemon.wait_for_mode("memory")
        assert daemon.passes(mailbox(7))
        fragile.wait_until_used(subject, 1, unit="recipients")
        fragile_mariadb.kill()
        daemon.wait_for_mode("undecided")
        assert daemon.send_from([mailbox(7)] * 10) == 10
        daemon.kill()
        fragile_mariadb.start()
        daemon.start()
        fragile.wait_until_used(subject, 11, unit="recipients")
        assert fragile.used() == 11
        assert not daemon.lines("journal-")
    assert not daemon.faults


def test_no_space(
    folder: Path, disk: Path, fragile: Counters, fragile_mariadb: PrivateMariaDB
) -> None:
    """Killed while the disk is full: what the log, doctor and the metrics had said is lost, and no more."""
    daemon = LoneDaemon(folder / "d", fragile.settings, LIMITS, state_dir=str(disk / "state"))
    with running(daemon):
        accept_all(daemon, fragile_mariadb)
        lines = daemon.lines("accepted-on-failure|journal-full")
        kept = len([*itertools.takewhile(lambda line: "journal-full" not in line, lines)])
        assert kept < MAILS, "nothing was said"
        assert "journal-full error=" in lines[kept]
        assert "may be lost" in daemon.command("doctor").stdout
        daemon.kill()
        fragile_mariadb.start()
        daemon.start()
        wait_until_booked(disk / "state")
        assert kept // 2 < fragile.used() < MAILS
    assert not daemon.faults


def test_no_space_and_stopped(
    folder: Path, disk: Path, fragile: Counters, fragile_mariadb: PrivateMariaDB
) -> None:
    """A clean stop writes down what the journal had no room for: the next start books every mail."""
    daemon = LoneDaemon(folder / "d", fragile.settings, LIMITS, state_dir=str(disk / "state"))
    with running(daemon):
        accept_all(daemon, fragile_mariadb)
        assert daemon.lines("journal-full")
        assert daemon.stop() == 0
        fragile_mariadb.start()
        daemon.start()
        wait_until_booked(disk / "state")
        wait_until_counted(fragile, "*", MAILS, SETTLES_S)
    assert not daemon.faults
