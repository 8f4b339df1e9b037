"""`sendlimit refusals`: the episodes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from sendlimit.cli.invocation import Invocation, pass_invocation
from sendlimit.cli.options import as_json, value_of
from sendlimit.cli.printing import local_time, print_data, print_json, print_note, print_table
from sendlimit.reports.records import episode_record
from sendlimit.reports.timestamps import lookback_start
from sendlimit.rules.limit import EVERYONE, Scope
from sendlimit.rules.subject import mailbox_subject
from sendlimit.store.episodes import episodes_since

if TYPE_CHECKING:
    from sendlimit.rules.episode import Episode
    from sendlimit.rules.limit import CounterKey
    from sendlimit.rules.window import Calendar
    from sendlimit.store.connection import Connection

_POLL_S = 2


@click.command()
@click.option(
    "--since",
    default="24h",
    show_default=True,
    metavar="TIME",
    help='How far to look back: 24h, 7d, or "2026-11-22 08:00".',
)
@click.option(
    "--mailbox", metavar="MAILBOX", help="Only refusals of this mailbox, by whichever limit."
)
@click.option(
    "--follow", is_flag=True, help="Go on printing refusals as they happen, until Ctrl-C."
)
@as_json
@pass_invocation
def refusals(
    invocation: Invocation, *, since: str, mailbox: str | None, follow: bool, as_json: bool
) -> None:
    """List the mail that was refused.

    Repeats are one line: all refusals by one limit in one period, with the number of attempts
    and who tried last. In mode "observe" they are the refusals that would have been. With
    --json --follow each line is one JSON object.

    Example: sendlimit refusals --since 7d --mailbox alice@example.org
    """
    calendar = invocation.calendar
    with value_of("--since"):
        start = lookback_start(since, calendar, invocation.now())
    with invocation.database() as connection:
        key = _mailbox(mailbox, invocation, connection) if mailbox is not None else None
        found = episodes_since(connection, start, key)
        if follow:
            _follow(invocation, connection, found, key, as_json=as_json)
            return
    if as_json:
        print_json([episode_record(episode) for episode in found])
    elif found:
        _print(found, calendar)
    else:
        print_note(f"no refusals since {local_time(calendar, start)}")


def _mailbox(text: str, invocation: Invocation, connection: Connection) -> str:
    """Read --mailbox; a name with a dot and without "@" can only be a login here."""
    who = invocation.subject(text, connection)
    if who.scope is Scope.DOMAIN and "@" not in text:
        who = mailbox_subject(text.strip(), invocation.config.identity.default_domain)
    if who.scope is not Scope.MAILBOX:
        raise click.BadParameter(
            f"{text!r} is {who.title}; allowed: a mailbox", param_hint="--mailbox"
        )
    return who.key


def _print(episodes: list[Episode], calendar: Calendar) -> None:
    print_table(
        ("|LAST, FIRST", "LIMIT", ">|TIMES", "LAST BY"),
        (
            (
                [local_time(calendar, episode.last_at), local_time(calendar, episode.first_at)],
                _limit_lines(episode),
                str(episode.attempts),
                [episode.last_mailbox, f"[{episode.last_client_addr}]", f"<{episode.last_sender}>"],
            )
            for episode in episodes
        ),
    )


def _limit_lines(episode: Episode) -> list[str]:
    name = episode.key.name
    own = episode.key.subject in {EVERYONE, episode.last_mailbox}
    return [str(name), f"limit {episode.limit}", *([] if own else [f"of {episode.key.subject}"])]


def _follow(
    invocation: Invocation,
    connection: Connection,
    found: list[Episode],
    mailbox: str | None,
    *,
    as_json: bool,
) -> None:
    """Print each episode, and again when it has more attempts, until Ctrl-C."""
    seen: dict[CounterKey, int] = {}
    newest = invocation.now()
    try:
        while True:
            for episode in reversed(found):
                if seen.get(episode.key) != episode.attempts:
                    seen[episode.key] = episode.attempts
                    _print_line(episode, invocation.calendar, as_json=as_json)
                newest = max(newest, episode.last_at)
            invocation.sleep(_POLL_S)
            # A daemon may write a refusal up to a minute later, after an outage of the database.
            found = episodes_since(connection, newest - 60, mailbox)
    except KeyboardInterrupt:
        return


def _print_line(episode: Episode, calendar: Calendar, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(episode_record(episode)))
        return
    print_data(
        f"{local_time(calendar, episode.last_at)}  {', '.join(_limit_lines(episode))}, {episode.attempts} times:"
        f" {episode.last_mailbox} [{episode.last_client_addr}] <{episode.last_sender}>"
    )
