"""`sendlimit top`: the subjects that have sent most."""

from __future__ import annotations

import click

from sendlimit.cli.invocation import Invocation, pass_invocation
from sendlimit.cli.options import as_json, unit_option, window_option
from sendlimit.cli.printing import limit_value, local_time, print_json, print_note, print_table
from sendlimit.reports.top import top_report
from sendlimit.rules.limit import LimitName, Scope, Unit, counted_names
from sendlimit.rules.window import COUNTED_WINDOWS, Window


@click.command()
@window_option(COUNTED_WINDOWS, "Which running period, or rolling window.")
@click.option(
    "--scope",
    type=click.Choice(["mailbox", "domain"]),
    default="mailbox",
    show_default=True,
    help="Mailboxes or domains.",
)
@unit_option
@click.option(
    "-n",
    "--number",
    "count",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    help="How many to list.",
)
@as_json
@pass_invocation
def top(  # noqa: PLR0913 - one parameter an option
    invocation: Invocation, *, window: str, scope: str, unit: str, count: int, as_json: bool
) -> None:
    """List who has sent most in the running period.

    Mailboxes, or with --scope domain domains. Messages a day are always counted; other windows, and recipients, while a limit on them is
    in force for anybody.

    Example: sendlimit top --window month -n 5
    """
    at = invocation.now()
    name = LimitName(Scope(scope), Unit(unit), Window(window))
    with invocation.database() as connection:
        report = top_report(invocation.context, connection, name, at, count)
        counted = counted_names(invocation.context.names_in_force(connection, at))
    if as_json:
        print_json(report.record())
        return
    since = f"{name} since {local_time(invocation.calendar, report.period.start)}"
    if report.subjects:
        print_table(
            (scope.upper(), ">|USED", ">|OF", ">|LEFT"),
            (
                (
                    row.subject,
                    str(row.used),
                    limit_value(row.max),
                    "-" if row.remaining is None else str(row.remaining),
                )
                for row in report.subjects
            ),
        )
    if name not in counted:
        print_note(f"{name} is not counted: no limit on it is in force for anybody")
    else:
        print_note(since if report.subjects else f"nothing is counted yet: {since}")
