"""Makes the plans of senders, bound to counters: those that several share are bound once. Pure.

The counters that a domain's senders share are bound once for all of them, so that the first mail
of a mailbox costs little more than the next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sendlimit.counting.records import SenderDefinition, SenderKeys, Shape
from sendlimit.counting.reservation import EndLimit
from sendlimit.counting.sender_plan import Bound, SenderPlan
from sendlimit.counting.step_window import OtherSteps, StepWindow
from sendlimit.rules.decision import Decision
from sendlimit.rules.limit import (
    EVERYONE,
    EXTERNAL,
    LATCH,
    RECIPIENTS_PER_MESSAGE,
    SUSPENSION,
    LimitName,
    Scope,
    Unit,
    subject_of,
)
from sendlimit.rules.mailbox import Sender
from sendlimit.rules.plan import make_plan
from sendlimit.rules.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sendlimit.counting.counter import Counter, Group
    from sendlimit.counting.counters import Counters
    from sendlimit.rules.limit import Limit
    from sendlimit.rules.plan import Plan, Plans
    from sendlimit.rules.window import Period


class _Counted(NamedTuple):
    """A name that is counted, with what is the same for all senders.

    Attributes:
        name: scope, unit and window.
        period: the running one, or the running step.
        group: its counters.
        others: of a rolling window, the other steps; else none.
        everyone: the limit of those who have none of their own.
    """

    name: LimitName
    period: Period
    group: Group
    others: OtherSteps
    everyone: Limit | None


_NONE = Bound()


class _Bindings:
    """Names that are counted.

    Attributes:
        own: those of a mailbox.
        shared: the others.
        of_domains: the counters of the others, by domain.
    """

    def __init__(self, counted: Sequence[_Counted]) -> None:
        self.own = [one for one in counted if one.name.scope is Scope.MAILBOX]
        self.shared = [one for one in counted if one.name.scope is not Scope.MAILBOX]
        self.of_domains: dict[str | None, Bound] = {}


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
        periods: the running ones, without the steps of rolling windows.
        rolls: whether a rolling window is counted (R19).
        latch: the counter of all mail.
        granted: the decision about a mail without anything to tell.
        is_late: a step of a rolling window that began later is counted in already (R19).
        raised: how often a step of a rolling window was raised by anything but its mail.
    """

    def __init__(
        self,
        plans: Plans,
        at: int,
        until: int,
        counters: Counters,
        warn_at_percent: int | None,
    ) -> None:
        calendar, rules = plans.calendar, plans.rules
        day = calendar.period(Window.DAY, at)
        periods = [day, *(calendar.period(name.window, at) for name in plans.names)]
        self.since = max(period.start for period in periods)
        self.until = min(until, *[period.end for period in periods])
        self.rolls = plans.rolls
        self.latch = counters.get(LATCH)
        self.is_late = False
        self.raised = 0
        self._shapes: dict[tuple[Group, ...], Shape] = {}
        self._later_shapes: dict[Shape, Shape] = {}
        self._plans = plans
        self._counters = counters
        self._warn_at_percent = warn_at_percent
        self._for_everyone = {
            name: rules.limit(name, Sender("", None))
            for name in (*plans.names, RECIPIENTS_PER_MESSAGE, SUSPENSION)
            if name.scope is Scope.MAILBOX
        }
        counted = [self._counted(*pair) for pair in zip(plans.names, periods[1:], strict=True)]
        lasting = [one for one in counted if not one.group.is_step]
        self.periods = (day, *[one.period for one in lasting])
        self._lasting = _Bindings(lasting)
        self._steps = _Bindings([one for one in counted if one.group.is_step])
        self._exceptions = self._subjects(plans)
        self._learned = rules.learned.by_subject
        units = {name.unit for name in plans.names}
        self.granted = Decision(
            counts_recipients=Unit.RECIPIENTS in units,
            counts_external=not units.isdisjoint(EXTERNAL),
        )

    def _counted(self, name: LimitName, period: Period) -> _Counted:
        counters = self._counters
        group = counters.group(name, period.start)
        steps = counters.steps(name, period.start) if group.is_step else ()
        others = OtherSteps([step for step in steps if step is not group], counters)
        return _Counted(name, period, group, others, self._for_everyone.get(name))

    def make(self, sender: Sender) -> SenderPlan:
        """Return a sender's plan."""
        shared, own = self._shared(sender, self._lasting), self._bind(sender, self._lasting.own)
        return SenderPlan(sender, self, shared.joined(own))

    def shared_steps(self, sender: Sender) -> Bound:
        """Return the counters of rolling windows that a sender shares: of its domain, of the server."""
        return self._shared(sender, self._steps) if self.rolls else _NONE

    def own_steps(self, sender: Sender) -> tuple[StepWindow, ...]:
        """Return a sender's own rolling windows."""
        return tuple(
            [
                self._window(
                    one,
                    self._counters.of(one.group, sender.mailbox),
                    self.limit(one.name, sender),
                )
                for one in self._steps.own
            ]
        )

    def go_on(self, windows: Sequence[StepWindow]) -> bool:
        """Have the windows of own_steps() count in the steps that this maker knows of.

        Returns:
            Whether any of their counters is another object now.
        """
        is_other = False
        for window, one in zip(windows, self._steps.own, strict=True):
            is_other |= window.go_on(one.group, one.others, self._counters)
        return is_other

    def follows(self, other: PlanMaker) -> bool:
        """Say whether what windows know from another maker's steps holds in this one's."""
        return (
            self.raised == other.raised
            and self.since >= other.since
            and not (self.is_late or other.is_late)
        )

    def _window(self, one: _Counted, counter: Counter, limit: Limit | None) -> StepWindow:
        look_from = None
        if limit is not None and one.name.unit is Unit.MESSAGES:
            look_from = _look_from(limit.max, self._warn_at_percent)
        return StepWindow(counter, one.others, look_from, is_limited=limit is not None)

    def _shared(self, sender: Sender, bindings: _Bindings) -> Bound:
        shared = bindings.of_domains.get(sender.domain)
        if shared is None:
            shared = bindings.of_domains[sender.domain] = self._bind(sender, bindings.shared)
        return shared

    def plan_of(self, sender: Sender) -> Plan:
        """Return what the rules look at when they decide."""
        plans = self._plans
        return make_plan(sender, self.since, plans.rules, plans.names, plans.calendar)

    def _bind(self, sender: Sender, counted: Iterable[_Counted]) -> Bound:
        messages: list[Counter] = []
        at_end: list[Counter] = []
        checked: list[tuple[Counter, int]] = []
        limited: list[Counter] = []
        rolling: list[StepWindow] = []
        ends: list[EndLimit] = []
        is_like_everyone = not (self._learned or self._is_exception(sender))
        for one in counted:
            name, period, group, _, everyone = one
            is_own = name.scope is Scope.MAILBOX
            subject = sender.mailbox if is_own else subject_of(name.scope, sender)
            if subject is None:
                continue
            counter = group.counters.get(subject) or self._counters.of(group, subject)
            is_of_messages = name.unit is Unit.MESSAGES
            (messages if is_of_messages else at_end).append(counter)
            limit = everyone if is_own and is_like_everyone else self.limit(name, sender)
            if limit is None:
                continue
            limited.append(counter)
            if group.is_step:
                rolling.append(self._window(one, counter, limit))
                continue
            look_from = _look_from(limit.max, self._warn_at_percent)
            if is_of_messages:
                checked.append((counter, look_from))
            else:
                ends.append(EndLimit(limit, counter, counter.key, period, look_from))
        return Bound(
            tuple(messages),
            tuple(at_end),
            tuple(checked),
            tuple(limited),
            tuple(rolling),
            tuple(ends),
        )

    def keys(self, counters: tuple[Counter, ...], definition: SenderDefinition) -> SenderKeys:
        """Return what the journal calls these counters of a sender."""
        groups = tuple([counter.group for counter in counters])
        shape = self._shapes.get(groups)
        if shape is None:
            shape = self._shapes[groups] = Shape(tuple([counter.key for counter in counters]))
        return SenderKeys(definition, shape)

    def later_keys(self, keys: SenderKeys, counters: tuple[Counter, ...]) -> SenderKeys:
        """Return the same for counters that have gone on since they had other keys."""
        shape = self._later_shapes.get(keys.shape)
        if shape is not None:
            return SenderKeys(keys.definition, shape)
        found = self.keys(counters, keys.definition)
        self._later_shapes[keys.shape] = found.shape
        return found

    def limit(self, name: LimitName, sender: Sender) -> Limit | None:
        """Return the limit in force: for most senders that of everyone."""
        if (
            name in self._for_everyone
            and not self._is_exception(sender)
            and not (self._learned and self._has_learned(name, sender))
        ):
            return self._for_everyone[name]
        return self._plans.rules.limit(name, sender)

    def _is_exception(self, sender: Sender) -> bool:
        """Say whether any setting names a sender or its domain."""
        return sender.mailbox in self._exceptions or sender.domain in self._exceptions

    def _has_learned(self, name: LimitName, sender: Sender) -> bool:
        """Say whether a sender has a learned limit of its own (R15)."""
        subject = subject_of(name.scope, sender)
        return subject is not None and (subject, name) in self._learned

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
