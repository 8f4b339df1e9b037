"""The SQLite file is locked, full, gone or broken: mail flows on, no count is lost."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from support.rig.counters import in_sqlite
from support.rig.process import wait_for
from support.rig.small_disk import fill, small_disk
from support.rig.stage import Staged
from support.rig.traffic import Traffic

pytestmark = pytest.mark.postfix

LOCKED_S = 10


@pytest.fixture
def one_megabyte(folder: Path) -> Iterator[Path]:
    """A small disk."""
    try:
        with small_disk(folder / "disk", 1) as disk:
            yield disk
    except PermissionError as error:
        pytest.skip(f"needs a disk of its own: {error}")


def test_locked(stage: Staged, folder: Path) -> None:
    """Another process holds the file's write lock for ten seconds."""
    file = folder / "sendlimit.db"
    with stage(in_sqlite(file)) as scene, scene.unnoticed() as traffic:
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            end = time.monotonic() + LOCKED_S
            scene.daemon.wait_for_lines("accepted-on-failure")
            traffic.wait_for_more()
            wait_for(lambda: time.monotonic() > end, LOCKED_S + 1, "ten seconds")
        traffic.wait_for_more()


def test_disk_full(stage: Staged, one_megabyte: Path) -> None:
    """The disk is full for a while."""
    with stage(in_sqlite(one_megabyte / "sendlimit.db")) as scene, scene.unnoticed() as traffic:
        ballast = fill(one_megabyte)
        scene.daemon.wait_for_lines("store-down")
        traffic.wait_for_more()
        ballast.unlink()
        scene.daemon.wait_for_lines("store-back")


def test_file_removed(stage: Staged, folder: Path) -> None:
    """The file is removed under the daemon, which makes a new one and counts on there.

    What was counted is gone with the file; what is under way at that moment may be.
    """
    file = folder / "sendlimit.db"
    with stage(in_sqlite(file)) as scene:
        with Traffic(scene.port, scene.login) as traffic:
            traffic.wait_for_more()
            before = traffic.accepted
            for path in folder.glob("sendlimit.db*"):
                path.unlink(missing_ok=True)  # the daemon may have noticed by now
            after = traffic.accepted
            wait_for(file.exists, 20, "a new file")
            traffic.wait_for_more()

        assert traffic.errors == {}
        least, most = traffic.accepted - after - traffic.clients, traffic.accepted - before
        wait_for(
            lambda: least <= scene.store.used(scene.login) <= most + traffic.clients, 20, "count"
        )


def test_corrupt_at_start(stage: Staged, folder: Path) -> None:
    """A file that is no database: the daemon says so and accepts; with the file gone it counts."""
    file = folder / "sendlimit.db"
    file.write_bytes(b"this is no database " * 1000)
    with stage(in_sqlite(file)) as scene, scene.unnoticed() as traffic:
        (line,) = scene.daemon.lines("store-down")
        assert "file is not a database" in line
        traffic.wait_for_more()
        file.unlink()
        scene.daemon.wait_for_lines("store-back")


def test_corrupted_while_running(stage: Staged, folder: Path) -> None:
    """Overwriting the file under the daemon stops the counting, not the mail."""
    file = folder / "sendlimit.db"
    with stage(in_sqlite(file)) as scene, Traffic(scene.port, scene.login) as traffic:
        traffic.wait_for_more()
        for path in folder.glob("sendlimit.db*"):
            with path.open("r+b") as damaged:
                damaged.write(b"\xff" * path.stat().st_size)
        traffic.wait_for_more(60)

    assert traffic.errors == {}
    assert scene.daemon.process.log_text()
