"""`sendlimit learn`: work out the learned limits now, as the daemon does once a day."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sendlimit.cli.invocation import Invocation, pass_invocation
from sendlimit.cli.options import as_json, dry_run_option
from sendlimit.cli.printing import limit_value, print_json, print_note, print_table
from sendlimit.errors import SendlimitError
from sendlimit.onboarding.learning import learn_limits, names_to_learn, write_learned
from sendlimit.store.overrides import lasting
from sendlimit.store.sqltime import to_iso

if TYPE_CHECKING:
    from sendlimit.onboarding.learning import LearnedLimit
    from sendlimit.rules.window import Calendar


@click.command()
@dry_run_option("set")
@as_json
@pass_invocation
def learn(invocation: Invocation, *, dry_run: bool, as_json: bool) -> None:
    """Work out each mailbox's own limit from the last 35 days, where the file wants it learned.

    The daemon does it after the beginning of each day. What changes is listed: the limit before
    and now, and the day that it comes from. 'sendlimit show' says it of one mailbox.

    Example: sendlimit learn --dry-run
    """
    calendar = invocation.calendar
    with invocation.database() as connection:
        rules = invocation.rules_without_boosts(lasting(connection))
        if not names_to_learn(rules):
            raise SendlimitError(
                f"{invocation.path}: no limit is to be learned; write one as mailbox.messages_per_day ="
                " { learned = { times = 2, at_least = 50, at_most = 1000 } }"
            )
        found = learn_limits(connection, rules, calendar, invocation.now())
        if not dry_run:
            for made in write_learned(connection, found, invocation.author()):
                invocation.wait_for_daemon(connection, made)
    changed = [one for one in found if one.is_changed]
    if as_json:
        print_json([_record(one) for one in changed])
        return
    if changed:
        print_table(
            ("SUBJECT, LIMIT", ">|BEFORE", ">|NOW", "FROM"),
            (
                (
                    [one.subject, str(one.name)],
                    _limit(one.before),
                    _limit(one.learned.max if one.learned else None),
                    _origin(one, calendar),
                )
                for one in changed
            ),
        )
    same = len(found) - len(changed)
    print_note(f"{len(changed)} limits change, {same} stay as they are")
    if dry_run:
        print_note("nothing was changed (--dry-run)")


def _limit(value: int | None) -> str:
    return "-" if value is None else limit_value(value)


def _origin(one: LearnedLimit, calendar: Calendar) -> list[str]:
    if one.learned is None:
        return ["nothing in the last 35 days"]
    return [calendar.local_text(one.learned.period_start), one.why]


def _record(one: LearnedLimit) -> dict[str, object]:
    learned = one.learned
    return {
        "subject": one.subject,
        "limit": str(one.name),
        "before": one.before,
        "max": learned.max if learned else None,
        "greatest": learned.greatest if learned else None,
        "learned_from": to_iso(learned.period_start) if learned else None,
    }
