"""What is counted and not yet in the database, by stretch of the journal. Pure.

A flush books one stretch whole and writes the number of its last record, in one transaction:
so the records up to that number are in, and no others. A stretch that is not in stays first.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sendlimit.counting.counter import Counter
    from sendlimit.rules.limit import CounterKey, LimitName

CLOSE_AT = 2_000
"""Counters of one stretch: a flush of that many takes MariaDB some 20 ms."""


class Stretch(NamedTuple):
    """Additions to book together.

    Attributes:
        sums: by counter; what sums up to nothing is left out.
        last: number of the last record in the journal that they hold.
        bookings: how many mails in them were accepted undecided.
        is_recorded: whether the journal has them, all of them.
        expected: what the database should have once they are in, of counters that are known.
    """

    sums: dict[CounterKey, int]
    last: int
    bookings: int = 0
    is_recorded: bool = True
    expected: Mapping[CounterKey, int] = {}


NOTHING = Stretch({}, 0)


class Stretches:
    """From the open stretch, which counting adds to, to the one that a transaction carries.

    Used under the ledger's mutex. Every method that closes the open stretch is given the number
    of the journal's last record.

    Attributes:
        touched: counters in memory with an amount for the open stretch in `pending`; one may
            be in it twice. Written by counting, which calls close() at CLOSE_AT.
        in_flight: what a transaction carries whose outcome is not known yet.
        bookings: mails in the open stretch that were accepted undecided; counted by the caller.
        is_recorded: whether the journal has what is in the open stretch; changed by begin().
    """

    def __init__(self, *, is_recorded: bool = True) -> None:
        self.is_recorded = is_recorded
        self.touched: list[Counter] = []
        self.in_flight: Stretch | None = None
        self.bookings = 0
        self._by_key: dict[CounterKey, int] = {}
        self._closed: deque[Stretch] = deque()

    def add(self, key: CounterKey, amount: int) -> None:
        """Add to a counter that is not in memory."""
        self._by_key[key] = self._by_key.get(key, 0) + amount

    def close(self, last: int) -> None:
        """End the open stretch; a small one is joined to the one before."""
        sums, expected = self._by_key, {}
        for counter in self.touched:
            if counter.pending:
                key = counter.key
                sums[key] = sums.get(key, 0) + counter.pending
                counter.pending = 0
                if counter.known:
                    expected[key] = counter.used
        self.touched.clear()  # the memory keeps a reference to this list
        self._by_key = {}
        bookings, self.bookings = self.bookings, 0
        if not sums and not bookings:
            return
        if self._closed and self._may_join(self._closed[-1], len(sums)):
            before = self._closed.pop()
            sums = _sum(before.sums, sums)
            expected = {**before.expected, **expected}
            bookings += before.bookings
        self._closed.append(Stretch(sums, last, bookings, self.is_recorded, expected))

    def expect_nothing(self) -> None:
        """Have memory follow all that is pending: the database has, or memory knows, something else."""
        self._closed = deque([stretch._replace(expected={}) for stretch in self._closed])
        if self.in_flight is not None:
            self.in_flight = self.in_flight._replace(expected={})

    def _may_join(self, before: Stretch, more: int) -> bool:
        return before.is_recorded is self.is_recorded and len(before.sums) + more <= CLOSE_AT

    def begin(self, last: int, *, is_recorded: bool) -> None:
        """End the open stretch: what is added from now on is in the journal, or is not."""
        self.close(last)
        self.is_recorded = is_recorded

    def take(self, last: int) -> Stretch:
        """Return the oldest stretch for a transaction, with nothing in it when all is booked.

        It is in flight until booked() or give_back().
        """
        self.close(last)
        self.in_flight = self._closed.popleft() if self._closed else Stretch({}, last)
        return self.in_flight

    def booked(self) -> None:
        """Note that the stretch in flight is in the database."""
        self.in_flight = None

    def give_back(self) -> None:
        """Note that the stretch in flight is not in, and never will be by that transaction."""
        if self.in_flight is not None and (self.in_flight.sums or self.in_flight.bookings):
            self._closed.appendleft(self.in_flight)
        self.in_flight = None

    @property
    def more_than_one(self) -> bool:
        """Whether one transaction can't carry all that is pending."""
        return len(self._closed) + self.is_open > 1

    @property
    def is_open(self) -> bool:
        """Whether anything was added since the last stretch was closed."""
        return bool(self.touched or self._by_key or self.bookings)

    @property
    def is_all_recorded(self) -> bool:
        """Whether the journal has all that is pending."""
        pending = (*self._closed, *(() if self.in_flight is None else (self.in_flight,)))
        return self.is_recorded and all(stretch.is_recorded for stretch in pending)

    def __bool__(self) -> bool:
        """Say whether anything waits for a transaction."""
        return bool(self._closed or self.is_open)

    def since(self, key: CounterKey) -> int:
        """Return what came for a counter after the stretch in flight; not what is in touched."""
        total = self._by_key.get(key, 0)
        for stretch in self._closed:
            total += stretch.sums.get(key, 0)
        return total

    def pending(self, key: CounterKey) -> int:
        """Return what is pending for a counter, in flight too; not what is in touched."""
        flight = self.in_flight.sums.get(key, 0) if self.in_flight is not None else 0
        return self.since(key) + flight

    def subjects(self, name: LimitName, start: int) -> set[str]:
        """Return whose counters of a name and period have anything pending; not what is in touched."""
        flight = self.in_flight.sums if self.in_flight is not None else {}
        return {
            key.subject
            for sums in (self._by_key, flight, *(stretch.sums for stretch in self._closed))
            for key in sums
            if key.period_start == start and (key.scope, key.unit, key.window) == name
        }

    def all(self, last: int) -> tuple[Stretch, ...]:
        """Return all but the one in flight, the oldest first."""
        self.close(last)
        return tuple(self._closed)


def _sum(first: dict[CounterKey, int], then: dict[CounterKey, int]) -> dict[CounterKey, int]:
    for key, amount in then.items():
        first[key] = first.get(key, 0) + amount
    return first
