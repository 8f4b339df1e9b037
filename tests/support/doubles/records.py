"""A crash journal that survives its process, as a list."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sendlimit.errors import JournalError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from sendlimit.counting.records import RecordKeys
    from sendlimit.rules.limit import CounterKey


class Written(NamedTuple):
    """One record."""

    number: int
    keys: tuple[CounterKey, ...]
    amount: int


class ListedRecords:
    """What a journal is written like.

    Attributes:
        number: of the last record.
        records: all of them.
        full: whether there is no room.
        is_full: there was none for a record; so it stays until reopen().
        booked: up to which number the database is known to have them.
        is_durable: a list outlives a process that is simulated.
    """

    is_durable = True

    def __init__(self) -> None:
        self.number = 0
        self.records: list[Written] = []
        self.full = False
        self.is_full = False
        self.booked = 0

    def room(self) -> bool:
        """Say whether a further record fits."""
        self.is_full = self.is_full or self.full
        return not self.is_full

    def add(self, keys: RecordKeys, amount: int, _at: int) -> None:
        """Write a record."""
        assert not self.is_full, "there was no room"
        self.number += 1
        self.records.append(Written(self.number, keys.keys, amount))

    def advance(self, booked: int) -> None:
        """Note what is booked."""
        self.booked = booked

    def reopen(self) -> bool:
        """Take records again, if there is room."""
        self.is_full = self.full
        return not self.full

    def keep_space(self, mutex: AbstractContextManager[object]) -> None:
        """Get no further space.

        Raises:
            JournalError: there is none.
        """
        with mutex:
            if self.full:
                raise JournalError("no space")

    def close(self) -> None:
        """Keep the records."""

    def remove(self) -> bool:
        """Forget the records."""
        self.records.clear()
        return True

    def sums(self, after: int = 0) -> dict[CounterKey, int]:
        """Return what the records after a number add up to, without what is 0."""
        sums: dict[CounterKey, int] = {}
        for number, keys, amount in self.records:
            if number > after:
                for key in keys:
                    sums[key] = sums.get(key, 0) + amount
        return {key: amount for key, amount in sums.items() if amount}
