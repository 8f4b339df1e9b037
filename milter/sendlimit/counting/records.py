"""What counting needs of a crash journal, and what stands in the place of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from sendlimit.counting.journal_segment import packed_keys, packed_shape, packed_subjects
from sendlimit.rules.limit import Charge

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from sendlimit.counting.counter import Counter
    from sendlimit.rules.limit import CounterKey
    from sendlimit.rules.mailbox import Sender


class RecordKeys:
    """Counters that the same amount is added to; belongs to what charges them, such as a plan.

    The journal writes them once a segment and notes here where. Used under the journal's mutex.

    Args:
        keys: the counters, at most one of each limit's name and the latch.

    Attributes:
        shape: what is written before, once a segment; None: nothing.
    """

    __slots__ = ("_keys", "position", "shape", "use")

    def __init__(self, keys: tuple[CounterKey, ...] = (), shape: Shape | None = None) -> None:
        self._keys = keys
        self.shape = shape
        self.use: object = None
        self.position = 0

    @property
    def keys(self) -> tuple[CounterKey, ...]:
        """The counters."""
        return self._keys

    def packed(self) -> bytes:
        """Return them as the journal has them."""
        return packed_keys(self._keys)

    def charges(self, amount: int) -> tuple[Charge, ...]:
        """Return this amount for each."""
        return tuple([Charge(key, amount) for key in self.keys])


class Shape(RecordKeys):
    """The counters of one mailbox, of which others have the same but for their subjects."""

    __slots__ = ()

    def packed(self) -> bytes:
        """Return the shape as the journal has it."""
        return packed_shape(self._keys)


class SenderKeys(RecordKeys):
    """Counters of one sender in memory; their keys are seldom asked for.

    Args:
        counters: those of its mailbox, its domain and the server.
        sender: whose.
        shape: of these counters.
    """

    __slots__ = ("_counters", "_sender")

    def __init__(self, counters: tuple[Counter, ...], sender: Sender, shape: Shape) -> None:
        super().__init__((), shape)
        self._counters = counters
        self._sender = sender

    @property
    def keys(self) -> tuple[CounterKey, ...]:
        """The counters."""
        return tuple([counter.key for counter in self._counters])

    def packed(self) -> bytes:
        """Return them as the journal has them, behind their shape."""
        position = 0 if self.shape is None else self.shape.position
        return packed_subjects(position, *self._sender)


class Records(Protocol):
    """A journal, or what stands in its place.

    Attributes:
        number: of the last record.
        is_durable: whether what is written outlives the process.
        is_full: a record had no room; none has until reopen().
    """

    number: int
    is_durable: bool
    is_full: bool

    def room(self) -> bool:
        """Say whether a further record fits."""

    def add(self, keys: RecordKeys, amount: int, at: int) -> None:
        """Write a record."""

    def advance(self, booked: int) -> None:
        """Note up to which number the database has the records."""

    def reopen(self) -> bool:
        """Take records again if there is room; return whether that is so."""

    def keep_space(self, mutex: AbstractContextManager[object]) -> None:
        """Make room that will be needed; called without the mutex.

        Raises:
            JournalError: there is no space.
        """

    def close(self) -> None:
        """Leave it for the next start."""

    def remove(self) -> bool:
        """Remove it, once all is booked; return whether nothing is left."""


class NoJournal:
    """In the place of a journal that can't be had: what is not booked ends with the process.

    Attributes:
        number: of the last record.
        is_durable: no.
        is_full: never.
    """

    is_durable = False
    is_full = False

    def __init__(self) -> None:
        self.number = 0

    def room(self) -> bool:
        """Say yes."""
        return True

    def add(self, keys: RecordKeys, amount: int, at: int) -> None:
        """Count a record."""
        del keys, amount, at
        self.number += 1

    def advance(self, booked: int) -> None:
        """Do nothing."""

    def reopen(self) -> bool:
        """Say yes."""
        return True

    def keep_space(self, mutex: AbstractContextManager[object]) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""

    def remove(self) -> bool:
        """Say that nothing is left."""
        return True
