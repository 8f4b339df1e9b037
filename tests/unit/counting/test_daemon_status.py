"""What a daemon says of itself is read as it was written, and nothing else is taken for it."""

import json
import os
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from sendlimit.counting.daemon_status import NAME, OLD_S, read_status, remove_status, write_status
from support.daemon_status_samples import STATUS


def test_written_and_read(tmp_path: Path) -> None:
    """The last one that was written is read; removed, there is none."""
    write_status(tmp_path, STATUS)
    newer = replace(STATUS, at=STATUS.at + 5, state="stuck", error="a lock")
    write_status(tmp_path, newer)

    assert read_status(tmp_path) == newer
    assert [path.name for path in tmp_path.iterdir()] == [NAME]

    remove_status(tmp_path)
    remove_status(tmp_path)
    assert read_status(tmp_path) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        json.dumps(asdict(STATUS) | {"pid": "4711"}),
        json.dumps(asdict(STATUS) | {"at": True}),
        json.dumps(asdict(STATUS) | {"state": None}),
        "[" * 60_000,
    ],
)
def test_of_another_release(tmp_path: Path, text: str) -> None:
    """A file of other contents is none."""
    (tmp_path / NAME).write_text(text)

    assert read_status(tmp_path) is None


def test_further_keys(tmp_path: Path) -> None:
    """What a later release adds is no hindrance."""
    (tmp_path / NAME).write_text(json.dumps(asdict(STATUS) | {"colour": "green"}))

    assert read_status(tmp_path) == STATUS


def test_link(tmp_path: Path) -> None:
    """No link is followed: the folder is not root's."""
    (tmp_path / "other").write_text(json.dumps(asdict(STATUS)))
    (tmp_path / NAME).symlink_to(tmp_path / "other")

    with pytest.raises(OSError, match="symbolic links"):
        read_status(tmp_path)


def test_pipe(tmp_path: Path) -> None:
    """A pipe in its place does not hold the reader up."""
    os.mkfifo(tmp_path / NAME)

    assert read_status(tmp_path) is None


@pytest.mark.parametrize(
    ("age", "is_old"), [(0, False), (OLD_S, False), (OLD_S + 1, True), (-OLD_S - 1, True)]
)
def test_old(age: int, *, is_old: bool) -> None:
    """A status is old when a daemon that works would have written another; so is one of the future."""
    assert STATUS.is_old(STATUS.at + age) is is_old


def test_decides() -> None:
    """Only one word says that it decides."""
    assert STATUS.decides
    assert not replace(STATUS, state="loading").decides
