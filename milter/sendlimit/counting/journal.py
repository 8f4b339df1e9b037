"""The crash journal: what was counted in memory and is not in the database yet (R11).

Files mapped into memory, so what is written outlives `kill -9` without a call to the system: two
in turn, and more of them, one after the other, while the database is away. A flush writes the number of the last record that it booked into er_committer, in its own
transaction: at the next start what comes after that number is booked, once.

A loss of power takes what the system had not written yet; in /run, all of it.

FAILURE: no space, or no access: JournalError, before anything is counted. The space is taken
when the files are made, as a write to a hole of a file on a full disk would end the process
(SIGBUS). A file system that copies on write (Btrfs, ZFS) can't promise space: there the journal
belongs in /run.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import zlib
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sendlimit.counting.journal_segment import (
    DEFINITION,
    DEFINITION_MAX,
    HEAD_BYTES,
    RECORD,
    SEGMENT_MAX,
    SHAPES_MAX,
    Head,
    added_to,
    check_word,
    file_name,
    packed_head,
    padded,
)
from sendlimit.counting.records import SenderKeys
from sendlimit.errors import JournalError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from sendlimit.counting.records import Definition, RecordKeys

SEGMENT_BYTES = SEGMENT_MAX
"""Some 400,000 decisions of mailboxes that are defined already; 16 MiB with the other segment."""
SEGMENTS_MAX = 64
"""512 MiB: an outage with 25 million decisions."""
SEGMENT_MIN = 4 * DEFINITION_MAX

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_pack_into = RECORD.pack_into


def boot_id() -> str:
    """Return the id of the system's running start; "" where the kernel does not tell."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


