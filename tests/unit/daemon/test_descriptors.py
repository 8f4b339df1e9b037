"""File descriptors: the limit is raised, and a shortage is found once."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from sendlimit.daemon import descriptors
from sendlimit.daemon.descriptors import WANTED, DescriptorWatch, open_descriptors


@pytest.mark.parametrize(
    ("soft", "hard", "expected"),
    [(256, 512, 512), (256, 100_000, WANTED), (512, 512, 512)],
    ids=["up to the hard limit", "as many as wanted", "nothing to raise"],
)
def test_raise_limit(soft: int, hard: int, expected: int) -> None:
    """The soft limit is raised as far as it may be."""
    if hard > resource.getrlimit(resource.RLIMIT_NOFILE)[1]:
        hard, expected = (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2
        expected = min(expected, WANTED)
    program = (
        "import resource; from sendlimit.daemon.descriptors import raise_limit, soft_limit;"
        f"resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}));"
        "raise_limit(); print(soft_limit())"
    )
    found = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert found.stdout.split() == [str(expected)]


def test_open_descriptors() -> None:
    """An open file is one descriptor more."""
    before = open_descriptors()
    with open("/dev/null", "rb"):  # noqa: PTH123 - any file
        assert open_descriptors() == before + 1


def test_without_proc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A system without /proc is no reason to end."""
    monkeypatch.setattr(descriptors, "_OPEN", tmp_path / "missing")

    assert open_descriptors() == 0


def test_watch() -> None:
    """A shortage is found once, and again after it was over; a number in between changes nothing."""
    watch = DescriptorWatch()

    found = [watch.runs_short(used, 100) for used in (10, 89, 90, 95, 85, 91, 79, 90)]

    assert found == [False, False, True, False, False, False, False, True]


def test_watch_without_a_limit() -> None:
    """Where there is no limit nothing runs short."""
    assert not DescriptorWatch().runs_short(10**6, resource.RLIM_INFINITY)
