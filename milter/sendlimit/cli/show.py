"""`sendlimit show`: why is the next mail of a subject refused, or not."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import click

from sendlimit.cli.invocation import Invocation, pass_invocation
from sendlimit.cli.options import as_json
from sendlimit.cli.printing import (
    INDENT,
    WIDTH,
    escaped,
    limit_value,
    local_time,
    local_time_with_zone,
    print_data,
    print_json,
    print_note,
)
from sendlimit.cli.subject import note_never_counted
from sendlimit.doctor import reach
from sendlimit.reports.usage import usage_report
from sendlimit.rules.limit import EVERYONE, SUSPENSION, Origin, Scope
from sendlimit.rules.reply import duration
from sendlimit.rules.subject import SERVER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sendlimit.reports.usage import UsageReport
    from sendlimit.rules.decision import LimitUsage
    from sendlimit.rules.episode import Episode
    from sendlimit.rules.explain import LimitSource, LimitStatus
    from sendlimit.rules.window import Calendar


_NAME_WIDTH = 32


@click.command()
@click.argument("subject", default=SERVER)
@as_json
@pass_invocation
def show(invocation: Invocation, subject: str, *, as_json: bool) -> None:
    """Explain the limits of a mailbox, a domain, or the server.

    SUBJECT is a mailbox, a domain, or 'global' (the default: the server). The first line says what happens to the next
    mail. Then come all limits that bear on it: what is used, when the count starts again, and
    which setting each comes from: a boost, an override in the database, or the file.

    Example: sendlimit show alice@example.org
    """
    calendar = invocation.calendar
    with invocation.database() as connection:
        who = invocation.subject(subject, connection)
        report = usage_report(invocation.context, connection, who, invocation.now())
        if not as_json:
            note_never_counted(who, connection)
    daemon = reach.daemon(invocation.config.milter.socket)
    if as_json:
        print_json({**report.record(), "daemon_answers": not daemon.findings})
        return
    explanation = report.explanation
    verdict = _verdict(report, calendar)
    print_data(
        *textwrap.wrap(escaped(verdict), WIDTH, break_on_hyphens=False),
        style="bold red"
        if (explanation.exceeded or explanation.exceeded_external) and not report.is_exempt
        else "bold",
    )
    names = [str(status.name) for status in (*explanation.statuses, *explanation.defaults)]
    width = max(_NAME_WIDTH, *(len(name) + 1 for name in names))
    print_data("", f"{'LIMIT':<{width}}{'USED':>9}{'OF':>11}{'LEFT':>9}  COUNTS AGAIN FROM")
    for status in explanation.statuses:
        print_data(*_lines(status, calendar, width))
    if explanation.defaults:
        print_data("", f"{'FOR EACH, UNLESS SET OTHERWISE':<{width}}{'':>9}{'LIMIT':>11}")
        for status in explanation.defaults:
            print_data(f"{status.name!s:<{width}}{'':>9}{limit_value(status.max):>11}")
            print_data(*_source_lines(status.source, calendar))
    for finding in daemon.findings:
        print_note(f"no mail is limited now: {finding.problem} ({finding.remedy})")


def _verdict(report: UsageReport, calendar: Calendar) -> str:
    """Say what happens to the next mail."""
    who = report.subject
    if report.is_exempt:
        return f"{who.title}: exempt (identity.exempt): its mail is never counted and never refused"
    exceeded, external = report.explanation.exceeded, report.explanation.exceeded_external
    answer = "would be refused, but passes: mode = observe" if report.observes else "is REFUSED"
    if exceeded is None and external is not None:
        return f"{who.title}: the next mail to external recipients {answer}: {_why(external, report, calendar)}; other mail passes"
    if exceeded is None:
        tail = "; mode = observe: nothing is refused" if report.observes else ""
        return f"{who.title}: the next mail passes{tail}"
    if exceeded.limit.name == SUSPENSION:
        return f"{who.title}: the next mail {answer}: suspended; 'sendlimit release' ends it"
    return f"{who.title}: the next mail {answer}: {_why(exceeded, report, calendar)}"


def _why(exceeded: LimitUsage, report: UsageReport, calendar: Calendar) -> str:
    sentence = f"{exceeded.limit.name}, {exceeded.used} of {exceeded.limit.max} used"
    if exceeded.resets_at is None:
        return f"{sentence}: nothing may be sent"
    again = f"{local_time_with_zone(calendar, exceeded.resets_at)} (in {duration(exceeded.resets_at - report.at)})"
    return f"{sentence}; sending works again from {again}"


def _lines(status: LimitStatus, calendar: Calendar, width: int) -> Iterator[str]:
    """Write one limit: the numbers, where it comes from, the last refusals."""
    numbers = f"{status.name!s:<{width}}{_count(status.used):>9}{limit_value(status.max):>11}{_count(status.remaining):>9}"
    # A limit on one message has no count, and a limit of 0 no better period to come.
    starts_again = status.used is not None and status.max != 0
    yield (
        f"{numbers}  {local_time(calendar, status.period.end)}"
        if starts_again
        else numbers.rstrip()
    )
    if status.name.scope is Scope.DOMAIN:
        yield from _wrapped(f"counted for the domain {status.subject} as a whole")
    yield from _source_lines(status.source, calendar)
    if status.episode:
        yield from _wrapped(_last_refused(status.episode, calendar))


def _count(value: int | None) -> str:
    return "-" if value is None else str(value)


def _source_lines(source: LimitSource | None, calendar: Calendar) -> list[str]:
    if source is None:
        return _wrapped("not limited: set nowhere")
    whose = "everyone" if source.subject == EVERYONE else source.subject
    row = source.override
    if source.part_of is not None:
        of, most, percent = source.part_of
        return _wrapped(f"share: {percent} percent of {of}, {most}; set in the file for {whose}")
    if source.learn is not None:
        return _wrapped(_learned(source, calendar))
    if row is None:
        return _wrapped(f"from the file, for {whose}")
    is_suspension = row.setting.name == SUSPENSION
    words = "suspended until it is released" if is_suspension else "override in the database"
    if source.origin is Origin.BOOST and row.setting.valid_until is not None:
        kind = "suspended" if is_suspension else "boost"
        words = f"{kind} until {local_time_with_zone(calendar, row.setting.valid_until)}"
    by = f", set by {row.set_by}" if row.set_by else ""
    why = f": {row.reason}" if row.reason else ""
    return _wrapped(f"{words}, for {whose}{by} on {local_time(calendar, row.set_at)}{why}")


def _learned(source: LimitSource, calendar: Calendar) -> str:
    row = source.override
    if row is None or row.setting.learned_from is None:
        return "to be learned; no day of the last 35 to learn from, at_least holds"
    day = calendar.local_text(row.setting.learned_from)
    return f"learned on {local_time(calendar, row.set_at)} from {day}: {row.reason}"


def _last_refused(episode: Episode, calendar: Calendar) -> str:
    times = (
        "once"
        if episode.attempts == 1
        else f"{episode.attempts} times since {local_time(calendar, episode.first_at)}"
    )
    return (
        f"last refused {local_time(calendar, episode.last_at)}, {times}, at a limit of {episode.limit}: login"
        f" {episode.last_mailbox} from {episode.last_client_addr} as <{episode.last_sender}>"
    )


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(
        escaped(text),
        WIDTH,
        break_on_hyphens=False,
        initial_indent=INDENT,
        subsequent_indent=INDENT + "  ",
    )
