"""A limit of a rolling window in memory: what the steps have used besides the running one (R19). Pure.

The running step has a counter like any period, which mail is charged to. The others are looked
at where they lie, one object a mailbox and step would be too many. What they have used may
only fall while a plan knows it: what raises it has the plans made anew (Counters.steps_raised).
So in a new step a mailbox adds its own last one to what it knows, and is asked for all of them
again only where that leaves no room.

Used under the ledger's mutex.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendlimit.rules.limit import Unit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sendlimit.counting.counter import Counter, Group
    from sendlimit.counting.counters import Counters
    from sendlimit.rules.limit import CounterKey


class OtherSteps:
    """The steps of a window besides the running one; the same for all subjects.

    Args:
        groups: the counters of these steps.
        counters: where they are.
    """

    __slots__ = ("_counters", "_groups", "_with_mail")

    def __init__(self, groups: Sequence[Group], counters: Counters) -> None:
        self._groups = groups
        self._counters = counters
        # An empty step that is complete stays at 0: what raises it has the plans made anew.
        self._with_mail = [
            group for group in groups if group.idle or group.counters or not group.complete
        ]

    def used(self, subject: str) -> int | None:
        """Return what a subject has used in them; None: that of one is not known."""
        used = 0
        for group in self._with_mail:
            amount = group.idle.get(subject)
            if amount is not None:
                used += amount
            elif (counter := group.counters.get(subject)) is not None:
                if not counter.known:
                    return None
                used += counter.used
            elif not group.complete:
                return None
        return used

    def usage(self, subject: str) -> dict[CounterKey, int]:
        """Return those in which a subject has used anything, as far as is known."""
        return {
            group.key(subject): used
            for group in self._groups
            if (used := self._counters.used_in(group, subject))
        }


class StepWindow:
    """The steps that are counted of one name for one subject.

    Attributes:
        is_of_messages: whether its mail is charged to it at MAIL.

    Args:
        counter: of the running step.
        others: the other steps.
        look_from: from how much used on a mail needs a closer look; None: no limit is looked at
            when mail comes.
        is_limited: whether there is a limit.
    """

    __slots__ = ("_before", "_others", "counter", "is_limited", "is_of_messages", "look_from")

    def __init__(
        self,
        counter: Counter,
        others: OtherSteps,
        look_from: int | None,
        *,
        is_limited: bool = True,
    ) -> None:
        self.counter = counter
        self.look_from = look_from
        self.is_limited = is_limited
        self.is_of_messages = counter.group.name.unit is Unit.MESSAGES
        self._others = others
        self._before: int | None = None

    def used_before(self) -> int | None:
        """Return what the other steps have used at most; None: that of one is not known."""
        if self._before is None:
            self._before = self._others.used(self.counter.subject)
        return self._before

    def sum_anew(self) -> None:
        """Ask for the other steps again: some of what they have used may have left the window."""
        self._before = None

    def go_on(self, group: Group, others: OtherSteps, counters: Counters) -> bool:
        """Count in a later step, if it is another; nothing was charged in those between.

        Args:
            group: the counters of that step.
            others: the other steps.
            counters: where the counters are.

        Returns:
            Whether the counter is another object now.
        """
        self._others = others
        last = self.counter
        if last.group is group:
            return False
        if self._before is not None:
            self._before = self._before + max(0, last.used) if last.known else None
        self.counter = counters.later(last, group)
        return self.counter is not last

    def usage(self) -> dict[CounterKey, int]:
        """Return the other steps that have used anything, as far as is known."""
        return self._others.usage(self.counter.subject)
