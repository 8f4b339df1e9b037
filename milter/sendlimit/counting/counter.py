"""One counter in memory, the group of those with the same name and period, a chunk of one. Pure."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from sendlimit.rules.limit import CounterKey
from sendlimit.rules.window import ROLLING_WINDOWS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sendlimit.rules.limit import LimitName


class Counter:
    """One counter, while senders have plans with it.

    Attributes:
        group: the counters of the same name and period; of a step that has ended it gives way to
            that of a later one.
        subject: whose.
        used: what decides: the database's value as known, and what this daemon has counted since.
        pending: of that, what the open stretch holds.
        known: whether the database's value is in `used`.
    """

    __slots__ = ("group", "known", "pending", "subject", "used")

    def __init__(self, group: Group, subject: str, used: int, *, known: bool) -> None:
        self.group = group
        self.subject = subject
        self.used = used
        self.pending = 0
        self.known = known

    @property
    def key(self) -> CounterKey:
        """The key of its row."""
        return self.group.key(self.subject)


class Group:
    """The counters of one name in one period.

    Attributes:
        name: scope, unit and window.
        start: of the period, seconds since 1970, UTC.
        complete: whether a counter that is not in memory is 0.
        read_up_to: the last subject that loading has read; None before the first.
        given_up: loading ended because there are too many counters.
        idle: used, by subject, of those that are known and no objects: a third of the space.
        counters: the others, by subject.
        is_step: of a rolling window.
    """

    __slots__ = (
        "complete",
        "counters",
        "given_up",
        "idle",
        "is_step",
        "name",
        "read_up_to",
        "start",
    )

    def __init__(self, name: LimitName, start: int) -> None:
        self.name = name
        self.start = start
        self.complete = False
        self.read_up_to: str | None = None
        self.given_up = False
        self.idle: dict[str, int] = {}
        self.counters: dict[str, Counter] = {}
        self.is_step = name.window in ROLLING_WINDOWS

    def key(self, subject: str) -> CounterKey:
        """Return the key of a subject's row."""
        scope, unit, window = self.name
        return CounterKey(scope, subject, unit, window, self.start)

    def rest(self, most: int | None = None) -> int:
        """Make known counters numbers again; nothing may be pending in them.

        Args:
            most: how many at most; None: all.

        Returns:
            How many.
        """
        known = {subject: counter.used for subject, counter in islice(self._known(), most)}
        self.idle.update(known)
        if len(known) == len(self.counters):
            self.counters.clear()
        else:
            for subject in known:
                del self.counters[subject]
        return len(known)

    def _known(self) -> Iterator[tuple[str, Counter]]:
        return (item for item in self.counters.items() if item[1].known)


class Loading(NamedTuple):
    """A chunk to read: the counters of a name in a period whose subject comes after one.

    Attributes:
        after: a subject, in the binary order of its UTF-8; None: from the beginning.
        lease: which lease it is for; a chunk that was asked for under another is dropped.
    """

    name: LimitName
    start: int
    after: str | None
    lease: int
