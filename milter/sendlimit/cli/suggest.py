"""`sendlimit suggest`: limits that fit what has been sent."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, NamedTuple

import click

from sendlimit.cli.invocation import Invocation, as_json, pass_invocation
from sendlimit.cli.printing import (
    limit_value,
    local_time,
    print_data,
    print_json,
    print_note,
    print_table,
)
from sendlimit.errors import SendlimitError
from sendlimit.onboarding.proposal import (
    History,
    Summary,
    count_periods,
    looked_at,
    round_above,
    summary,
    trial,
)
from sendlimit.rules.limit import EVERYONE, LimitName, Scope, Unit, counted_sender
from sendlimit.rules.precedence import Rules
from sendlimit.rules.window import Window
from sendlimit.store.history import Span, above, amounts, beginning, busiest, refused_subjects
from sendlimit.store.overrides import lasting
from sendlimit.store.sqltime import to_iso

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sendlimit.onboarding.proposal import Trial
    from sendlimit.rules.window import Calendar
    from sendlimit.store.connection import Connection

_DAYS = {Window.HOUR: 30, Window.DAY: 30, Window.MONTH: 365}
_DAYS_MAX = 3660


class Exceeding(NamedTuple):
    """Somebody for whom a proposed limit is too low.

    Attributes:
        name: the limit.
        subject: the mailbox or domain.
        busiest: its highest count.
        periods: how many of its periods were above the limit.
        own: the limit that is set for it or its domain; None: unlimited, or none is set.
        proposed: what it needs; None when what is set is enough.
    """

    name: LimitName
    subject: str
    busiest: int
    periods: int
    own: int | None
    proposed: int | None


class Suggestion(NamedTuple):
    """All that is suggested.

    Attributes:
        name: the limit of a mailbox.
        since, until: the time looked at, from the first period with mail on.
        periods: how many periods this is.
        with_mail: in how many of them any mailbox has sent.
        held_back: how many mailboxes were refused by this limit then.
        summaries: one a scope that was counted.
        trials: what limits for each mailbox would have done.
        exceeding: the mailboxes and domains that need a limit of their own.
    """

    name: LimitName
    since: int
    until: int
    periods: int
    with_mail: int
    held_back: int
    summaries: Sequence[Summary]
    trials: Sequence[Trial]
    exceeding: Sequence[Exceeding]


@click.command()
@click.option(
    "--window",
    type=click.Choice([str(window) for window in _DAYS]),
    default="day",
    show_default=True,
    help="Limits per what.",
)
@click.option(
    "--unit",
    type=click.Choice([str(unit) for unit in Unit]),
    default="messages",
    show_default=True,
    help="Mails, or their recipients.",
)
@click.option(
    "--days",
    type=click.IntRange(1, _DAYS_MAX),
    help="How far to look back; default: 30, with --window month 365.",
)
@click.option(
    "--at-limit",
    "at_limits",
    type=click.IntRange(0),
    multiple=True,
    metavar="N",
    help="Say what a limit of N for each mailbox would have refused; can be given again.",
)
@as_json
@pass_invocation
def suggest(  # noqa: PLR0913 - one parameter an option
    invocation: Invocation,
    *,
    window: str,
    unit: str,
    days: int | None,
    at_limits: Sequence[int],
    as_json: bool,
) -> None:
    """Propose limits from what has been counted.

    It looks at finished periods only, and at a mailbox only in periods in which it sent: days
    without mail are left out. The proposal for mailboxes is the smallest round number above what
    99 of 100 mailboxes sent in their busiest period; in the same way for domains and the server.
    Messages a day are always counted; other windows, and recipients, while a limit on them is in
    force for anybody. Nothing is set: the lines to take over are printed.

    Example: sendlimit suggest --at-limit 100 --at-limit 500
    """
    at = invocation.now()
    name = LimitName(Scope.MAILBOX, Unit(unit), Window(window))
    calendar = invocation.calendar
    time = looked_at(calendar, name.window, days or _DAYS[name.window], at)
    with invocation.database() as connection:
        holding = [row.setting for row in lasting(connection).values()]
        rules = Rules(invocation.file_settings).with_rows(holding)
        found = _suggestion(connection, Span(name, *time), calendar, rules, at_limits)
    if as_json:
        print_json(_record(found))
    else:
        _show(found, calendar, observes=invocation.config.mode == "observe")


def _suggestion(
    connection: Connection,
    span: Span,
    calendar: Calendar,
    rules: Rules,
    at_limits: Sequence[int],
) -> Suggestion:
    """Make the suggestion.

    Raises:
        SendlimitError: nothing was counted in this time.
    """
    begun = beginning(connection, span)
    if begun is None:
        raise SendlimitError(
            f"no {span.name} has been counted from {local_time(calendar, span.since)} to"
            f" {local_time(calendar, span.until)}: look back further with --days; other than messages"
            " a day is counted only while a limit on it is in force, however high"
        )
    since, with_mail = begun
    summaries = []
    exceeding: list[Exceeding] = []
    trials: list[Trial] = []
    for scope in Scope:
        of_scope = span._replace(name=span.name._replace(scope=scope))
        history = History(amounts(connection, of_scope), busiest(connection, of_scope))
        if not history.amounts:
            continue  # other windows are counted in the scopes that have a limit
        found = summary(of_scope.name, history)
        summaries.append(found)
        exceeding.extend(_exceeding(connection, of_scope, found.proposed, rules))
        if scope is Scope.MAILBOX:
            trials = [trial(history, limit) for limit in sorted({*at_limits, found.proposed})]
    return Suggestion(
        span.name,
        since,
        span.until,
        count_periods(calendar, span.name.window, since, span.until),
        with_mail,
        refused_subjects(connection, span),
        summaries,
        trials,
        exceeding,
    )


def _exceeding(
    connection: Connection, span: Span, proposed: int, rules: Rules
) -> Iterator[Exceeding]:
    for subject, highest, periods in above(connection, span, proposed):
        won = rules.winner(span.name, counted_sender(span.name.scope, subject))
        setting = won[0] if won and won[0].subject != EVERYONE else None
        own = setting.max if setting else None
        enough = setting is not None and (own is None or own >= highest)
        needed = None if enough else round_above(highest)
        yield Exceeding(span.name, subject, highest, periods, own, needed)


def _show(found: Suggestion, calendar: Calendar, *, observes: bool) -> None:
    unit, window = found.name.unit, found.name.window
    print_data(
        f"{unit} per {window}, {local_time(calendar, found.since)} to {local_time(calendar, found.until)}"
    )
    print_data(
        f"{found.periods} {window}s, {found.with_mail} of them with mail; the running one is left out"
    )
    print_data(f"of each mailbox, only {window}s in which it sent are counted", "")
    print_table(
        (
            "",
            ">|SUBJECTS",
            f">|{window.upper()}S",
            ">|P50",
            ">|P95",
            ">|P99",
            ">|MAX",
            ">|PROPOSED",
        ),
        ((str(one.name.scope), *(str(value) for value in one[1:])) for one in found.summaries),
    )
    print_data("", "a limit for each mailbox would have refused:")
    print_table(
        (">|LIMIT", ">|MAILBOXES", f">|{window.upper()}S", f">|{unit.upper()}"),
        (tuple(str(value) for value in one) for one in found.trials),
    )
    if found.exceeding:
        print_data("", "above the proposed limit, they need one of their own:")
        print_table(
            ("SUBJECT", ">|BUSIEST", f">|{window.upper()}S ABOVE", ">|HAS", ">|NEEDS"),
            (
                (
                    one.subject,
                    str(one.busiest),
                    str(one.periods),
                    "-" if one.own is None and one.proposed is not None else limit_value(one.own),
                    "-" if one.proposed is None else str(one.proposed),
                )
                for one in found.exceeding
            ),
        )
    print_data("", "to take over, in the configuration file:", "", "[limits]")
    print_data(*(f"{one.name} = {one.proposed}" for one in found.summaries))
    commands = [_command(one) for one in found.exceeding if one.proposed is not None]
    if commands:
        print_data("", "and as commands:", "", *commands)
    if found.held_back and not observes:
        print_note(
            f"mailboxes that were refused by this limit in that time: {found.held_back}; they wanted"
            " to send more than was counted"
        )


def _command(one: Exceeding) -> str:
    reason = f"busiest {one.name.window}: {one.busiest}"
    words = ["sendlimit", "limit", "set", one.subject, str(one.name), str(one.proposed)]
    return shlex.join([*words, "--reason", reason])


def _record(found: Suggestion) -> Mapping[str, object]:
    return {
        "limit": str(found.name),
        "since": to_iso(found.since),
        "until": to_iso(found.until),
        "periods": found.periods,
        "periods_with_mail": found.with_mail,
        "mailboxes_refused": found.held_back,
        "proposals": [_named(one.name, one) for one in found.summaries],
        "trials": [one._asdict() for one in found.trials],
        "exceeding": [_named(one.name, one) for one in found.exceeding],
    }


def _named(name: LimitName, one: Summary | Exceeding) -> dict[str, object]:
    record = one._asdict()
    del record["name"]
    return {"limit": str(name), **record}
