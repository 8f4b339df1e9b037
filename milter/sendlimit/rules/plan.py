"""What one sender's mail is counted and checked by, and the plans that are kept. Pure.

Rules R4, R5, R10 and R14 of docs/limits.md. A new unit or window comes in here: `make_plan`
turns the names that are counted into counters, with the limit in force for each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from sendlimit.rules.decision import Decision, LimitUsage
from sendlimit.rules.limit import (
    EXTERNAL,
    RECIPIENTS_PER_MESSAGE,
    SUSPENSION,
    Charge,
    CounterKey,
    Limit,
    LimitName,
    Origin,
    Unit,
    subject_of,
)
from sendlimit.rules.window import ROLLING_WINDOWS, Period, Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sendlimit.rules.limit import Setting
    from sendlimit.rules.mailbox import Sender
    from sendlimit.rules.precedence import Rules
    from sendlimit.rules.window import Calendar

PLANS_MAX = 5_000
"""Plans that are kept at once; a plan is some 2 KB."""


def counter(
    name: LimitName, sender: Sender, calendar: Calendar, at: int
) -> tuple[CounterKey, Period] | None:
    """Return a sender's counter of a name in the period of the moment, if there is one."""
    subject = subject_of(name.scope, sender)
    if subject is None:
        return None
    period = calendar.period(name.window, at)
    return CounterKey(name.scope, subject, name.unit, name.window, period.start), period


class LimitedCounter(NamedTuple):
    """A counter with a limit, in the running period.

    Attributes:
        limit: the limit.
        key: the counter, or of a rolling window what its refusals are merged by.
        period: the running one, of the key.
        step: of a rolling window, the counter of the running step (R19).
    """

    limit: Limit
    key: CounterKey
    period: Period
    step: CounterKey | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What one sender's mail is counted and checked by; the same for every mail of a period.

    Attributes:
        since, until: the moments that it holds for, since <= at < until.
        keys: all counters, those of messages first.
        messages: counters of messages that have a limit.
        at_end: counters of recipients, and of external mail, that have a limit.
        per_message: recipients_per_message with nothing used, if it is in force.
        suspended: the suspension, if there is one (R17).
        granted: the decision about a mail at MAIL when no limit is exceeded and nothing is to be reported.
    """

    since: int
    until: int
    keys: tuple[CounterKey, ...]
    messages: tuple[LimitedCounter, ...]
    at_end: tuple[LimitedCounter, ...]
    per_message: LimitUsage | None
    suspended: LimitUsage | None
    granted: Decision

    @property
    def keys_at_end(self) -> tuple[CounterKey, ...]:
        """The counters that the end of a mail is charged to."""
        return tuple(key for key in self.keys if key.unit is not Unit.MESSAGES)


def make_plan(
    sender: Sender, at: int, rules: Rules, names: Sequence[LimitName], calendar: Calendar
) -> Plan:
    """Work out what a sender's mail is counted and checked by at the moment."""
    day = calendar.period(Window.DAY, at)
    since, until = day
    messages: list[CounterKey] = []
    at_end: list[CounterKey] = []
    checked: list[LimitedCounter] = []
    checked_at_end: list[LimitedCounter] = []
    for name in names:
        found = counter(name, sender, calendar, at)
        if found is None:
            continue
        key, period = found
        since, until = max(since, period.start), min(until, period.end)
        is_of_messages = name.unit is Unit.MESSAGES
        (messages if is_of_messages else at_end).append(key)
        limit = rules.limit(name, sender)
        if limit is not None:
            limited = _limited(limit, key, period, calendar)
            (checked if is_of_messages else checked_at_end).append(limited)
    return Plan(
        since=since,
        until=until,
        keys=(*messages, *at_end),
        messages=tuple(checked),
        at_end=tuple(checked_at_end),
        per_message=_per_message(RECIPIENTS_PER_MESSAGE, sender, rules, day),
        suspended=_per_message(SUSPENSION, sender, rules, day),
        granted=Decision(
            charges=tuple(Charge(key, 1) for key in messages),
            counts_recipients=any(key.unit is Unit.RECIPIENTS for key in at_end),
            counts_external=any(key.unit in EXTERNAL for key in at_end),
        ),
    )


def _limited(limit: Limit, key: CounterKey, period: Period, calendar: Calendar) -> LimitedCounter:
    rolling = ROLLING_WINDOWS.get(key.window)
    if rolling is None:
        return LimitedCounter(limit, key, period)
    merged = calendar.period(rolling.merged, period.start)
    return LimitedCounter(limit, key._replace(period_start=merged.start), merged, key)


def _per_message(name: LimitName, sender: Sender, rules: Rules, day: Period) -> LimitUsage | None:
    """Return a limit on each single message, which counts nothing; its episodes are those of a day (R13)."""
    limit = rules.limit(name, sender)
    if limit is None:
        return None
    key = CounterKey(name.scope, sender.mailbox, name.unit, name.window, day.start)
    return LimitUsage(limit, key, 0, day)


def suspension(sender: Sender, at: int, calendar: Calendar) -> LimitUsage:
    """Return the limit of a suspension that was decided and is not in the tables yet (R17)."""
    day = calendar.period(Window.DAY, at)
    limit = Limit(SUSPENSION, 0, sender.mailbox, Origin.OVERRIDE)
    key = CounterKey(
        SUSPENSION.scope, sender.mailbox, SUSPENSION.unit, SUSPENSION.window, day.start
    )
    return LimitUsage(limit, key, 0, day)


class Plans:
    """The plans of one set of rules; lives until the rules, the names or the calendar change.

    Almost every mail has the plan of the one before. One thread at a time uses it.

    Attributes:
        rolls: whether any rolling window is counted.
    """

    def __init__(self, rules: Rules, names: Sequence[LimitName], calendar: Calendar) -> None:
        self.rules = rules
        self.names = names
        self.calendar = calendar
        self.rolls = any(name.window in ROLLING_WINDOWS for name in names)
        self._kept: dict[Sender, Plan] = {}

    def plan(self, sender: Sender, at: int) -> Plan:
        """Return what a sender's mail is counted and checked by at the moment."""
        plan = self._kept.get(sender)
        if plan is None or not plan.since <= at < plan.until:
            if len(self._kept) >= PLANS_MAX:
                self._kept.clear()
            plan = make_plan(sender, at, self.rules, self.names, self.calendar)
            self._kept[sender] = plan
        return plan

    def __len__(self) -> int:
        """Return how many are kept."""
        return len(self._kept)

    def with_rows(self, rows: Iterable[Setting]) -> Plans:
        """Return plans of the same file settings with these rows of er_limit, which all hold now."""
        rules = self.rules.with_rows(rows)
        return self if rules is self.rules else Plans(rules, self.names, self.calendar)
