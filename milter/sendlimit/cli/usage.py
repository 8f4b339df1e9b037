"""`sendlimit usage`: set running counts to 0."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sendlimit.cli.admin import confirm
from sendlimit.cli.invocation import Invocation, pass_invocation
from sendlimit.cli.options import as_json, yes_option
from sendlimit.cli.printing import local_time, print_json, print_note, print_table
from sendlimit.reports.records import taken_record
from sendlimit.store import usage as counting

if TYPE_CHECKING:
    from sendlimit.rules.limit import CounterKey, LimitName
    from sendlimit.rules.window import Calendar


@click.group()
def usage() -> None:
    """Change what has been counted."""


@usage.command()
@click.argument("subject")
@yes_option
@as_json
@pass_invocation
def reset(invocation: Invocation, subject: str, *, yes: bool, as_json: bool) -> None:
    """Set the running counts of a mailbox, a domain, or the server ('global') to 0.

    Only its own counts: resetting a mailbox leaves those of its domain and of the server. The
    numbers that were taken away are printed; they can't be put back by a command. Earlier days
    are kept. To let somebody send more without losing the count, use 'limit set --until'.

    Example: sendlimit usage reset alice@example.org
    """
    at = invocation.now()
    calendar = invocation.calendar
    with invocation.database() as connection:
        who = invocation.subject(subject, connection)
        keys = counting.running_keys(who.scope, who.key, calendar, at)
        used = {key: used for key, used in counting.usage(connection, keys).items() if used}
        if used and not yes:
            sums = _sums(used, calendar)
            numbers = ", ".join(f"{name} {amount}" for name, (amount, *_) in sums.items())
            print_note(f"{who.title} has used: {numbers}")
            confirm("Set these to 0?")
        taken: dict[CounterKey, int] = {}
        if used:
            made = counting.reset(connection, [*used], invocation.author())
            taken = made.result
            invocation.wait_for_daemon(connection, made)
    if as_json:
        print_json([taken_record(key, amount, calendar) for key, amount in taken.items()])
        return
    if not taken:
        print_note(f"{who.title}: nothing is used")
        return
    print_table(
        ("COUNTER", ">|TAKEN AWAY", "PERIOD FROM", "TO"),
        (
            (str(name), str(amount), local_time(calendar, start), local_time(calendar, end))
            for name, (amount, start, end) in _sums(taken, calendar).items()
        ),
    )
    print_note(f"{who.title}: all running counts are 0 now")


def _sums(used: dict[CounterKey, int], calendar: Calendar) -> dict[LimitName, tuple[int, int, int]]:
    """Return by limit what is used, since when and until when: the steps of a rolling window are one."""
    sums: dict[LimitName, tuple[int, int, int]] = {}
    for key in sorted(used):
        period = calendar.period(key.window, key.period_start)
        name = key.name
        amount, start, _ = sums.get(name, (0, period.start, 0))
        sums[name] = (amount + used[key], start, period.end)
    return sums
