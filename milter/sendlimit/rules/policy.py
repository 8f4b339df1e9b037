"""The rules of counting: which limits hold for a mail, and whether it may pass. Pure.

Rules R3, R4, R6, R7, R9, R10 and R14 of docs/limits.md. Nothing here knows a file, a clock or
a database: usage and time come in, a decision goes out, the caller acts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from sendlimit.rules.limit import (
    ORDER,
    RECIPIENTS_PER_MESSAGE,
    SCOPE_ORDER,
    Charge,
    CounterKey,
    Limit,
    LimitName,
    Origin,
    Setting,
    Settings,
    Unit,
    levels,
    subject_of,
)
from sendlimit.rules.window import Period, Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sendlimit.rules.mailbox import Sender
    from sendlimit.rules.window import Calendar


class LimitUsage(NamedTuple):
    """A limit that a mail would pass.

    Attributes:
        limit: the limit.
        key: its counter in the running period.
        used: the count before this mail, >= 0.
        period: the running period; its end is when the counter frees up.
    """

    limit: Limit
    key: CounterKey
    used: int
    period: Period


class UsageChange(NamedTuple):
    """A counter with a limit, before and after a charge: what warnings are made from."""

    limit: Limit
    key: CounterKey
    before: int
    after: int
    period: Period


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided about one mail, and everything that is needed to act on it.

    Attributes:
        charges: what to add; empty when refused (R6).
        exceeded: the limit to name in the answer (R7); None when no limit is passed.
        refused: False with a hit in observe mode.
        recipient_usage: after a reservation, how many recipients each limit still takes.
        counts_recipients: whether the end of the mail has recipients to charge.
        usage_changes: counters with a limit that were charged.
    """

    charges: tuple[Charge, ...] = ()
    exceeded: LimitUsage | None = None
    refused: bool = False
    recipient_usage: tuple[LimitUsage, ...] = ()
    counts_recipients: bool = False
    usage_changes: tuple[UsageChange, ...] = ()


_PLANS_MAX = 5_000


@dataclass(frozen=True, slots=True)
class Rules:
    """All settings that may bear on a mail: the file's, and what the database holds now."""

    file: Settings = field(default_factory=Settings)
    overrides: Settings = field(default_factory=Settings)
    boosts: Settings = field(default_factory=Settings)
    _plans: dict[Sender, Plan] = field(default_factory=dict, compare=False, repr=False)

    def plan(self, sender: Sender, at: int, names: Sequence[LimitName], calendar: Calendar) -> Plan:
        """Return what a sender's mail is counted and checked by at the moment.

        Plans are kept: almost every mail has the plan of the one before.
        """
        plan = self._plans.get(sender)
        if plan is None or plan.names is not names or not plan.since <= at < plan.until:
            if len(self._plans) >= _PLANS_MAX:
                self._plans.clear()
            plan = self._plans[sender] = make_plan(sender, at, self, names, calendar)
        return plan

    def with_rows(self, rows: Iterable[Setting]) -> Rules:
        """Return the same file settings with these rows of er_limit, which all hold now."""
        rows = list(rows)
        if not rows:
            return self
        lasting: dict[tuple[str, LimitName], Setting] = {}
        boosts: dict[tuple[str, LimitName], Setting] = {}
        for row in rows:
            (lasting if row.valid_until is None else boosts)[row.subject, row.name] = row
        return Rules(self.file, Settings(lasting), Settings(boosts))

    def names(self) -> frozenset[LimitName]:
        """Return the names that are limited for anybody by any of the settings."""
        return self.file.names() | self.overrides.names() | self.boosts.names()

    def winner(self, name: LimitName, sender: Sender) -> tuple[Setting, Origin] | None:
        """Return the most specific setting of a limit (R10), unlimited ones too."""
        for subject in levels(name.scope, sender):
            key = (subject, name)
            if (setting := self.boosts.by_subject.get(key)) is not None:
                return setting, Origin.BOOST
            if (setting := self.overrides.by_subject.get(key)) is not None:
                return setting, Origin.OVERRIDE
            if (setting := self.file.by_subject.get(key)) is not None:
                return setting, Origin.FILE
        return None

    def limit(self, name: LimitName, sender: Sender) -> Limit | None:
        """Return the limit in force, None when there is none or it is unlimited."""
        won = self.winner(name, sender)
        if won is None or won[0].max is None:
            return None
        return Limit(name, won[0].max, won[0].subject, won[1])


