"""A process that writes a crash journal until it is killed, and says what it has written.

Usage: journal_writer.py FOLDER PROGRESS [full]: it goes on for ever, and books as it goes. With
"full" it waits for the end of its input first, books nothing, and ends when both segments are full.
"""

import os
import struct
import sys
from itertools import cycle
from pathlib import Path

from sendlimit.counting.journal import SEGMENT_MIN, Journal
from sendlimit.counting.records import RecordKeys
from sendlimit.rules.limit import LATCH, CounterKey, Scope, Unit
from sendlimit.rules.window import Window

TOKEN = "c0ffee"
COUNTERS = 97
"""Records go round these mailboxes."""
LAG = 500
"""So many records are not booked yet."""
PROGRESS = struct.Struct("<QQ")
"""The last record that was written for sure, the last that was booked."""

AT = 1_795_000_000


def keys_of(number: int) -> tuple[CounterKey, ...]:
    """Return the counters of a record."""
    mailbox = f"user{number % COUNTERS}@example.org"
    return (LATCH, CounterKey(Scope.MAILBOX, mailbox, Unit.MESSAGES, Window.DAY, AT))


def amount_of(number: int) -> int:
    """Return the amount of a record."""
    return number % 7 - 2


def write(folder: Path, progress: Path, *, until_full: bool) -> None:
    """Write records."""
    journal = Journal(folder, TOKEN, "1ea5e", "", SEGMENT_MIN)
    numbers = cycle(range(COUNTERS))
    next(numbers)  # the first record has number 1
    keys = [RecordKeys(keys_of(number)) for number in range(COUNTERS)]
    said = os.open(progress, os.O_WRONLY | os.O_CREAT, 0o600)
    booked = 0
    if until_full:
        sys.stdin.read()
    while journal.room():
        number = journal.number + 1
        journal.add(keys[next(numbers)], amount_of(number), AT)
        os.pwrite(said, PROGRESS.pack(number, booked), 0)
        if not until_full and number - booked > 2 * LAG:
            booked = number - LAG
            os.pwrite(said, PROGRESS.pack(number, booked), 0)
            journal.advance(booked)


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]), until_full=len(sys.argv) > 3)
