"""`sendlimit suspend`: a mailbox may send nothing until it is released or a moment has come."""

from __future__ import annotations

import shlex

import click

from sendlimit.cli.invocation import Invocation, pass_invocation
from sendlimit.cli.options import as_json, check_reason, until_of
from sendlimit.cli.printing import local_time_with_zone, print_data, print_json, print_note
from sendlimit.cli.subject import note_never_counted
from sendlimit.rules.limit import Scope
from sendlimit.rules.subject import is_exempt
from sendlimit.store import suspensions


@click.command()
@click.argument("subject")
@click.option(
    "--until",
    metavar="TIME",
    help='When it ends by itself: "2026-11-27 18:00", "18:00", "+24h"; default: when it is released.',
)
@click.option(
    "--reason", default="", metavar="TEXT", help="Why; shown by 'suspensions' and 'show'."
)
@as_json
@pass_invocation
def suspend(
    invocation: Invocation, *, subject: str, until: str | None, reason: str, as_json: bool
) -> None:
    """Let a mailbox, or all mailboxes of a domain, send nothing.

    From the next mail on each is refused with the text reply.suspended, which says no number.
    An earlier suspension of the same SUBJECT is replaced. 'sendlimit release' ends it.

    Example: sendlimit suspend alice@example.org --until +24h --reason "stolen password"
    """
    valid_until = until_of(until, invocation.calendar, invocation.now())
    check_reason(reason)
    with invocation.database() as connection:
        who = invocation.subject(subject, connection)
        author = invocation.author()
        made = suspensions.suspend(connection, who.key, valid_until, reason, author)
        if not as_json:
            note_never_counted(who, connection)
        invocation.wait_for_daemon(connection, made)
    if as_json:
        print_json(suspensions.suspension_record(made.result.now))
        return
    whose = "everyone" if who.scope is Scope.GLOBAL else who.title
    end = "released"
    if valid_until is not None:
        end = local_time_with_zone(invocation.calendar, valid_until)
    print_data(f"{whose}: suspended until {end}")
    print_data(f"undo:   sendlimit release {shlex.quote(who.word)}")
    if is_exempt(who.sender, invocation.config.identity.exempt_keys()):
        print_note("it is exempt (identity.exempt): its mail passes all the same")
    if invocation.config.mode == "observe":
        print_note("mode = observe: its mail passes, and the log says would-refuse")
