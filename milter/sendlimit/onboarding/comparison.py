"""What learned limits and one limit for all would have refused, and what a thief could have sent. Pure.

Each of the past 35 days is decided as it would have been: with what could be learned from the 35 days
before it (R15). A day on which a mailbox would have been refused teaches it nothing.
"""

from __future__ import annotations

from statistics import median_low
from typing import TYPE_CHECKING, NamedTuple

from sendlimit.rules.learning import DAYS, LearnRule
from sendlimit.rules.window import Window

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from sendlimit.rules.window import Calendar

EXAMPLE_RULE = LearnRule(200, 50, 1000)
"""That of the documents, where the file has none for everyone."""


class MailboxDays(NamedTuple):
    """What one mailbox sent.

    Attributes:
        greatest: by day, counted from any beginning: its count, or its greatest hour's.
        refused: days on which any of its mail was refused.
    """

    greatest: Mapping[int, int]
    refused: Collection[int]


class LimitOutcome(NamedTuple):
    """What limits for each mailbox would have done in the past 35 days.

    Attributes:
        limit: the one for all; None: learned ones.
        mailboxes_refused: how many mailboxes would have been refused something.
        days: on how many days, all mailboxes together.
        thief_median: what a thief could have sent in one period, in half of the mailboxes at most.
        thief_most: in the mailbox with the highest limit.
    """

    limit: int | None
    mailboxes_refused: int
    days: int
    thief_median: int
    thief_most: int


class Comparison(NamedTuple):
    """Learned limits beside one for all.

    Attributes:
        since, until: the days that were decided, seconds since 1970.
        rule: how limits were learned.
        outcomes: the first is that of learned limits.
    """

    since: int
    until: int
    rule: LearnRule
    outcomes: Sequence[LimitOutcome]


class Days:
    """Numbers the days of a calendar: one may have 23 or 25 hours."""

    def __init__(self, calendar: Calendar) -> None:
        self._calendar = calendar
        self._known: dict[int, int] = {}

    def number(self, moment: int) -> int:
        """Return the number of the day of a moment; the next day has the next one."""
        found = self._known.get(moment)
        if found is None:
            start = self._calendar.period(Window.DAY, moment).start
            found = self._known[moment] = self._calendar.local(start).toordinal()
        return found


def mailbox_days(
    counts: Iterable[tuple[int, int]], refusals: Iterable[tuple[int, int]], days: Days
) -> MailboxDays:
    """Return what one mailbox sent on which day.

    Args:
        counts: start of each period, and what was counted in it.
        refusals: from when until when its mail was refused.
        days: numbers them.
    """
    greatest: dict[int, int] = {}
    for start, used in counts:
        day = days.number(start)
        greatest[day] = max(used, greatest.get(day, 0))
    refused = {
        day for first, last in refusals for day in range(days.number(first), days.number(last) + 1)
    }
    return MailboxDays(greatest, refused)


def compare(
    mailboxes: Iterable[MailboxDays], rule: LearnRule, limits: Sequence[int], last_day: int
) -> list[LimitOutcome] | None:
    """Decide the 35 days that end with a day, in each way.

    Args:
        mailboxes: those that sent anything in these days or the 35 before.
        rule: how limits are learned.
        limits: those for all.
        last_day: its number.

    Returns:
        Learned limits first; None: there is no mailbox.
    """
    first_day = last_day - DAYS + 1
    days_refused: list[list[int]] = [[] for _ in range(1 + len(limits))]
    thief = []
    for mailbox in mailboxes:
        refused, own = _learned(mailbox, rule, first_day, last_day)
        thief.append(own)
        days_refused[0].append(refused)
        recent = [used for day, used in mailbox.greatest.items() if day >= first_day]
        for found, limit in zip(days_refused[1:], limits, strict=True):
            found.append(sum(used > limit for used in recent))
    if not thief:
        return None
    return [
        LimitOutcome(
            limit,
            sum(1 for number in found if number),
            sum(found),
            median_low(thief) if limit is None else limit,
            max(thief) if limit is None else limit,
        )
        for limit, found in zip((None, *limits), days_refused, strict=True)
    ]


def _learned(
    mailbox: MailboxDays, rule: LearnRule, first_day: int, last_day: int
) -> tuple[int, int]:
    """Return on how many days a mailbox would have been refused, and its limit after the last one."""
    good: dict[int, int] = {}
    refused = 0
    for day, used in sorted(mailbox.greatest.items()):
        is_refused = day >= first_day and used > _limit(good, rule, day)
        refused += is_refused
        if not is_refused and day not in mailbox.refused:
            good[day] = used
    return refused, _limit(good, rule, last_day + 1)


def _limit(good: Mapping[int, int], rule: LearnRule, day: int) -> int:
    """Return the limit on a day, learned from the 35 before it."""
    greatest = max(_of_days(good, day - DAYS, day), default=0)
    return rule.limit_for(greatest) if greatest else rule.at_least


def _of_days(good: Mapping[int, int], since: int, until: int) -> Iterator[int]:
    return (used for day, used in good.items() if since <= day < until)