def counter(
    name: LimitName, sender: Sender, calendar: Calendar, at: int
) -> tuple[CounterKey, Period] | None:
    """Return a sender's counter of a name in the period of the moment, if there is one."""
    subject = subject_of(name.scope, sender)
    if subject is None:
        return None
    period = calendar.period(name.window, at)
    return CounterKey(name.scope, subject, name.unit, name.window, period.start), period


@dataclass(frozen=True, slots=True)
class Request:
    """A question to the ledger about one mail.

    Attributes:
        sender: whose mail.
        at: the moment of the callback, seconds since 1970.
        recipients: 0 at MAIL (reserve the message), or the accepted RCPT commands at
            end-of-message (charge the recipients, R9).
    """

    sender: Sender
    at: int
    recipients: int = 0

    @property
    def unit(self) -> Unit:
        """What this request charges."""
        return Unit.RECIPIENTS if self.recipients else Unit.MESSAGES


class LimitedCounter(NamedTuple):
    """A counter with a limit, in the running period."""

    limit: Limit
    key: CounterKey
    period: Period


@dataclass(frozen=True, slots=True)
class Plan:
    """What one sender's mail is counted and checked by; the same for every mail of a period.

    Attributes:
        names: what it was made for (compared by identity).
        since, until: the moments that it holds for, since <= at < until.
        keys: all counters, those of messages first.
        messages: counters of messages that have a limit.
        recipients: counters of recipients that have a limit.
        per_message: recipients_per_message as a hit with nothing used, if it is in force.
        granted: the decision about a mail at MAIL when nothing is hit and nothing to look at.
    """

    names: Sequence[LimitName]
    since: int
    until: int
    keys: tuple[CounterKey, ...]
    messages: tuple[LimitedCounter, ...]
    recipients: tuple[LimitedCounter, ...]
    per_message: LimitUsage | None
    granted: Decision

    def counted(self, unit: Unit) -> tuple[CounterKey, ...]:
        """Return the counters of a unit."""
        return tuple(key for key in self.keys if key.unit is unit)