class Journal:
    """The journal of one process: two segments in turn, more of them while the database is away.

    room(), add(), advance() and reopen() are called under one mutex; they never raise, wait or
    log, and are told the moment.

    Args:
        folder: where the files are made; other processes' journals may lie beside them.
        token: new with every start, hexadecimal.
        lease_id: under which this process holds er_lease.
        boot: boot_id().
        segment_bytes: of each file, SEGMENT_MIN to SEGMENT_MAX.
        segments_max: how many files there may be.

    Attributes:
        number: of the last record, 0 before the first.
        is_durable: whether what is written outlives the process.
        is_full: a record had no room; none has until reopen().

    Raises:
        JournalError: the files can't be made, or have no space; none is left behind.
    """

    is_durable = True

    def __init__(  # noqa: PLR0913 - whose it is, and how large
        self,
        folder: Path,
        token: str,
        lease_id: str,
        boot: str,
        segment_bytes: int = SEGMENT_BYTES,
        *,
        segments_max: int = SEGMENTS_MAX,
    ) -> None:
        self.number = 0
        self.is_full = False
        self._folder = folder
        self._head = Head(1, token, boot, lease_id)
        self._segment_bytes = segment_bytes
        self._segments_max = segments_max
        self._booked = 0
        self._offset = 0
        self._check = 0
        self._shapes = 0
        self._use: object = None
        self._end = segment_bytes - DEFINITION_MAX - 2 * RECORD.size
        self._made = 0
        self._now = self._make()
        self._full: deque[_Segment] = deque()
        try:
            self._free = [self._make()]
        except JournalError:
            self._now.remove()
            raise
        self._begin(self._now)

    def room(self) -> bool:
        """Say whether a further record fits; asked before each add().

        Goes on in another segment when this one is full and another is free.
        """
        if self._offset <= self._end or self._switch():
            return True
        self.is_full = True
        return False

    def add(self, keys: RecordKeys, amount: int, at: int) -> None:
        """Write a record.

        Args:
            keys: the counters that are added to.
            amount: within 31 bits; negative when something is given back.
            at: seconds since 1970, within 32 bits.
        """
        if keys.use is not self._use:
            self._define(keys)
        offset = self._offset
        _pack_into(self._map, offset, amount, keys.place, at, self._check)
        self._offset = offset + 16
        self.number += 1

    def advance(self, booked: int) -> None:
        """Note up to which number the database has the records.

        Goes on in another segment when this one is half full and another is free, so that at
        least one and a half are free when an outage begins.
        """
        self._booked = booked
        if self._offset > self._end // 2:
            self._switch()

    def reopen(self) -> bool:
        """Take records again if there is room; return whether that is so.

        The caller books apart what it counted while there was none.
        """
        self.is_full = False
        return self.room()

    def keep_space(self, mutex: AbstractContextManager[object]) -> None:
        """Make a segment when one will be needed, remove those that are not needed any more.

        Called by one thread, without the mutex: it talks to the file system.

        Raises:
            JournalError: it has no space, or there are too many; the next call tries again.
        """
        with mutex:
            self._free_booked()
            unneeded, self._free = self._free[1:], self._free[:1]
            is_short = not self._free and self._offset > self._end // 2
            number = len(self._full) + 1
        for segment in unneeded:
            segment.remove()
        if not is_short:
            return
        if number >= self._segments_max:
            raise JournalError(f"{self._folder}: {number} segments of the journal are full")
        segment = self._make()
        with mutex:
            self._free.append(segment)

    def close(self) -> None:
        """Let go of the files, which stay for the next start; nothing may be added any more."""
        for segment in self._all():
            segment.map.close()

    def remove(self) -> bool:
        """Remove the files, once all is booked; nothing may be added any more.

        Returns:
            Whether none is left.
        """
        removed = [segment.remove() for segment in self._all()]
        return all(removed)

    def _all(self) -> list[_Segment]:
        return [*self._full, self._now, *self._free]

    def _make(self) -> _Segment:
        """Make a segment.

        Raises:
            JournalError: it can't be made.
        """
        path = self._folder / file_name(self._head.token, self._made)
        segment = _Segment(path, self._segment_bytes)
        self._made += 1
        return segment

    def _switch(self) -> bool:
        """Go on in a free segment; return whether there is one."""
        self._free_booked()
        if self.is_full or not self._free:
            return False
        self._now.last = self.number
        self._full.append(self._now)
        self._now = self._free.pop()
        self._begin(self._now)
        return True

    def _free_booked(self) -> None:
        while self._full and self._full[0].last <= self._booked:
            self._free.append(self._full.popleft())

    def _begin(self, segment: _Segment) -> None:
        head = self._head._replace(first=self.number + 1)
        packed = packed_head(head)
        segment.map[: len(packed)] = packed
        self._map = segment.map
        self._check = check_word(head)
        self._offset = HEAD_BYTES
        self._shapes = 0
        self._use = object()  # what was defined before is not defined in this use

    def _define(self, keys: RecordKeys) -> None:
        """Write what a record with these counters refers to, as far as this segment has it not."""
        use = self._use
        keys.use = use
        if isinstance(keys, SenderKeys):
            shape, sender = keys.shape, keys.definition
            if shape.use is not use and self._shapes < SHAPES_MAX:
                self._write(shape)
                self._shapes += 1
                shape.place = added_to(0, self._shapes)
            if shape.use is use:
                if sender.use is not use:
                    sender.place = self._write(sender)
                keys.place = sender.place | shape.place
                return
        keys.place = self._write(keys)

    def _write(self, definition: Definition) -> int:
        """Write a definition; return where it stands, as a record has it."""
        text = definition.packed()
        offset = self._offset
        begin = offset + RECORD.size
        self._map[begin : begin + len(text)] = text
        _pack_into(self._map, offset, DEFINITION, zlib.crc32(text), len(text), self._check)
        self._offset = begin + padded(len(text))
        definition.use = self._use
        return added_to(offset)


class _Segment:
    """One file with its space, locked for as long as it is mapped.

    Attributes:
        last: the number of the last record that was written before the other segment's turn.

    Raises:
        JournalError: it can't be made.
    """

    def __init__(self, path: Path, size: int) -> None:
        self.path = path
        self.last = 0
        try:
            # Not through a link, not over a file: whose it is can't be known.
            descriptor = os.open(path, _NEW, 0o600)
        except OSError as error:
            raise JournalError(f"{path}: can't be made: {error.strerror}") from error
        try:
            # The mapping keeps the file open, and so the lock, when the descriptor is closed.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.posix_fallocate(descriptor, 0, size)
            self.map = mmap.mmap(descriptor, size)
        except OSError as error:
            with suppress(OSError):
                path.unlink()
            raise JournalError(
                f"{path}: {size >> 20} MiB can't be had: {error.strerror}"
            ) from error
        finally:
            os.close(descriptor)

    def remove(self) -> bool:
        """Let go of the file and remove it; return False where the next start has to."""
        self.map.close()
        try:
            self.path.unlink()
        except OSError:
            return False
        return True
