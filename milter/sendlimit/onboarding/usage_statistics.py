"""Percentiles of past counts, and the limits proposed from them. Pure.

A period is one hour, day or month in which a subject (a mailbox, a domain) sent mail. Periods
without mail are left out: else a mailbox that sends on Mondays only would have the median 0.

The proposed limit is the smallest round number above the 99th percentile of the subjects' busiest
periods: 99 of 100 subjects have never sent more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sendlimit.rules.window import DAY_S, Window

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sendlimit.rules.limit import LimitName
    from sendlimit.rules.window import Calendar

_NOON_S = 43200

_SMALLEST = 10
_TWO_FIGURES = 100
_STEP = 5
"""Round numbers have two significant digits, the second a 0 or a 5: 10, 15 ... 95, 100, 150 ..."""
_PERCENT = 99


class History(NamedTuple):
    """The counts of one scope.

    Attributes:
        amounts: the number of periods with a count, by count; all > 0.
        busiest: the highest count of each subject.
    """

    amounts: Mapping[int, int]
    busiest: Mapping[str, int]


class ScopeStatistics(NamedTuple):
    """Percentiles of one scope, and the proposed limit.

    Attributes:
        name: the limit.
        subjects: how many subjects sent mail.
        periods: the sum of their periods.
        p50, p95, p99, max: percentiles and maximum of the counts of these periods.
        proposed: value of the limit.
    """

    name: LimitName
    subjects: int
    periods: int
    p50: int
    p95: int
    p99: int
    max: int
    proposed: int


class Trial(NamedTuple):
    """What a limit for each mailbox would have refused.

    Attributes:
        limit: its value.
        subjects: how many mailboxes would have been refused something.
        periods: in how many of their periods.
        refused: messages or recipients beyond the limit.
    """

    limit: int
    subjects: int
    periods: int
    refused: int


def percentile(amounts: Mapping[int, int], percent: int) -> int:
    """Return a percentile by nearest rank: at least this share of the counts is not above it."""
    total = sum(amounts.values())
    passed = 0
    for amount in sorted(amounts):
        passed += amounts[amount]
        if passed * 100 >= total * percent:
            return amount
    raise ValueError("there are no counts")


def round_above(count: int) -> int:
    """Return the smallest round number above a count, at least 10."""
    scale = 1
    while count >= _TWO_FIGURES * scale:
        scale *= 10
    step = _STEP * scale
    return max(_SMALLEST, (count // step + 1) * step)


def scope_statistics(name: LimitName, history: History) -> ScopeStatistics:
    """Compute the statistics of one scope, which has at least one period."""
    busiest: dict[int, int] = {}
    for amount in history.busiest.values():
        busiest[amount] = busiest.get(amount, 0) + 1
    return ScopeStatistics(
        name,
        len(history.busiest),
        sum(history.amounts.values()),
        percentile(history.amounts, 50),
        percentile(history.amounts, 95),
        percentile(history.amounts, 99),
        max(history.amounts),
        round_above(percentile(busiest, _PERCENT)),
    )


def trial(history: History, limit: int) -> Trial:
    """Compute what a limit would have refused."""
    beyond = {amount: count for amount, count in history.amounts.items() if amount > limit}
    return Trial(
        limit,
        sum(1 for amount in history.busiest.values() if amount > limit),
        sum(beyond.values()),
        sum((amount - limit) * count for amount, count in beyond.items()),
    )


def evaluated_time(calendar: Calendar, window: Window, days: int, at: int) -> tuple[int, int]:
    """Return the beginning and end of the finished periods of the last days.

    Args:
        calendar: cuts the periods.
        window: an hour, a day or a month; of months only those that began in these days.
        days: how many before today.
        at: now; the running period is left out.

    Returns:
        (since, until) in seconds since 1970; equal when no period has finished.
    """
    today = calendar.period(Window.DAY, at).start
    # Noon, as a day may have 23 or 25 hours.
    first = calendar.period(Window.DAY, today - days * DAY_S + _NOON_S).start
    period = calendar.period(window, first)
    since = period.start if period.start == first else period.end
    return since, max(since, calendar.period(window, at).start)


def count_periods(calendar: Calendar, window: Window, since: int, until: int) -> int:
    """Return how many periods lie between two beginnings of periods."""
    count = 0
    while since < until:
        since = calendar.period(window, since).end
        count += 1
    return count
