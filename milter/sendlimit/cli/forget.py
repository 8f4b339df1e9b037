"""`sendlimit forget`: a mailbox or domain is no more."""

from __future__ import annotations

import click

from sendlimit.cli.admin import confirm
from sendlimit.cli.invocation import Invocation, pass_invocation
from sendlimit.cli.options import as_json, dry_run_option, require_yes_for_json, yes_option
from sendlimit.cli.printing import print_data, print_json, print_note
from sendlimit.cli.subject import note_limits_of_file
from sendlimit.reports.records import stored_record
from sendlimit.rules.limit import Scope
from sendlimit.store import subjects


@click.command()
@click.argument("subject")
@dry_run_option("removed")
@yes_option
@as_json
@pass_invocation
def forget(
    invocation: Invocation, subject: str, *, dry_run: bool, yes: bool, as_json: bool
) -> None:
    """Remove the counts, refusals and limits of a mailbox or domain that is no more.

    They can't be put back by a command. Its mail stays counted for its domain and the server.
    Of a domain only its own counts and limits go: forget its mailboxes one by one. 'sendlimit
    changes' still shows what was changed for it. The configuration file is not changed. When it
    sends again, its counts begin at 0.

    Example: sendlimit forget alice@example.org
    """
    require_yes_for_json(as_json=as_json, is_agreed=dry_run or yes)
    with invocation.database() as connection:
        who = invocation.subject(subject, connection)
        if who.scope is Scope.GLOBAL:
            raise click.UsageError("the server can't be forgotten; allowed: a mailbox or a domain")
        gone = subjects.stored(connection, who.scope, who.key)
        if not as_json:
            print_data(f"{who.title}: {gone}")
            note_limits_of_file(who, invocation)
            if gone and not (dry_run or yes):
                confirm("Remove these?")
        if not dry_run:
            made = subjects.forget(connection, who.scope, who.key, invocation.author())
            gone = made.result
            invocation.wait_for_daemon(connection, made)
    if as_json:
        print_json({"subject": who.key, **stored_record(gone), "applied": not dry_run})
    elif dry_run:
        print_note("nothing was changed (--dry-run)")
    else:
        print_note("it is removed" if gone else "nothing is stored of it")
