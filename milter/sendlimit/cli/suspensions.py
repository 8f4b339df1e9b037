"""`sendlimit suspensions`: who is suspended, by whom, why and until when."""

from __future__ import annotations

import click

from sendlimit.cli.invocation import Invocation, pass_invocation
from sendlimit.cli.options import as_json
from sendlimit.cli.printing import local_time, print_json, print_note, print_table
from sendlimit.store.suspensions import suspension_record
from sendlimit.store.suspensions import suspensions as stored_suspensions


@click.command()
@as_json
@pass_invocation
def suspensions(invocation: Invocation, *, as_json: bool) -> None:
    """List who is suspended now: by a command, or by [suspend] of the configuration file.

    Example: sendlimit suspensions
    """
    at = invocation.now()
    calendar = invocation.calendar
    with invocation.database() as connection:
        found = [
            row
            for row in stored_suspensions(connection)
            if row.setting.valid_until is None or row.setting.valid_until > at
        ]
    if as_json:
        print_json([suspension_record(row) for row in found])
    elif found:
        print_table(
            ("SUBJECT", "|UNTIL", "|SINCE", "BY, WHY"),
            (
                (
                    row.setting.subject,
                    "(released)"
                    if row.setting.valid_until is None
                    else local_time(calendar, row.setting.valid_until),
                    local_time(calendar, row.set_at),
                    [row.set_by or "?", *([row.reason] if row.reason else [])],
                )
                for row in found
            ),
        )
    else:
        print_note("no one is suspended")
