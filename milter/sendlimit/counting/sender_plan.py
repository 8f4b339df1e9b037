"""What one sender's mails are looked at and charged to in memory, bound to counters once. Pure.

The counters that a domain's senders share are bound once for all of them, so that the first mail
of a mailbox costs little more than the next.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from sendlimit.counting.records import RecordKeys
from sendlimit.counting.step_window import StepWindow
from sendlimit.rules.decision import Decision
from sendlimit.rules.limit import (
    EVERYONE,
    EXTERNAL,
    LATCH,
    RECIPIENTS_PER_MESSAGE,
    SUSPENSION,
    Charge,
    CounterKey,
    LimitName,
    Scope,
    Unit,
    subject_of,
)
from sendlimit.rules.mailbox import Sender
from sendlimit.rules.plan import make_plan
from sendlimit.rules.window import ROLLING_WINDOWS, Window

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sendlimit.counting.counters import Counter, Counters
    from sendlimit.rules.limit import Limit
    from sendlimit.rules.plan import Plan, Plans

RETIRED = -1
"""The generation of a plan that is not kept any more."""


class Reservation:
    """A mail that was let through at MAIL: what is given back when the mail ends in any other way than being sent.

    Never changed: mails that were charged by the same plan share one.

    Attributes:
        sender: whose mail.
        at: the moment of MAIL, or the first that the plan holds for; a booking goes to this period.
        decision: None when nothing could be decided in time.
        plan: what it was charged by in memory; None: by a batch, or not at all.
    """

    __slots__ = ("_charges", "at", "decision", "plan", "sender")

    def __init__(
        self,
        sender: Sender,
        at: int,
        decision: Decision | None,
        charges: tuple[Charge, ...] = (),
        plan: SenderPlan | None = None,
    ) -> None:
        self.sender = sender
        self.at = at
        self.decision = decision
        self.plan = plan
        self._charges = charges

    @property
    def charges(self) -> tuple[Charge, ...]:
        """What is reserved."""
        return self._charges if self.plan is None else self.plan.charges


class SenderPlan:
    """One sender's plan; the same for every mail of a period.

    Used under the ledger's mutex, until plans or counters are forgotten.

    Args:
        sender: whose mail.
        maker: made it.
        bound: the counters.

    Attributes:
        since, until: the moments that it holds for, since <= at < until.
        generation: of the counters.
        messages: what a mail is charged to at MAIL, with the latch.
        at_end: what its recipients, and external mail, are charged to at the end.
        checked: of messages, those with a limit, and from how much used on each needs a closer look.
        limited: all counters with a limit; of a rolling window that of the running step.
        rolling: the windows of these that have further steps (R19).
        quick: whether a mail below `checked` may be granted without a closer look.
        reservation: of a mail that was granted without a closer look.
    """

    __slots__ = (
        "_checked",
        "_maker",
        "_may_be_quick",
        "_plan",
        "_sender",
        "at_end",
        "checked",
        "generation",
        "limited",
        "message_keys",
        "messages",
        "quick",
        "reservation",
        "rolling",
        "since",
        "until",
    )

    def __init__(self, sender: Sender, maker: PlanMaker, bound: Bound) -> None:
        self.since = maker.since
        self.until = maker.until
        self.generation = maker.generation
        self.messages = (*bound.messages, maker.latch)
        self.at_end = _by_unit(bound) if bound.at_end else ()
        self.checked = self._checked = bound.checked
        self.limited = bound.limited
        self.rolling = bound.rolling
        self.message_keys = RecordKeys((*bound.message_keys, LATCH))
        self.quick = False
        self._maker = maker
        self._plan: Plan | None = None
        self._sender = sender
        granted = maker.granted
        per_message = maker.limit(RECIPIENTS_PER_MESSAGE, sender)
        if per_message is not None and self.plan.per_message is not None:
            granted = replace(granted, recipient_usage=(self.plan.per_message,))
        self._may_be_quick = (
            not maker.charges_at_end
            and (per_message is None or per_message.max > 0)
            and maker.limit(SUSPENSION, sender) is None
            and not (self.rolling and maker.is_late)
        )
        self.reservation = Reservation(sender, maker.since, granted, plan=self)

    @property
    def charges(self) -> tuple[Charge, ...]:
        """What a mail is charged at MAIL."""
        return tuple([Charge(key, 1) for key in self.message_keys.keys])

    @property
    def plan(self) -> Plan:
        """What the rules look at when they decide."""
        if self._plan is None:
            self._plan = self._maker.plan_of(self._sender)
        return self._plan

    def retire(self, counters: Counters) -> None:
        """Let go of the counters that no other sender has; what is reserved is given back by key."""
        self.generation = RETIRED
        for group in (self.messages, *(charged.counters for charged in self.at_end)):
            for counter in group:
                if counter.group.name.scope is Scope.MAILBOX:
                    counters.rest(counter)

    def is_known(self) -> bool:
        """Say whether all that a decision depends on is in memory; notes whether it may be quick."""
        if not all(counter.known for counter in self.limited):
            return False
        if self.rolling and not self._knows_steps():
            return False
        self.quick = self._may_be_quick
        return True

    def _knows_steps(self) -> bool:
        """Say whether all steps of rolling windows are known; notes what they leave of the limits."""
        checked = []
        for window in self.rolling:
            used = window.used_before()
            if used is None:
                return False
            if window.look_from is not None:
                checked.append((window.counter, window.look_from - used))
        self.checked = (*self._checked, *checked)
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
    message_keys: tuple[CounterKey, ...] = ()
    keys_at_end: tuple[CounterKey, ...] = ()
    rolling: tuple[StepWindow, ...] = ()

    def joined(self, other: Bound) -> Bound:
        """Return both."""
        return Bound(
            self.messages + other.messages,
            self.at_end + other.at_end,
            self.checked + other.checked,
            self.limited + other.limited,
            self.message_keys + other.message_keys,
            self.keys_at_end + other.keys_at_end,
            self.rolling + other.rolling,
        )


def _by_unit(bound: Bound) -> tuple[ChargedAtEnd, ...]:
    units = dict.fromkeys(key.unit for key in bound.keys_at_end)
    pairs = [*zip(bound.at_end, bound.keys_at_end, strict=True)]
    return tuple(
        ChargedAtEnd(
            unit,
            tuple(counter for counter, key in pairs if key.unit is unit),
            RecordKeys(tuple(key for _, key in pairs if key.unit is unit)),
        )
        for unit in units
    )


class PlanMaker:
    """Makes the plans of one set of rules in the periods of one moment.

    Args:
        plans: of the rules.
        at: the moment.
        until: when a boost ends.
        counters: where the counters are.
        warn_at_percent: of its limit, from which the use of a counter is told; None: never.

    Attributes:
        since, until: the moments that its plans hold for.
        generation: of the counters.
        latch: the counter of all mail.
        granted: the decision about a mail without anything to tell.
        is_late: a step of a rolling window that began later is counted in already (R19).
        charges_at_end: whether a limit on recipients or external mail of a period is in force for anybody.
    """

    def __init__(
        self,
        plans: Plans,
        at: int,
        until: int,
        counters: Counters,
        warn_at_percent: int | None,
    ) -> None:
        periods = [plans.calendar.period(name.window, at) for name in plans.names]
        day = plans.calendar.period(Window.DAY, at)
        self.since = max(period.start for period in (*periods, day))
        self.until = min(until, *[period.end for period in (*periods, day)])
        self.generation = counters.generation
        self.latch = counters.get(LATCH)
        self.is_late = False
        self._plans = plans
        self._counters = counters
        self._warn_at_percent = warn_at_percent
        self._starts = {
            name: period.start for name, period in zip(plans.names, periods, strict=True)
        }
        self._own = [name for name in plans.names if name.scope is Scope.MAILBOX]
        self._shared = [name for name in plans.names if name.scope is not Scope.MAILBOX]
        self._of_domains: dict[str | None, Bound] = {}
        self._for_everyone = {
            name: plans.rules.limit(name, Sender("", None))
            for name in (*self._own, RECIPIENTS_PER_MESSAGE, SUSPENSION)
        }
        self._exceptions = self._subjects(plans)
        units = {name.unit for name in plans.names}
        self.granted = Decision(
            counts_recipients=Unit.RECIPIENTS in units,
            counts_external=not units.isdisjoint(EXTERNAL),
        )
        self.charges_at_end = len(units) > 1

    def make(self, sender: Sender) -> SenderPlan:
        """Return a sender's plan."""
        shared = self._of_domains.get(sender.domain)
        if shared is None:
            shared = self._of_domains[sender.domain] = self._bind(sender, self._shared)
        return SenderPlan(sender, self, shared.joined(self._bind(sender, self._own)))

    def plan_of(self, sender: Sender) -> Plan:
        """Return what the rules look at when they decide."""
        plans = self._plans
        return make_plan(sender, self.since, plans.rules, plans.names, plans.calendar)

    def _bind(self, sender: Sender, names: Iterable[LimitName]) -> Bound:
        messages, at_end = [], []
        checked: list[tuple[Counter, int]] = []
        limited: list[Counter] = []
        rolling: list[StepWindow] = []
        for name in names:
            subject = subject_of(name.scope, sender)
            if subject is None:
                continue
            scope, unit, window = name
            key = CounterKey(scope, subject, unit, window, self._starts[name])
            counter = self._counters.get(key)
            limit = self.limit(name, sender)
            look_from = None
            if limit is not None:
                limited.append(counter)
                if unit is Unit.MESSAGES:
                    look_from = _look_from(limit.max, self._warn_at_percent)
                if window in ROLLING_WINDOWS:
                    rolling.append(StepWindow(counter, self._counters, look_from))
                elif look_from is not None:
                    checked.append((counter, look_from))
            if unit is Unit.MESSAGES:
                messages.append((counter, key))
            else:
                at_end.append((counter, key))
        return Bound(
            tuple([counter for counter, _ in messages]),
            tuple([counter for counter, _ in at_end]),
            tuple(checked),
            tuple(limited),
            tuple([key for _, key in messages]),
            tuple([key for _, key in at_end]),
            tuple(rolling),
        )

    def limit(self, name: LimitName, sender: Sender) -> Limit | None:
        """Return the limit in force: for most senders that of everyone."""
        exceptions = self._exceptions
        if (
            name in self._for_everyone
            and sender.mailbox not in exceptions
            and sender.domain not in exceptions
        ):
            return self._for_everyone[name]
        return self._plans.rules.limit(name, sender)

    @staticmethod
    def _subjects(plans: Plans) -> frozenset[str]:
        """Return whom any setting names."""
        rules = plans.rules
        return frozenset(
            subject
            for settings in (rules.file, rules.overrides, rules.boosts)
            for subject, _ in settings.by_subject
            if subject != EVERYONE
        )


def _look_from(most: int, warn_at_percent: int | None) -> int:
    """Return from how much used on a mail is refused, or told as a change."""
    if warn_at_percent is None:
        return most
    return min(most, -(-most * warn_at_percent // 100) - 1)
