"""Crash journals that earlier processes left: read, booked by the caller, removed.

A journal whose process still lives is locked and not looked at.
"""

from __future__ import annotations

import fcntl
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from sendlimit.counting.journal_segment import (
    HEAD_BYTES,
    Head,
    read_head,
    read_records,
    token_of,
)
from sendlimit.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sendlimit.counting.journal_segment import Record
    from sendlimit.rules.limit import CounterKey

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


class LeftStretch(NamedTuple):
    """Records of a left journal that are booked in one transaction.

    Attributes:
        last: the number of the last of them: what er_committer has once they are booked.
        additions: their sum by counter.
    """

    last: int
    additions: dict[CounterKey, int]


class _Segment(NamedTuple):
    head: Head | None
    path: Path


class LeftJournal:
    """The crash journal that one process left.

    Args:
        token: of the process: the row of er_committer that says what is booked.
        segments: its files.

    Attributes:
        boot_id: of the system's start that it ran in; "": not known.
        lease_id: under which it held er_lease; "": it counted nothing.
        damage: a sentence for each place where the last reading ended too early.
    """

    def __init__(self, token: str, segments: list[_Segment]) -> None:
        self.token = token
        self.damage: list[str] = []
        self._paths = [segment.path for segment in segments]
        self._begun = sorted(
            (segment.head, segment.path) for segment in segments if segment.head is not None
        )
        head = self._begun[0][0] if self._begun else Head(1, token, "", "")
        self.boot_id = head.boot_id
        self.lease_id = head.lease_id
        self._reading: Iterator[LeftStretch] = iter(())
        self._read_up_to = -1

    def next_stretch(
        self, booked: int, counters_max: int, not_before: int = 0
    ) -> LeftStretch | None:
        """Return the next stretch that is not booked; None: all is.

        Goes on where it was when the stretch before is booked, else reads from the beginning. Arguments
        as of stretches().
        """
        if booked != self._read_up_to:
            self._reading = self.stretches(booked, counters_max, not_before)
        stretch = next(self._reading, None)
        self._read_up_to = -1 if stretch is None else stretch.last
        return stretch

    def stretches(
        self, booked: int, counters_max: int, not_before: int = 0
    ) -> Iterator[LeftStretch]:
        """Yield what is not booked, in portions, in the order of the numbers.

        Args:
            booked: the number that er_committer has, 0 when it has no row.
            counters_max: how many counters end a portion.
            not_before: leave out records of earlier moments, in seconds since 1970: whether
                they are booked can't be known once `purge` has removed the row.
        """
        additions: dict[CounterKey, int] = {}
        last = booked
        for record in self._records(booked):
            if record.number <= booked or record.at < not_before:
                continue
            last = record.number
            for key in record.keys:
                additions[key] = additions.get(key, 0) + record.amount
            if len(additions) >= counters_max:
                yield _stretch(last, additions)
                additions = {}
        if additions:
            yield _stretch(last, additions)

    def remove(self) -> None:
        """Remove the files, once all is booked; where that fails the next start finds all booked."""
        for path in self._paths:
            with suppress(OSError):
                path.unlink()

    def _records(self, booked: int) -> Iterator[Record]:
        """Yield the records of all segments, one segment in memory, but for those that are booked whole."""
        self.damage.clear()
        for number, (head, path) in enumerate(self._begun):
            following = self._begun[number + 1 : number + 2]
            if following and following[0][0].first <= booked + 1:
                continue
            try:
                yield from read_records(_content(path), head)
            except (OSError, ValueError) as error:
                reason = f": {error.strerror}" if isinstance(error, OSError) else f" {error}"
                self.damage.append(f"{path}{reason}: the records from there on are not booked")


def left_journals(folder: Path, own_token: str) -> tuple[list[LeftJournal], list[str]]:
    """Find the journals of processes that have ended.

    Args:
        folder: where journals are kept.
        own_token: whose journal is left out.

    Returns:
        The journals, and a sentence for each file that is left alone: another release's, or
        not readable. Of a journal with such a file nothing is booked.

    Raises:
        JournalError: the folder can't be read.
    """
    try:
        paths = sorted(folder.iterdir())
    except FileNotFoundError:
        return [], []
    except OSError as error:
        raise JournalError(f"{folder}: {error.strerror}") from error
    found: dict[str, list[_Segment]] = {}
    left_alone: set[str] = set()
    problems: list[str] = []
    for path in paths:
        token = token_of(path.name)
        if token is None or token == own_token:
            continue
        try:
            found.setdefault(token, []).append(_read(path, token))
        except BlockingIOError:
            left_alone.add(token)
        except (OSError, ValueError) as error:
            reason = f": {error.strerror}" if isinstance(error, OSError) else f" {error}"
            problems.append(f"{path}{reason}")
            left_alone.add(token)
    journals = [
        LeftJournal(token, segments) for token, segments in found.items() if token not in left_alone
    ]
    return journals, problems


def _read(path: Path, token: str) -> _Segment:
    """Read the head of a segment.

    Raises:
        BlockingIOError: its process lives.
        OSError: it can't be read, or is a link.
        ValueError: it is no journal of this release.
    """
    head = read_head(_content(path, HEAD_BYTES))
    if head is not None and head.token != token:
        raise ValueError("is a copy of another journal: its name does not fit")
    return _Segment(head, path)


def _content(path: Path, size: int = -1) -> bytes:
    """Read a file whose process has ended; -1: all of it."""
    descriptor = os.open(path, _READ)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("is not a regular file")
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(size)
    finally:
        os.close(descriptor)


def _stretch(last: int, additions: dict[CounterKey, int]) -> LeftStretch:
    return LeftStretch(last, {key: amount for key, amount in additions.items() if amount})
