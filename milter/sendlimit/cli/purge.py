"""`sendlimit purge`: remove old counters, refusals and ended boosts."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from sendlimit.cli.invocation import Invocation, pass_invocation
from sendlimit.cli.options import as_json, value_of
from sendlimit.cli.printing import local_time, print_data, print_json, print_note
from sendlimit.reports.timestamps import time_span
from sendlimit.rules.window import DAY_S
from sendlimit.store.episodes import remove_old
from sendlimit.store.overrides import remove_ended
from sendlimit.store.usage import forget_committers, remove_finished

if TYPE_CHECKING:
    from collections.abc import Callable

_REPORT_EVERY = 10_000


@click.command()
@click.option(
    "--older-than",
    default="90d",
    show_default=True,
    metavar="SPAN",
    help="How much to keep, at least 1d.",
)
@as_json
@pass_invocation
def purge(invocation: Invocation, *, older_than: str, as_json: bool) -> None:
    """Remove old counts, refusals and ended boosts.

    Counts of periods that have not ended are never touched, nor are limits that hold. Steps of
    rolling windows are no history: they go a day after they have left the window. It works
    in small steps beside the daemon; the timer sendlimit-purge.timer runs it every day.

    Example: sendlimit purge --older-than 400d
    """
    with value_of("--older-than"):
        seconds = time_span(older_than)
        if seconds < DAY_S:
            raise ValueError(f"{older_than!r} is too short; allowed: 1d and more")
    now = invocation.now()
    before = max(0, now - seconds)
    with invocation.database() as connection:
        removed = {
            "counters": remove_finished(
                connection, invocation.calendar, before, _progress("counters"), now
            ),
            "refusals": remove_old(connection, before, _progress("refusals")),
            "boosts": remove_ended(connection, before),
            "committers": forget_committers(connection, before, now),
        }
    if as_json:
        print_json(removed)
        return
    print_data(f"removed what is older than {local_time(invocation.calendar, before)}:")
    print_data(*(f"{count:>9} {what}" for what, count in removed.items()))


def _progress(what: str) -> Callable[[int], None]:
    """Return a function that prints the progress now and then."""
    reported = 0

    def progress(removed: int) -> None:
        nonlocal reported
        if removed - reported >= _REPORT_EVERY:
            reported = removed
            print_note(f"{removed} {what} removed so far")
            sys.stderr.flush()

    return progress
