"""`sendlimit rename`: a mailbox or domain has another name now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sendlimit.cli.admin import confirm
from sendlimit.cli.invocation import Invocation, pass_invocation
from sendlimit.cli.options import as_json, dry_run_option, require_yes_for_json, yes_option
from sendlimit.cli.printing import limit_value, print_data, print_json, print_note
from sendlimit.cli.subject import note_limits_of_file
from sendlimit.reports.records import stored_record
from sendlimit.rules.limit import Scope
from sendlimit.store import subjects
from sendlimit.store.overrides import override_record, overrides_that_stay

if TYPE_CHECKING:
    from sendlimit.rules.subject import Subject


@click.command()
@click.argument("old")
@click.argument("new")
@dry_run_option("renamed")
@yes_option
@as_json
@pass_invocation
def rename(  # noqa: PLR0913 - one parameter an argument
    invocation: Invocation, old: str, new: str, *, dry_run: bool, yes: bool, as_json: bool
) -> None:
    """Let the counts, refusals and limits of a mailbox or domain go on under another name.

    What NEW has sent already is added to it; a limit that is set for NEW stays. Of a domain only
    its own counts and limits move: rename its mailboxes one by one. The counts of the domains
    stay where the mail was sent. The configuration file is not changed.

    Example: sendlimit rename alice@example.org alice.smith@example.org
    """
    require_yes_for_json(as_json=as_json, is_agreed=dry_run or yes)
    with invocation.database() as connection:
        before = invocation.subject(old, connection)
        after = invocation.subject(new, connection)
        _check(before, after)
        moved = subjects.stored(connection, before.scope, before.key)
        there = subjects.stored(connection, after.scope, after.key)
        kept = overrides_that_stay(connection, before.key, after.key)
        if not as_json:
            print_data(f"{before.title}: {moved}")
            if there:
                print_data(f"{after.title} has already: {there}")
            for row in kept:
                print_data(f"stays: {row.setting.name} {limit_value(row.setting.max)}")
            note_limits_of_file(before, invocation)
            if moved and not (dry_run or yes):
                confirm(f"Rename to {after.key}?")
        if not dry_run:
            made = subjects.rename(
                connection, before.scope, before.key, after.key, invocation.author()
            )
            moved, kept = made.result
            invocation.wait_for_daemon(connection, made)
    if as_json:
        print_json(
            {
                "from": before.key,
                "to": after.key,
                **stored_record(moved),
                "kept": [override_record(row) for row in kept],
                "applied": not dry_run,
            }
        )
    elif dry_run:
        print_note("nothing was changed (--dry-run)")
    elif moved:
        print_note(f"{before.title} is {after.key} now")
    else:
        print_note("nothing is stored of it: nothing was changed")


def _check(before: Subject, after: Subject) -> None:
    """Refuse what can't be renamed."""
    if Scope.GLOBAL in {before.scope, after.scope}:
        raise click.UsageError(
            "the server has no other name; allowed: two mailboxes or two domains"
        )
    if before.scope is not after.scope:
        raise click.UsageError(
            f"{before.title} can't become {after.title}; allowed: two mailboxes or two domains"
            " ('@' before it says that a name is a domain's)"
        )
    if before.key == after.key:
        raise click.UsageError(f"{before.title} is the same name")
