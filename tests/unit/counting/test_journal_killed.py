"""A process that is killed while it writes its crash journal, and a disk that is full."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sendlimit.counting.journal import SEGMENT_BYTES, Journal
from sendlimit.counting.left_journals import left_journals
from sendlimit.errors import JournalError
from support import journal_writer
from support.journal_writer import PROGRESS, amount_of, keys_of
from support.rig.process import wait_for
from support.rig.small_disk import fill, small_disk

if TYPE_CHECKING:
    from sendlimit.rules.limit import CounterKey

# A segment holds some 11,700 records here; the two change every 6,000.
_MOMENTS = (1, 150, 2_000, 5_900, 6_000, 11_700, 12_000, 17_900, 30_000, 60_000)


def _progress(said: Path) -> tuple[int, int]:
    """Return the last record that was written and the last that was booked, as last said."""
    content = said.read_bytes() if said.exists() else b""
    written, booked = PROGRESS.unpack(content) if len(content) == PROGRESS.size else (0, 0)
    return written, booked


@pytest.mark.parametrize("least", _MOMENTS)
def test_killed(tmp_path: Path, least: int) -> None:
    """At any moment of kill -9: all that was written for sure is read once, and at most one more."""
    folder = tmp_path / "journal"
    folder.mkdir()
    said = tmp_path / "said"
    process = subprocess.Popen([sys.executable, journal_writer.__file__, folder, said])
    try:
        wait_for(lambda: _progress(said)[0] >= least, 60, f"{least} records")
    finally:
        process.kill()
        process.wait()

    (left,), problems = left_journals(folder, "")
    written, booked = _progress(said)
    stretches = list(left.stretches(booked, 20))

    assert (problems, left.damage) == ([], [])
    last = stretches[-1][0]
    assert last in {written, written + 1}
    found: Counter[CounterKey] = Counter()
    for _, additions in stretches:
        found.update(additions)
    expected: Counter[CounterKey] = Counter()
    for number in range(booked + 1, last + 1):
        expected.update(dict.fromkeys(keys_of(number), amount_of(number)))
    assert {k: n for k, n in found.items() if n} == {k: n for k, n in expected.items() if n}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MB."""
    try:
        with small_disk(tmp_path / "disk", 1) as disk:
            yield disk
    except PermissionError as error:
        pytest.skip(f"needs a disk of its own: {error}")


@pytest.mark.parametrize(
    "size", [pytest.param(SEGMENT_BYTES, id="first"), pytest.param(768 << 10, id="second")]
)
def test_no_space(disk: Path, size: int) -> None:
    """Where either file has no space there is an error at once, and no file is left behind."""
    with pytest.raises(JournalError, match=r"MiB can't be had: No space left on device"):
        Journal(disk, "c0ffee", "1ea5e", "", size)

    assert list(disk.iterdir()) == []


def test_disk_full_later(disk: Path, tmp_path: Path) -> None:
    """A disk that fills up behind the start does not matter: the space was taken."""
    said = tmp_path / "said"
    writer = [sys.executable, journal_writer.__file__, str(disk), str(said), "full"]
    with subprocess.Popen(writer, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        wait_for(said.exists, 60, "the files")
        fill(disk)
        process.stdin.close()
        assert process.wait(60) == 0

    (left,), _ = left_journals(disk, "")
    *_, stretch = left.stretches(0, 1_000_000)
    assert stretch[0] == _progress(said)[0] > 20_000
