"""What one sender's mails are looked at and charged to in memory, bound to counters once. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from sendlimit.counting.records import SenderDefinition
from sendlimit.counting.reservation import Reservation
from sendlimit.rules.limit import (
    EXTERNAL,
    RECIPIENTS_PER_MESSAGE,
    SUSPENSION,
    Charge,
    CounterKey,
    Scope,
    Unit,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sendlimit.counting.counter import Counter
    from sendlimit.counting.counters import Counters
    from sendlimit.counting.plan_maker import PlanMaker
    from sendlimit.counting.records import RecordKeys, SenderKeys
    from sendlimit.counting.reservation import EndLimit
    from sendlimit.counting.step_window import StepWindow
    from sendlimit.rules.decision import Request
    from sendlimit.rules.mailbox import Sender
    from sendlimit.rules.plan import Plan


class SenderPlan:
    """One sender's plan; the same for every mail of a period, and going on from step to step (R19).

    Used under the ledger's mutex, until plans or counters are forgotten.

    Args:
        sender: whose mail.
        maker: made it.
        bound: the counters, without those of rolling windows.

    Attributes:
        since, until: the moments that it holds for, since <= at < until. It is ended early by until = 0.
        periods: the running ones of its counters, without the steps of rolling windows.
        messages: what a mail is charged to at MAIL, with the latch.
        at_end: what its recipients, and external mail, are charged to at the end.
        checked: of messages, those with a limit, and from how much used on each needs a closer look.
        limited: all counters with a limit; of a rolling window that of the running step.
        rolling: the windows of these that have further steps (R19).
        ends: the limits that are looked at when a mail ends, without those of rolling windows.
        knows: whether all that a decision depends on was found to be in memory.
        quick: whether a mail below `checked` may be granted without a closer look.
        reservation: of a mail that was granted without a closer look, where nothing is in `ends`.
    """

    __slots__ = (
        "_bound",
        "_definition",
        "_ends_are_known",
        "_granted",
        "_has_steps_at_end",
        "_maker",
        "_may_be_quick",
        "_own_limited",
        "_own_steps",
        "_plan",
        "_sender",
        "_shared_steps",
        "at_end",
        "checked",
        "ends",
        "knows",
        "limited",
        "message_keys",
        "messages",
        "periods",
        "quick",
        "reservation",
        "rolling",
        "since",
        "until",
    )

    def __init__(self, sender: Sender, maker: PlanMaker, bound: Bound) -> None:
        self.periods = maker.periods
        self.ends = bound.ends
        self._bound = bound
        self._shared_steps = maker.shared_steps(sender)
        self._own_steps = maker.own_steps(sender)
        self._ends_are_known = True
        self._sender = sender
        self._definition = SenderDefinition(sender)
        self._maker = maker
        self._plan: Plan | None = None
        granted = maker.granted
        per_message = maker.limit(RECIPIENTS_PER_MESSAGE, sender)
        if per_message is not None and self.plan.per_message is not None:
            granted = replace(granted, recipient_usage=(self.plan.per_message,))
        self._granted = granted
        self._may_be_quick = (per_message is None or per_message.max > 0) and maker.limit(
            SUSPENSION, sender
        ) is None
        self._join(maker)
        self._begin(maker, maker.keys(self.messages, self._definition))

    def go_on(self, maker: PlanMaker) -> None:
        """Count in the steps that the maker knows of; the other counters stay."""
        shared, before = maker.shared_steps(self._sender), self._shared_steps
        self._shared_steps = shared
        is_other = shared.messages != before.messages or shared.at_end != before.at_end
        if maker.follows(self._maker):
            is_other |= maker.go_on(self._own_steps)
        else:
            self._own_steps = maker.own_steps(self._sender)
            is_other = True
        if is_other or self._has_steps_at_end:
            self._join(maker)
        self._begin(maker, maker.later_keys(self.message_keys, self.messages))

    def _join(self, maker: PlanMaker) -> None:
        """Take the counters of the periods and those of the running steps together."""
        bound, shared, own = self._bound, self._shared_steps, self._own_steps
        of_messages = [step.counter for step in own if step.is_of_messages]
        steps_at_end = (*shared.at_end, *[one.counter for one in own if not one.is_of_messages])
        at_end = bound.at_end + steps_at_end
        self._has_steps_at_end = bool(steps_at_end)
        self._own_limited = tuple([step for step in own if step.is_limited])
        self.messages = (*bound.messages, *shared.messages, *of_messages, maker.latch)
        self.at_end = _by_unit(at_end, self._definition, maker) if at_end else ()
        of_steps = [step.counter for step in self._own_limited]
        self.limited = (*bound.limited, *shared.limited, *of_steps)

    def _begin(self, maker: PlanMaker, message_keys: SenderKeys) -> None:
        """Hold for the moments of a maker."""
        self.since = maker.since
        self.until = maker.until
        self.checked = self._bound.checked
        self.rolling = self._shared_steps.rolling + self._own_limited
        self.knows = self.quick = False
        self.message_keys = message_keys
        self.reservation = Reservation(self._sender, maker.since, self._granted, keys=message_keys)
        self._maker = maker
        self._plan = None

    @property
    def charges(self) -> tuple[Charge, ...]:
        """What a mail is charged at MAIL."""
        return self.message_keys.charges(1)

    @property
    def plan(self) -> Plan:
        """What the rules look at when they decide."""
        if self._plan is None:
            self._plan = self._maker.plan_of(self._sender)
        return self._plan

    def retire(self, counters: Counters) -> None:
        """Let go of the counters that no other sender has."""
        for group in (self.messages, *(charged.counters for charged in self.at_end)):
            for counter in group:
                if counter.group.name.scope is Scope.MAILBOX:
                    counters.rest(counter)

    def sum_anew(self, counter: Counter) -> None:
        """Ask for the other steps again with the next mail, if this is the running one of a window (R19)."""
        for window in self.rolling:
            if window.counter is counter:
                window.sum_anew()
                self.knows = False

    def is_known(self) -> bool:
        """Say whether all that a decision depends on is in memory; notes it, and whether it may be quick."""
        for counter in self.limited:
            if not counter.known:
                return False
        if self.rolling and not self._knows_steps():
            return False
        self.knows = True
        self.quick = (
            self._may_be_quick
            and self._ends_are_known
            and not (self.rolling and self._maker.is_late)
        )
        return True

    def reserved(self, at: int) -> Reservation | None:
        """Return the reservation of a mail below `checked`; None: it needs a closer look.

        It tells what is used of the limits that are looked at when the mail ends (R9).
        """
        ends = []
        for end in self.ends:
            used = max(0, end.counter.used)
            if used >= end.limit.max and end.limit.name.unit not in EXTERNAL:
                return None
            ends.append((end, used))
        return Reservation(
            self._sender, at, self._granted, keys=self.message_keys, ends=tuple(ends)
        )

    def ends_quickly(self, request: Request) -> bool:
        """Say whether the end of a mail passes no limit, and none is to be told of."""
        for limit, counter, _, _, most in self.ends:
            amount = request.amount(limit.name.unit)
            # What was given back after a reset is below 0 for a moment, and counts as 0.
            if amount and (counter.used + amount > most or amount > most):
                return False
        return self._ends_are_known

    def _knows_steps(self) -> bool:
        """Say whether all steps of rolling windows are known; notes what they leave of the limits."""
        checked = [*self._bound.checked]
        ends_are_known = True
        for window in self.rolling:
            used = window.used_before()
            if used is None:
                return False
            if window.look_from is None:
                ends_are_known = False
            else:
                checked.append((window.counter, window.look_from - used))
        self.checked = tuple(checked)
        self._ends_are_known = ends_are_known
        return True

    def usage(self) -> dict[CounterKey, int]:
        """Return the counters with a limit."""
        usage = {counter.key: counter.used for counter in self.limited}
        for window in self.rolling:
            usage |= window.usage()
        return usage


class ChargedAtEnd(NamedTuple):
    """Counters that the same amount is added to at the end of a mail."""

    unit: Unit
    counters: tuple[Counter, ...]
    keys: RecordKeys


class Bound(NamedTuple):
    """Counters of several names, by what is done with them; as in SenderPlan."""

    messages: tuple[Counter, ...] = ()
    at_end: tuple[Counter, ...] = ()
    checked: tuple[tuple[Counter, int], ...] = ()
    limited: tuple[Counter, ...] = ()
    rolling: tuple[StepWindow, ...] = ()
    ends: tuple[EndLimit, ...] = ()

    def joined(self, other: Bound) -> Bound:
        """Return both."""
        return Bound(
            self.messages + other.messages,
            self.at_end + other.at_end,
            self.checked + other.checked,
            self.limited + other.limited,
            self.rolling + other.rolling,
            self.ends + other.ends,
        )


def _by_unit(
    at_end: Iterable[Counter], definition: SenderDefinition, maker: PlanMaker
) -> tuple[ChargedAtEnd, ...]:
    by_unit: dict[Unit, list[Counter]] = {}
    for counter in at_end:
        by_unit.setdefault(counter.group.name.unit, []).append(counter)
    return tuple(
        [
            ChargedAtEnd(unit, (charged := tuple(counters)), maker.keys(charged, definition))
            for unit, counters in by_unit.items()
        ]
    )
