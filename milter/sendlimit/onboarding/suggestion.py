"""Limits that fit what has been counted: what `sendlimit suggest` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sendlimit.onboarding.comparison import EXAMPLE_RULE, Comparison, Days, compare, mailbox_days
from sendlimit.onboarding.usage_statistics import (
    History,
    count_periods,
    evaluated_time,
    round_above,
    scope_statistics,
    trial,
)
from sendlimit.rules.learning import LEARNED_WINDOWS, days_to_learn_from
from sendlimit.rules.limit import EVERYONE, Scope, counted_sender
from sendlimit.rules.window import Window
from sendlimit.store import learned
from sendlimit.store.history import Span, above, amounts, beginning, busiest, refused_subjects

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sendlimit.onboarding.usage_statistics import ScopeStatistics, Trial
    from sendlimit.rules.limit import LimitName
    from sendlimit.rules.precedence import Rules
    from sendlimit.rules.window import Calendar
    from sendlimit.store.connection import Connection

DEFAULT_DAYS = {Window.HOUR: 30, Window.DAY: 30, Window.MONTH: 365}
"""How far to look back, by the window of the limit."""


class ExceedingSubject(NamedTuple):
    """A mailbox or domain for which a proposed limit is too low.

    Attributes:
        name: the limit.
        subject: the mailbox or domain.
        busiest: its highest count.
        periods: how many of its periods were above the limit.
        own: the limit that is set for it or its domain; None: unlimited, or none is set.
        proposed: what it needs; None: its own limit is high enough.
    """

    name: LimitName
    subject: str
    busiest: int
    periods: int
    own: int | None
    proposed: int | None


class Suggestion(NamedTuple):
    """Proposed limits, and what they are derived from.

    Attributes:
        name: the limit of a mailbox.
        since, until: the evaluated time, from the first period with mail on; seconds since 1970.
        periods: how many periods this is.
        periods_with_mail: in how many of them any mailbox has sent.
        mailboxes_refused: how many mailboxes were refused by this limit in that time.
        statistics: one for each scope that was counted.
        trials: what limits for each mailbox would have refused.
        exceeding: the mailboxes and domains that need a limit of their own.
    """

    name: LimitName
    since: int
    until: int
    periods: int
    periods_with_mail: int
    mailboxes_refused: int
    statistics: Sequence[ScopeStatistics]
    trials: Sequence[Trial]
    exceeding: Sequence[ExceedingSubject]


def time_to_evaluate(name: LimitName, days: int | None, calendar: Calendar, now: int) -> Span:
    """Return the finished periods that limits are suggested from.

    Args:
        name: the limit of a mailbox, per hour, day or month.
        days: how far to look back; None: as DEFAULT_DAYS says.
        calendar: cuts the periods.
        now: seconds since 1970; the running period is left out.
    """
    days = days or DEFAULT_DAYS[name.window]
    return Span(name, *evaluated_time(calendar, name.window, days, now))


def suggest_limits(
    connection: Connection,
    span: Span,
    calendar: Calendar,
    rules: Rules,
    at_limits: Sequence[int] = (),
) -> Suggestion | None:
    """Suggest limits from the counters.

    Args:
        connection: to the tables.
        span: of a mailbox's limit; domains and the server are evaluated in the same time.
        calendar: cuts the periods.
        rules: the settings in force without boosts.
        at_limits: values whose effect on mailboxes is computed beside that of the proposed one.

    Returns:
        None: nothing was counted in this time.
    """
    begun = beginning(connection, span)
    if begun is None:
        return None
    since, periods_with_mail = begun
    statistics = []
    exceeding: list[ExceedingSubject] = []
    trials: list[Trial] = []
    for scope in Scope:
        of_scope = span._replace(name=span.name._replace(scope=scope))
        history = History(amounts(connection, of_scope), busiest(connection, of_scope))
        if not history.amounts:
            continue  # other windows than a day are counted only in the scopes that have a limit
        found = scope_statistics(of_scope.name, history)
        statistics.append(found)
        exceeding.extend(_exceeding(connection, of_scope, found.proposed, rules))
        if scope is Scope.MAILBOX:
            trials = [trial(history, limit) for limit in sorted({*at_limits, found.proposed})]
    return Suggestion(
        span.name,
        since,
        span.until,
        count_periods(calendar, span.name.window, since, span.until),
        periods_with_mail,
        refused_subjects(connection, span),
        statistics,
        trials,
        exceeding,
    )


def compare_with_learned(
    connection: Connection, found: Suggestion, calendar: Calendar, rules: Rules, now: int
) -> Comparison | None:
    """Compare learned limits with those that were tried for all, over the 35 days before today.

    Args:
        connection: to the tables.
        found: whose trials.
        calendar: cuts the periods.
        rules: the settings in force without boosts: how limits are learned, if the file says so.
        now: seconds since 1970.

    Returns:
        None: no limits are learned in this window, or no mailbox has sent anything in 70 days.
    """
    name, limits = found.name, [one.limit for one in found.trials]
    if name.window not in LEARNED_WINDOWS:
        return None
    since, until = days_to_learn_from(calendar, now)
    before = days_to_learn_from(calendar, since)[0]
    times = learned.Span(before, until)
    everyone = rules.file.by_subject.get((EVERYONE, name))
    rule = (everyone and everyone.learn) or EXAMPLE_RULE
    days = Days(calendar)
    refusals = learned.refusals_by_subject(connection, Scope.MAILBOX, times)
    mailboxes = (
        mailbox_days(counts, refusals.get(subject, ()), days)
        for subject, counts in learned.counts_by_subject(connection, name, times)
    )
    outcomes = compare(mailboxes, rule, limits, days.number(until - 1))
    return None if outcomes is None else Comparison(since, until, rule, outcomes)


def _exceeding(
    connection: Connection, span: Span, proposed: int, rules: Rules
) -> Iterator[ExceedingSubject]:
    for subject, highest, periods in above(connection, span, proposed):
        won = rules.winner(span.name, counted_sender(span.name.scope, subject))
        setting = won[0] if won and won[0].subject != EVERYONE else None
        own = setting.max if setting else None
        is_enough = setting is not None and (own is None or own >= highest)
        needed = None if is_enough else round_above(highest)
        yield ExceedingSubject(span.name, subject, highest, periods, own, needed)
