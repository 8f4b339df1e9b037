"""What counting needs of a crash journal, and what stands in the place of one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Protocol

from sendlimit.counting.journal_segment import packed_keys, packed_sender, packed_shape
from sendlimit.rules.limit import Charge, Scope, subject_of

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from sendlimit.rules.limit import CounterKey
    from sendlimit.rules.mailbox import Sender


class Definition(ABC):
    """What the journal writes once a segment, and notes here where. Used under the journal's mutex.

    Attributes:
        use: the use of a segment that has it.
        place: its part of what a record is added to: where it stands, or the number of a shape.
    """

    __slots__ = ("place", "use")

    def __init__(self) -> None:
        self.use: object = None
        self.place = 0

    @abstractmethod
    def packed(self) -> bytes:
        """Return it as the journal has it."""


class Shape(Definition):
    """The counters of one mailbox, of which others have the same but for their subjects.

    Args:
        keys: the counters.
    """

    __slots__ = ("_keys",)

    def __init__(self, keys: tuple[CounterKey, ...]) -> None:
        super().__init__()
        self._keys = keys

    def keys_of(self, sender: Sender) -> tuple[CounterKey, ...]:
        """Return the counters that a sender has by this shape."""
        return tuple(
            [
                key if key.scope is Scope.GLOBAL else key._replace(subject=subject)
                for key in self._keys
                if (subject := subject_of(key.scope, sender)) is not None
            ]
        )

    def packed(self) -> bytes:
        """Return it as the journal has it."""
        return packed_shape(self._keys)


class SenderDefinition(Definition):
    """A sender; belongs to its plan.

    Attributes:
        sender: who.
    """

    __slots__ = ("sender",)

    def __init__(self, sender: Sender) -> None:
        super().__init__()
        self.sender = sender

    def packed(self) -> bytes:
        """Return it as the journal has it."""
        return packed_sender(*self.sender)


class RecordKeys(Definition):
    """Counters that the same amount is added to, as a definition of their own.

    Args:
        keys: the counters, at most one of each limit's name and the latch.

    """

    __slots__ = ("_keys",)

    def __init__(self, keys: tuple[CounterKey, ...] = ()) -> None:
        super().__init__()
        self._keys = keys

    @property
    def keys(self) -> tuple[CounterKey, ...]:
        """The counters."""
        return self._keys

    def packed(self) -> bytes:
        """Return them as the journal has them."""
        return packed_keys(self.keys)

    def charges(self, amount: int) -> tuple[Charge, ...]:
        """Return this amount for each."""
        return tuple([Charge(key, amount) for key in self.keys])


class SenderKeys(RecordKeys):
    """Counters of one sender in memory; their keys are seldom asked for.

    Attributes:
        definition: whose.
        shape: of its counters.
    """

    __slots__ = ("definition", "shape")

    def __init__(self, definition: SenderDefinition, shape: Shape) -> None:
        super().__init__()
        self.definition = definition
        self.shape = shape

    @property
    def keys(self) -> tuple[CounterKey, ...]:
        """The counters."""
        return self.shape.keys_of(self.definition.sender)


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
