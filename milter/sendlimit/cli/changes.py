"""`sendlimit changes`: who changed which limit or count, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sendlimit.cli.invocation import Invocation, pass_invocation
from sendlimit.cli.options import as_json, value_of
from sendlimit.cli.printing import limit_value, local_time, print_json, print_note, print_table
from sendlimit.reports.records import change_record
from sendlimit.reports.timestamps import lookback_start
from sendlimit.store.changes import recorded_changes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sendlimit.rules.window import Calendar
    from sendlimit.store.changes import RecordedChange

_SAID_ELSEWHERE = {"subject", "set_by", "set_at"}


@click.command()
@click.option("--subject", metavar="SUBJECT", help="Only those of a mailbox, a domain, or '*'.")
@click.option(
    "--since",
    default="30d",
    show_default=True,
    metavar="TIME",
    help='How far to look back: 24h, 90d, or "2026-11-22 08:00".',
)
@as_json
@pass_invocation
def changes(invocation: Invocation, *, subject: str | None, since: str, as_json: bool) -> None:
    """List who changed which limit or count, the last change first.

    Every change by a command or a program is in it, for ever; what somebody changed in the tables
    by SQL, or in the configuration file, is not.

    Example: sendlimit changes --subject alice@example.org --since 90d
    """
    calendar = invocation.calendar
    with value_of("--since"):
        start = lookback_start(since, calendar, invocation.now())
    with invocation.database() as connection:
        key = invocation.subject(subject, connection).key if subject else None
        found = recorded_changes(connection, start, key)
    if as_json:
        print_json([change_record(row) for row in found])
    elif found:
        print_table(
            ("|WHEN", "WHO, FROM", "WHAT, OF", "BEFORE", "AFTER"),
            (_cells(row, calendar) for row in found),
        )
    else:
        print_note(f"no changes since {local_time(calendar, start)}")


def _cells(row: RecordedChange, calendar: Calendar) -> tuple[str | list[str], ...]:
    return (
        "?" if row.at is None else local_time(calendar, row.at),
        [row.who or "?", row.origin],
        [row.change.what, row.change.subject],
        [*_words(row.change.before)],
        [*_words(row.change.after), *_until_released(row)],
    )


def _until_released(row: RecordedChange) -> Iterator[str]:
    after = row.change.after
    if row.change.what == "suspend" and isinstance(after, dict) and after.get("until") is None:
        yield "until released"


def _words(value: object) -> Iterator[str]:
    """Write what a change has before or after; it may be anything that JSON can be."""
    if isinstance(value, list):
        for each in value:
            yield from _words(each)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key in _SAID_ELSEWHERE or (inner in (None, "", []) and key != "max"):
                continue
            if isinstance(inner, list | dict):
                yield from _words(inner)
            elif key == "max":
                yield limit_value(inner)
            elif key == "limit":
                yield str(inner)
            else:
                yield f"{key} {inner}"
    elif value is not None:
        yield str(value)
