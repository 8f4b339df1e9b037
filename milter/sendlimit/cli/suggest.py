"""`sendlimit suggest`: limits that fit what has been sent."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click

from sendlimit.cli.invocation import Invocation, pass_invocation
from sendlimit.cli.options import as_json, unit_option, window_option
from sendlimit.cli.printing import (
    limit_value,
    local_time,
    print_data,
    print_json,
    print_note,
    print_table,
)
from sendlimit.errors import SendlimitError
from sendlimit.onboarding.suggestion import (
    DEFAULT_DAYS,
    compare_with_learned,
    suggest_limits,
    time_to_evaluate,
)
from sendlimit.rules.learning import DAYS
from sendlimit.rules.limit import LimitName, Scope, Unit
from sendlimit.rules.subject import domain_subject
from sendlimit.rules.window import Window
from sendlimit.store.overrides import lasting
from sendlimit.store.sqltime import to_iso

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sendlimit.onboarding.comparison import Comparison
    from sendlimit.onboarding.suggestion import ExceedingSubject, Suggestion
    from sendlimit.onboarding.usage_statistics import ScopeStatistics
    from sendlimit.rules.window import Calendar

_DAYS_MAX = 3660


@click.command()
@window_option(DEFAULT_DAYS, "Limits per what.")
@unit_option
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
    force for anybody. For limits per hour and day it also says what learned limits would have refused
    in the past 35 days, and how much a thief in one mailbox could have sent. Nothing is set: the lines to
    take over are printed.

    Example: sendlimit suggest --at-limit 100 --at-limit 500
    """
    at = invocation.now()
    name = LimitName(Scope.MAILBOX, Unit(unit), Window(window))
    calendar = invocation.calendar
    span = time_to_evaluate(name, days, calendar, at)
    with invocation.database() as connection:
        rules = invocation.rules_without_boosts(lasting(connection))
        found = suggest_limits(connection, span, calendar, rules, at_limits)
        compared = found and compare_with_learned(connection, found, calendar, rules, at)
    if found is None:
        raise SendlimitError(
            f"no {name} has been counted from {local_time(calendar, span.since)} to"
            f" {local_time(calendar, span.until)}: the running {window} is left out, --days looks back"
            " further; other than messages a day is counted only while a limit on it is in force,"
            " however high"
        )
    if as_json:
        print_json(_record(found, compared))
    else:
        _show(found, compared, calendar, observes=invocation.config.mode == "observe")


def _show(
    found: Suggestion, compared: Comparison | None, calendar: Calendar, *, observes: bool
) -> None:
    unit, window = found.name.unit.words, found.name.window
    print_data(
        f"{unit} per {window}, {local_time(calendar, found.since)} to {local_time(calendar, found.until)}"
    )
    print_data(
        f"{found.periods} {window}s, {found.periods_with_mail} of them with mail; the running one is left out"
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
        ((str(one.name.scope), *(str(value) for value in one[1:])) for one in found.statistics),
    )
    print_data("", "a limit for each mailbox would have refused:")
    print_table(
        (">|LIMIT", ">|MAILBOXES", f">|{window.upper()}S", f">|{unit.upper()}"),
        (tuple(str(value) for value in one) for one in found.trials),
    )
    if compared is not None:
        _show_comparison(compared, found.name)
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
    print_data(*(f"{one.name} = {one.proposed}" for one in found.statistics))
    commands = [_command(one) for one in found.exceeding if one.proposed is not None]
    if commands:
        print_data("", "and as commands:", "", *commands)
    if found.mailboxes_refused and not observes:
        print_note(
            f"mailboxes that were refused by this limit in that time: {found.mailboxes_refused}; they wanted"
            " to send more than was counted"
        )


def _show_comparison(found: Comparison, name: LimitName) -> None:
    """Write what learned limits would have done, and what is left to a thief."""
    rule = found.rule
    learned = f"{rule.percent / 100:g} times, {rule.at_least} to {rule.at_most}"
    print_data("", f"the past {DAYS} days with limits that learn ({learned}), or one for all;")
    print_data(
        f"a thief in one mailbox could have sent so many {name.unit.words} in a {name.window}:"
    )
    print_table(
        ("", ">|MAILBOXES REFUSED", ">|DAYS", ">|THIEF, MEDIAN", ">|THIEF, MOST"),
        (
            ("learned" if one.limit is None else f"{one.limit} for all", *map(str, one[1:]))
            for one in found.outcomes
        ),
    )


def _command(one: ExceedingSubject) -> str:
    reason = f"busiest {one.name.window}: {one.busiest}"
    subject = domain_subject(one.subject).word if one.name.scope is Scope.DOMAIN else one.subject
    words = ["sendlimit", "limit", "set", subject, str(one.name), str(one.proposed)]
    return shlex.join([*words, "--reason", reason])


def _record(found: Suggestion, compared: Comparison | None) -> Mapping[str, object]:
    return {
        "limit": str(found.name),
        "since": to_iso(found.since),
        "until": to_iso(found.until),
        "periods": found.periods,
        "periods_with_mail": found.periods_with_mail,
        "mailboxes_refused": found.mailboxes_refused,
        "proposals": [_named(one.name, one) for one in found.statistics],
        "trials": [one._asdict() for one in found.trials],
        "exceeding": [_named(one.name, one) for one in found.exceeding],
        "comparison": None if compared is None else _compared(compared),
    }


def _compared(found: Comparison) -> Mapping[str, object]:
    rule = found.rule
    return {
        "since": to_iso(found.since),
        "until": to_iso(found.until),
        "times": rule.percent / 100,
        "at_least": rule.at_least,
        "at_most": rule.at_most,
        "outcomes": [one._asdict() for one in found.outcomes],
    }


def _named(name: LimitName, one: ScopeStatistics | ExceedingSubject) -> dict[str, object]:
    record = one._asdict()
    del record["name"]
    return {"limit": str(name), **record}
