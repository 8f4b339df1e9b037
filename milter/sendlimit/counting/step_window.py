"""A limit of a rolling window in memory: what the steps have used besides the running one (R19). Pure.

The running step has a counter like any period, which mail is charged to. The others are looked
at where they lie, one object a mailbox and step would be too many. What they have used may
only fall while a plan knows it: what raises it has the plans made anew (Counters.steps_raised).

Used under the ledger's mutex.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    """The steps that one limit of one subject looks at.

    Args:
        counter: of the running step.
        others: the other steps.
        look_from: from how much used on a mail needs a closer look; None: the limit is not looked
            at when mail comes.
    """

    __slots__ = ("_before", "_others", "counter", "look_from")

    def __init__(self, counter: Counter, others: OtherSteps, look_from: int | None) -> None:
        self.counter = counter
        self.look_from = look_from
        self._others = others
        self._before: int | None = None

    def used_before(self) -> int | None:
        """Return what the other steps have used at most; None: that of one is not known."""
        if self._before is None:
            self._before = self._others.used(self.counter.subject)
        return self._before

    def usage(self) -> dict[CounterKey, int]:
        """Return the other steps that have used anything, as far as is known."""
        return self._others.usage(self.counter.subject)