def make_plan(
    sender: Sender, at: int, rules: Rules, names: Sequence[LimitName], calendar: Calendar
) -> Plan:
    """Work out what a sender's mail is counted and checked by at the moment."""
    day = calendar.period(Window.DAY, at)
    since, until = day
    keys: dict[Unit, list[CounterKey]] = {Unit.MESSAGES: [], Unit.RECIPIENTS: []}
    checked: dict[Unit, list[LimitedCounter]] = {Unit.MESSAGES: [], Unit.RECIPIENTS: []}
    for name in names:
        found = counter(name, sender, calendar, at)
        if found is None:
            continue
        key, period = found
        since, until = max(since, period.start), min(until, period.end)
        keys[name.unit].append(key)
        limit = rules.limit(name, sender)
        if limit is not None:
            checked[name.unit].append(LimitedCounter(limit, key, period))
    limit = rules.limit(RECIPIENTS_PER_MESSAGE, sender)
    scope, unit, window = RECIPIENTS_PER_MESSAGE
    one_mail_key = CounterKey(scope, sender.mailbox, unit, window, day.start)
    return Plan(
        names=names,
        since=since,
        until=until,
        keys=(*keys[Unit.MESSAGES], *keys[Unit.RECIPIENTS]),
        messages=tuple(checked[Unit.MESSAGES]),
        recipients=tuple(checked[Unit.RECIPIENTS]),
        per_message=None if limit is None else LimitUsage(limit, one_mail_key, 0, day),
        granted=Decision(
            charges=tuple(Charge(key, 1) for key in keys[Unit.MESSAGES]),
            counts_recipients=bool(keys[Unit.RECIPIENTS]),
        ),
    )


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a decision depends on, besides the request.

    Attributes:
        rules: the settings that hold now.
        names: what is counted (counted_names).
        usage: the counters, 0 where absent, with what the batch has granted so far.
        calendar: cuts the periods.
        observe: never refuse, but say what was hit.
        usage_changes_from_percent: of its limit, from which a counter is marked; None: nobody asks.
    """

    rules: Rules
    names: Sequence[LimitName]
    usage: Mapping[CounterKey, int]
    calendar: Calendar
    observe: bool = False
    usage_changes_from_percent: int | None = 0


def decide(request: Request, facts: Facts) -> Decision:
    """Decide one request against the usage; nothing is charged here (R6, R7, R9)."""
    plan = facts.rules.plan(request.sender, request.at, facts.names, facts.calendar)
    if request.recipients:
        amount, checked = request.recipients, plan.recipients
        charges = tuple(Charge(key, amount) for key in plan.counted(Unit.RECIPIENTS))
        recipient_usage: tuple[LimitUsage, ...] = ()
    else:
        amount, checked = 1, plan.messages
        charges = plan.granted.charges
        recipient_usage = tuple(_hit(found, _used(facts, found.key)) for found in plan.recipients)
        if plan.per_message is not None:
            recipient_usage = (*recipient_usage, plan.per_message)
    hits = [
        _hit(found, used)
        for found in checked
        if (used := _used(facts, found.key)) + amount > found.limit.max
    ]
    # A mailbox with no recipient left is refused at MAIL already (R9).
    hits += [room for room in recipient_usage if room.used >= room.limit.max]
    hit = first_to_name(hits) if hits else None
    if hit is not None and not facts.observe:
        return Decision(exceeded=hit, refused=True)
    marks = tuple(_marks(checked, amount, facts))
    if hit is None and not (marks or recipient_usage or request.recipients):
        return plan.granted
    return Decision(
        charges=charges,
        exceeded=hit,
        recipient_usage=recipient_usage,
        counts_recipients=not request.recipients and plan.granted.counts_recipients,
        usage_changes=marks,
    )


def _hit(checked: LimitedCounter, used: int) -> LimitUsage:
    return LimitUsage(checked.limit, checked.key, used, checked.period)


def _used(facts: Facts, key: CounterKey) -> int:
    return max(0, facts.usage.get(key, 0))


def _marks(checked: Iterable[LimitedCounter], amount: int, facts: Facts) -> Iterator[UsageChange]:
    """Yield the counters that a charge takes far enough to be warned about."""
    percent = facts.usage_changes_from_percent
    if percent is None:
        return
    for limit, key, period in checked:
        before = _used(facts, key)
        if (before + amount) * 100 >= limit.max * percent:
            yield UsageChange(limit, key, before, before + amount, period)


def first_to_name(hits: Iterable[LimitUsage]) -> LimitUsage | None:
    """Return the hit that the answer names: global, domain, mailbox; then the last to free up (R7)."""
    return min(
        hits,
        key=lambda hit: (
            SCOPE_ORDER[hit.limit.name.scope],
            -hit.period.end,
            ORDER[hit.limit.name],
        ),
        default=None,
    )


def recipient_beyond(recipient_usage: Iterable[LimitUsage], recipients: int) -> LimitUsage | None:
    """Return the limit that this many recipients of one mail would pass (R9).

    Args:
        recipient_usage: from the decision at MAIL.
        recipients: accepted so far, with the one that is asked about.
    """
    return first_to_name(
        room for room in recipient_usage if room.used + recipients > room.limit.max
    )
