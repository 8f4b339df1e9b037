"""`sendlimit top`: the subjects that have sent most."""

from __future__ import annotations

import click

from sendlimit.cli.invocation import Invocation, pass_invocation
from sendlimit.cli.options import as_json, unit_option, window_option
from sendlimit.cli.printing import limit_value, local_time, print_json, print_note, print_table
from sendlimit.rules.limit import LimitName, Scope, Unit, counted_names, counted_sender
from sendlimit.rules.window import PERIODIC_WINDOWS, Window
from sendlimit.store.sqltime import to_iso
from sendlimit.store.usage import top as most_used


@click.command()
@window_option(PERIODIC_WINDOWS, "Which running period.")
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
    period = invocation.calendar.period(name.window, at)
    with invocation.database() as connection:
        found = most_used(connection, name, period.start, count)
        rules = invocation.rules(connection)
    rows = []
    for subject, used in found:
        limit = rules.limit(name, counted_sender(name.scope, subject))
        rows.append((subject, used, limit.max if limit else None))
    if as_json:
        print_json(
            {
                "limit": str(name),
                "period_start": to_iso(period.start),
                "period_end": to_iso(period.end),
                "subjects": [
                    {"subject": subject, "used": used, "max": maximum}
                    for subject, used, maximum in rows
                ],
            }
        )
        return
    since = f"{name} since {local_time(invocation.calendar, period.start)}"
    if rows:
        print_table(
            (scope.upper(), ">|USED", ">|OF", ">|LEFT"),
            (
                (
                    subject,
                    str(used),
                    limit_value(maximum),
                    "-" if maximum is None else str(max(0, maximum - used)),
                )
                for subject, used, maximum in rows
            ),
        )
    if name not in counted_names(rules.names()):
        print_note(f"{name} is not counted: no limit on it is in force for anybody")
    else:
        print_note(since if rows else f"nothing is counted yet: {since}")
