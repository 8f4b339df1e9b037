"""`sendlimit release`: a suspended mailbox may send again."""

from __future__ import annotations

import click

from sendlimit.cli.invocation import Invocation, pass_invocation
from sendlimit.cli.options import as_json
from sendlimit.cli.printing import print_data, print_json, print_note
from sendlimit.errors import SendlimitError
from sendlimit.rules.limit import Scope
from sendlimit.store.suspensions import release as release_subject
from sendlimit.store.suspensions import suspension_record, suspensions


@click.command()
@click.argument("subject")
@as_json
@pass_invocation
def release(invocation: Invocation, subject: str, *, as_json: bool) -> None:
    """End the suspension of a mailbox or domain: it may send from the next mail on.

    What it sent before stays counted: 'sendlimit usage reset' gives it back. Change the password
    first, or it is suspended again.

    Example: sendlimit release alice@example.org
    """
    with invocation.database() as connection:
        who = invocation.subject(subject, connection)
        made = release_subject(connection, who.key, invocation.author())
        above = [
            row
            for level in who.levels
            if level != who.key
            for row in suspensions(connection, level)
        ]
        invocation.wait_for_daemon(connection, made)
    if not made.result:
        raise SendlimitError(f"{who.title} is not suspended; see 'sendlimit suspensions'")
    if as_json:
        print_json([suspension_record(row) for row in made.result])
        return
    print_data(f"{'everyone' if who.scope is Scope.GLOBAL else who.title}: released")
    for row in above:
        print_note(f"{row.setting.subject} is suspended as well: release it, too")
