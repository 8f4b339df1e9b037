"""The daemon's file is written when something has changed, and often enough to be believed."""

from pathlib import Path

import pytest

from sendlimit.counting.daemon_status import WRITTEN_S, DaemonStatus, read_status
from sendlimit.counting.ledger import Ledger
from sendlimit.counting.outage import STUCK
from sendlimit.daemon.status_writer import StatusWriter
from sendlimit.errors import StoreStuck
from sendlimit.rules.counting_settings import CountingSettings
from support.command_samples import NOW
from support.counting_samples import UTC, file_rules


@pytest.fixture
def ledger() -> Ledger:
    """A ledger that decides."""
    ledger = Ledger(CountingSettings(file_rules(), UTC), 1.0)
    ledger.up = True
    ledger.lease.joined()
    ledger.outage.ended(0, 0.0, answered=False)
    return ledger


@pytest.fixture
def writer(tmp_path: Path, ledger: Ledger) -> StatusWriter:
    """A writer of a daemon that was just started."""
    writer = StatusWriter(tmp_path, ledger, NOW)
    writer.loaded("observe", NOW + 1)
    return writer


def _read(folder: Path) -> DaemonStatus:
    status = read_status(folder)
    assert status is not None
    return status


def test_contents(writer: StatusWriter, ledger: Ledger, tmp_path: Path) -> None:
    """It says since when and from which file it runs, and whether it decides."""
    writer.tick(NOW + 2, 20, 1000)

    status = _read(tmp_path)
    assert (status.at, status.since, status.loaded_at) == (NOW + 2, NOW, NOW + 1)
    assert (status.mode, status.state, status.error, status.how) == (
        "observe",
        "decides",
        "",
        "batches",
    )
    assert (status.descriptors, status.descriptors_max) == (20, 1000)

    ledger.outage.began(STUCK, StoreStuck("a lock"), 1.0)
    ledger.unbooked = 4
    writer.tick(NOW + 3, 20, 1000)

    status = _read(tmp_path)
    assert (status.state, status.error, status.unbooked) == ("stuck", "a lock", 4)


def test_waits_for_another_daemon(writer: StatusWriter, ledger: Ledger, tmp_path: Path) -> None:
    """A daemon that has no outage and may not decide says that it waits."""
    ledger.lease.taken(0.0, 1, 0)
    ledger.lease.lost()
    writer.tick(NOW, 20, 1000)

    assert _read(tmp_path).state == "waiting"


def test_when(writer: StatusWriter, tmp_path: Path) -> None:
    """Unchanged, it is written every few seconds; changed, at once; a clock set back is a change."""
    written = []
    for second, descriptors in [(0, 20), (1, 20), (2, 21), (3, 21), (2 + WRITTEN_S, 21), (1, 21)]:
        writer.tick(NOW + second, descriptors, 1000)
        written.append(_read(tmp_path).at - NOW)

    assert written == [0, 0, 2, 2, 2 + WRITTEN_S, 1]


def test_stop(writer: StatusWriter, tmp_path: Path) -> None:
    """A daemon that has ended says nothing of itself, also when it is told twice."""
    writer.tick(NOW, 20, 1000)
    writer.stop()
    writer.stop()

    assert read_status(tmp_path) is None


def test_folder_is_gone(writer: StatusWriter, tmp_path: Path) -> None:
    """A file that can't be written does not disturb the daemon."""
    tmp_path.rmdir()

    writer.tick(NOW, 20, 1000)
    writer.stop()
