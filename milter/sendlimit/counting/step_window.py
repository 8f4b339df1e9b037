"""A limit of a rolling window in memory: what the steps have used besides the running one (R19). Pure.

The running step has a counter like any period, which mail is charged to. The others are looked
at where they lie, one object a mailbox and step would be too many. What they have used may
only fall while a plan knows it: what raises it has the plans made anew (Counters.steps_raised).

Used under the ledger's mutex.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sendlimit.counting.counters import Counter, Counters, Group
    from sendlimit.rules.limit import CounterKey


class StepWindow:
    """The steps that one limit of one subject looks at.

    Args:
        counter: of the running step.
        counters: where the others are.
        look_from: from how much used on a mail needs a closer look; None: the limit is not looked
            at when mail comes.
    """

    __slots__ = ("_counters", "_others", "counter", "look_from")

    def __init__(self, counter: Counter, counters: Counters, look_from: int | None) -> None:
        self.counter = counter
        self.look_from = look_from
        self._counters = counters
        group = counter.group
        self._others: tuple[Group, ...] = tuple(
            [step for step in counters.steps(group.name, group.start) if step is not group]
        )

    def used_before(self) -> int | None:
        """Return what the other steps have used; None: that of one is not known."""
        subject, used = self.counter.subject, 0
        for group in self._others:
            if subject in group.idle:
                used += group.idle[subject]
            elif subject in group.counters:
                counter = group.counters[subject]
                if not counter.known:
                    return None
                used += counter.used
            elif not group.complete:
                return None
        return used

    def usage(self) -> dict[CounterKey, int]:
        """Return the other steps that have used anything, as far as is known."""
        subject = self.counter.subject
        return {
            group.key(subject): used
            for group in self._others
            if (used := self._counters.used_in(group, subject))
        }
