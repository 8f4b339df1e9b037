"""Limits that learn: each subject's own limit from what it has sent (R15). Pure.

A limit is `times` the greatest count of the last 35 days on which none of the subject's mail was
refused. So a newsletter once a month keeps passing, who sends more gets more, and a day on which a
thief was refused raises nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sendlimit.rules.window import DAY_S, Window

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from sendlimit.rules.window import Calendar

DAYS = 35
"""So long that each day of a month is in it, whichever month it is."""
LEARNED_WINDOWS = (Window.HOUR, Window.DAY)
_NOON_S = DAY_S // 2


class LearnRule(NamedTuple):
    """How a limit is learned.

    Attributes:
        percent: of the greatest count: 200 is two times.
        at_least: also what a subject has that has not sent before.
        at_most: no limit is higher.
    """

    percent: int
    at_least: int
    at_most: int

    def bounded(self, limit: int) -> int:
        """Return the limit within the bounds."""
        return min(max(limit, self.at_least), self.at_most)

    def limit_for(self, greatest: int) -> int:
        """Return the limit of a subject whose greatest count is known, rounded up."""
        return self.bounded(-(-greatest * self.percent // 100))


class Learned(NamedTuple):
    """What was learned about one subject.

    Attributes:
        max: the limit.
        greatest: the count that it comes from.
        period_start: of that count, seconds since 1970; the last one where several are equal.
    """

    max: int
    greatest: int
    period_start: int

    def why(self, rule: LearnRule) -> str:
        """Say where it comes from, without the day."""
        return (
            f"{rule.percent / 100:g} times {self.greatest}, from {rule.at_least} to {rule.at_most}"
        )


def days_to_learn_from(calendar: Calendar, at: int) -> tuple[int, int]:
    """Return the beginning and end of the last 35 days, the running one left out.

    Args:
        calendar: cuts the days; one may have 23 or 25 hours.
        at: now, seconds since 1970.
    """
    today = calendar.period(Window.DAY, at).start
    return calendar.period(Window.DAY, today - DAYS * DAY_S + _NOON_S).start, today


def learn(
    rule: LearnRule,
    counts: Iterable[tuple[int, int]],
    refused_days: Collection[int],
    calendar: Calendar,
) -> Learned | None:
    """Learn the limit of one subject.

    Args:
        rule: how.
        counts: start of each period of the last 35 days, and what was counted in it.
        refused_days: starts of the days on which any of its mail was refused.
        calendar: says in which day a period lies.

    Returns:
        None: there is nothing to learn from, at_least holds.
    """
    good = [
        (used, start)
        for start, used in counts
        if used > 0 and calendar.period(Window.DAY, start).start not in refused_days
    ]
    if not good:
        return None
    greatest, start = max(good)
    return Learned(rule.limit_for(greatest), greatest, start)
