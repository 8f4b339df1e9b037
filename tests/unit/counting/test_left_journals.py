"""Journals that are torn, foreign, or not what they seem."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sendlimit.counting.journal import SEGMENT_MIN, Journal
from sendlimit.counting.journal_segment import HEAD_BYTES, MAGIC, file_name
from sendlimit.counting.left_journals import LeftJournal, left_journals
from sendlimit.counting.records import RecordKeys
from sendlimit.errors import JournalError
from sendlimit.rules.limit import LATCH
from support.counting_samples import ALICE, NOON, key_of

_TOKEN = "c0ffee"
_ALICE = (LATCH, key_of("mailbox.messages_per_day", ALICE.mailbox))
_BOB = (key_of("mailbox.messages_per_day", "bob@example.org"),)


def _write(folder: Path, token: str = _TOKEN, amount: int = 1) -> Path:
    """Leave a journal with two records; return its first file."""
    journal = Journal(folder, token, "1ea5e", "b007", SEGMENT_MIN)
    alice = RecordKeys(_ALICE)
    journal.add(alice, amount, NOON)
    journal.add(alice, amount, NOON)
    journal.close()
    return folder / file_name(token, 0)


def _left(folder: Path) -> LeftJournal:
    (left,), problems = left_journals(folder, "")
    assert not problems
    return left


def _sum(left: LeftJournal) -> int:
    return sum(additions[LATCH] for _, additions in left.stretches(0, 1000))


def _overwrite(path: Path, offset: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(content)


@pytest.mark.parametrize("written", range(16))
def test_torn_record(tmp_path: Path, written: int) -> None:
    """Of a record that was written in part nothing is read, and nothing is said."""
    path = _write(tmp_path)
    content = path.read_bytes().rstrip(b"\0")
    _overwrite(path, len(content) - 16 + written, bytes(16 - written))

    left = _left(tmp_path)

    assert _sum(left) == 1
    assert left.damage == []


@pytest.mark.parametrize("written", range(16))
def test_torn_definition(tmp_path: Path, written: int) -> None:
    """A mailbox that was being written down ends the reading: it has no record yet."""
    path = _write(tmp_path)
    before = path.read_bytes().rstrip(b"\0")
    shutil.rmtree(tmp_path)
    tmp_path.mkdir()
    journal = Journal(tmp_path, _TOKEN, "1ea5e", "b007", SEGMENT_MIN)
    alice = RecordKeys(_ALICE)
    journal.add(alice, 1, NOON)
    journal.add(alice, 1, NOON)
    journal.add(RecordKeys(_BOB), 1, NOON)
    journal.close()
    end = len(path.read_bytes().rstrip(b"\0"))
    _overwrite(path, len(before) + written, bytes(16 - written))
    _overwrite(path, end - 16, bytes(16))

    left = _left(tmp_path)

    assert list(left.stretches(0, 100)) == [(2, dict.fromkeys(_ALICE, 2))]
    assert left.damage == []


def test_torn_head(tmp_path: Path) -> None:
    """A process that ended while it began a segment had booked what was in it."""
    path = _write(tmp_path)
    _overwrite(path, 16, b"\xff")

    assert list(_left(tmp_path).stretches(0, 100)) == []


def test_never_begun(tmp_path: Path) -> None:
    """A process that ended in the middle of its start left empty files, which can go."""
    (tmp_path / file_name(_TOKEN, 0)).write_bytes(bytes(SEGMENT_MIN))
    left = _left(tmp_path)

    assert (left.lease_id, list(left.stretches(0, 100))) == ("", [])
    left.remove()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "offset",
    [
        pytest.param(HEAD_BYTES + 20, id="text of a definition"),
        pytest.param(HEAD_BYTES + 4, id="its CRC"),
        pytest.param(-12, id="a record's definition"),
    ],
)
def test_damage_is_reported(tmp_path: Path, offset: int) -> None:
    """What a loss of power left in disorder is not booked, and is named."""
    path = _write(tmp_path)
    size = len(path.read_bytes().rstrip(b"\0"))
    _overwrite(path, offset if offset > 0 else size + offset, b"\xff")

    left = _left(tmp_path)
    assert sum(additions[LATCH] for _, additions in left.stretches(0, 100)) == (offset < 0)
    (said,) = left.damage
    assert f"{path} is damaged at byte " in said


def _other_format(path: Path) -> None:
    _overwrite(path, len(MAGIC), b"\x04")


def _no_journal(path: Path) -> None:
    _overwrite(path, 0, b"#!/bin/sh")


def _short(path: Path) -> None:
    path.write_bytes(MAGIC)


def _renamed(path: Path) -> None:
    path.rename(path.with_name(file_name("badd", 0)))


def _link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_other_format, "has format 4, and this release of sendlimit reads 3: "),
        (_no_journal, "is not a journal of sendlimit"),
        (_short, "is not a journal of sendlimit"),
        (_renamed, "is a copy of another journal: its name does not fit"),
        (_link, ": Too many levels of symbolic links"),
        (_folder, "is not a regular file"),
        (_pipe, "is not a regular file"),
    ],
)
def test_left_alone(tmp_path: Path, spoil: Callable[[Path], None], said: str) -> None:
    """Another release's journal, or what is none, is reported and stays; others are read."""
    spoil(_write(tmp_path))
    _write(tmp_path, "abc", 5)
    before = sorted(tmp_path.iterdir())

    journals, problems = left_journals(tmp_path, "")

    (problem,) = problems
    assert said in problem
    assert problem.startswith(f"{tmp_path}/journal.")
    by_token = {left.token: left for left in journals}
    assert _sum(by_token["abc"]) == 10
    assert all(_sum(left) == 0 for token, left in by_token.items() if token != "abc")
    assert sorted(tmp_path.iterdir()) == before


def test_older_use_of_a_segment(tmp_path: Path) -> None:
    """What an earlier use of the segment left behind the last record is not read again."""
    journal = Journal(tmp_path, _TOKEN, "1ea5e", "b007", SEGMENT_MIN)
    alice = RecordKeys(_ALICE)
    while journal.room():
        journal.add(alice, 1, NOON)
    full = journal.number
    journal.advance(full)
    assert journal.reopen()
    journal.add(alice, 1, NOON)
    journal.close()

    assert list(_left(tmp_path).stretches(full, 100)) == [(full + 1, dict.fromkeys(_ALICE, 1))]


def test_living_process(tmp_path: Path) -> None:
    """The journal of a process that still lives is left alone."""
    journal = Journal(tmp_path, _TOKEN, "1ea5e", "b007", SEGMENT_MIN)

    assert left_journals(tmp_path, "") == ([], [])

    journal.close()
    assert _left(tmp_path).token == _TOKEN


def test_several_processes(tmp_path: Path) -> None:
    """Each process that was killed left its own, and one's own is left out."""
    _write(tmp_path, "a1", 1)
    _write(tmp_path, "b2", 10)
    _write(tmp_path, "c3", 100)
    (tmp_path / "unbooked.json").write_text("{}")

    journals, problems = left_journals(tmp_path, "b2")

    assert [(left.token, _sum(left)) for left in journals] == [("a1", 2), ("c3", 200)]
    assert problems == []


def test_no_folder(tmp_path: Path) -> None:
    """A first start finds nothing."""
    assert left_journals(tmp_path / "missing", "") == ([], [])


def test_folder_is_a_file(tmp_path: Path) -> None:
    """A folder that can't be read is an error that names it."""
    path = tmp_path / "file"
    path.touch()

    with pytest.raises(JournalError, match=rf"{path}: Not a directory"):
        left_journals(path, "")
