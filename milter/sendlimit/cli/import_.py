"""`sendlimit import`: limits of other programs become overrides."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import click

from sendlimit.cli.admin import admin_name, confirm
from sendlimit.cli.invocation import Invocation, pass_invocation
from sendlimit.cli.options import (
    as_json,
    database_options,
    dry_run_option,
    require_yes_for_json,
    value_of,
    yes_option,
)
from sendlimit.cli.printing import limit_value, print_data, print_json, print_note, print_table
from sendlimit.cli.types import LimitNameType
from sendlimit.config.limits import MAX_LIMIT
from sendlimit.config.reading import secret
from sendlimit.errors import SendlimitError
from sendlimit.onboarding import csv_file, iredapd, policyd_rate_guard
from sendlimit.onboarding.import_plan import ImportPlan, plan_import
from sendlimit.rules.limit import MESSAGES_PER_DAY, LimitName, Scope, counted_sender
from sendlimit.rules.override import REASON_MAX, Override
from sendlimit.store.foreign import read_table
from sendlimit.store.location import MariaDBLocation, parse_url
from sendlimit.store.overrides import lasting, override_record, set_overrides

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from sendlimit.onboarding.foreign_limits import ForeignLimits, ImportNote
    from sendlimit.onboarding.import_plan import OverrideChange
    from sendlimit.rules.limit import Setting
    from sendlimit.rules.precedence import Rules

_EXAMPLES = 3
_MAILBOX_A_DAY = next(name for name in MESSAGES_PER_DAY if name.scope is Scope.MAILBOX)


@click.group("import")
def import_() -> None:
    """Take over the limits of another program, as lasting overrides.

    First it shows what it would set, and what of the other program's limits can't be said here.
    Then it asks. All is set in one transaction; the other database is only read.
    """


_from_database = database_options(
    "from",
    url_help="The other program's database: 'mysql://USER@HOST/DATABASE', also with '?unix_socket=PATH', or 'sqlite:///PATH'.",
    file_help="File with the password for it.",
    required=True,
)


class ImportOptions(NamedTuple):
    """The options that all imports have.

    Attributes:
        replace: overrides with another value are replaced, not kept.
        dry_run: nothing is set.
        yes: the admin is not asked.
        as_json: JSON is printed.
    """

    replace: bool
    dry_run: bool
    yes: bool
    as_json: bool


def _import_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that all imports have."""
    command = dry_run_option("set")(yes_option(as_json(command)))
    return click.option(
        "--replace", is_flag=True, help="Replace overrides that have another value; else they stay."
    )(command)


@import_.command("policyd-rate-guard")
@_from_database
@click.option(
    "--default",
    type=click.IntRange(0, MAX_LIMIT),
    metavar="N",
    help="Its QUOTA: becomes the limit for everyone; mailboxes that have it get none of their own.",
)
@_import_options
@pass_invocation
def import_policyd_rate_guard(
    invocation: Invocation,
    /,
    *,
    from_url: str,
    from_password_file: Path | None,
    default: int | None,
    **options: bool,
) -> None:
    r"""Take over the table 'ratelimits' of policyd-rate-guard.

    A row becomes mailbox.recipients_per_day. That table has a row for everybody who ever sent,
    most of them with the default, QUOTA in its .env: say it with --default.

    Example:
      sendlimit import policyd-rate-guard --default 1000 \
        --from-url mysql://rateguard@localhost/rateguard --from-password-file pw
    """
    rows = _rows(from_url, from_password_file, policyd_rate_guard.TABLE)
    foreign = policyd_rate_guard.read(rows, invocation.config.identity.default_domain, default)
    usual = policyd_rate_guard.usual_quota(foreign)
    if default is None and usual is not None:
        print_note(
            f"more than half of the rows have {usual}: if that is QUOTA, say --default {usual}"
        )
    _import(
        invocation,
        "policyd-rate-guard",
        foreign,
        ImportOptions(**options),
    )


@import_.command("iredapd")
@_from_database
@_import_options
@pass_invocation
def import_iredapd(
    invocation: Invocation,
    /,
    *,
    from_url: str,
    from_password_file: Path | None,
    **options: bool,
) -> None:
    r"""Take over the table 'throttle' of iRedAPD.

    Of the rows with kind 'outbound', max_msgs becomes mailbox.recipients_per_minute, hour, day
    or month (it counts recipients there, too), and max_rcpts mailbox.recipients_per_message: for
    a mailbox, for each mailbox of a domain, or for everyone.

    Example:
      sendlimit import iredapd --dry-run \
        --from-url mysql://iredapd@localhost/iredapd --from-password-file pw
    """
    foreign = iredapd.read(_rows(from_url, from_password_file, iredapd.TABLE))
    _import(
        invocation,
        "iRedAPD",
        foreign,
        ImportOptions(**options),
    )


@import_.command("csv")
@click.argument("file", type=click.Path(allow_dash=True, dir_okay=False))
@click.option(
    "--limit",
    "name",
    type=LimitNameType(),
    default=str(_MAILBOX_A_DAY),
    show_default=True,
    metavar="SCOPE.NAME",
    help="Which limit of the mailboxes the numbers are.",
)
@_import_options
@pass_invocation
def import_csv(
    invocation: Invocation,
    /,
    *,
    file: str,
    name: LimitName,
    **options: bool,
) -> None:
    """Take over a CSV file with two columns: mailbox and limit.

    The limit is a whole number or 'unlimited'. A line with headings may come first. '-' reads
    standard input. A mistake is named by line and column, and nothing is set.

    Example: sendlimit import csv limits.csv --limit mailbox.recipients_per_hour
    """
    with value_of("--limit"):
        if name.scope is not Scope.MAILBOX:
            raise ValueError(f"{name} is not a limit of a mailbox; allowed: mailbox.NAME")
    source = "standard input" if file == "-" else file
    with click.open_file(file, "rb") as opened:
        content = opened.read()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SendlimitError(
            f"{source}: is not UTF-8: {error.reason} at byte {error.start}"
        ) from error
    foreign = csv_file.read(text, source, name, invocation.config.identity.default_domain)
    _import(invocation, source, foreign, ImportOptions(**options))


def _rows(url: str, password_file: Path | None, table: str) -> list[dict[str, object]]:
    """Read a table of the other program."""
    with value_of("--from-url"):
        location = parse_url(url)
    if password_file is not None:
        password = secret(password_file, "--from-password-file")
    else:
        password = (location.password or "") if isinstance(location, MariaDBLocation) else ""
    return read_table(location, password, table)


def _import(
    invocation: Invocation, source: str, foreign: ForeignLimits, options: ImportOptions
) -> None:
    """Print what would change, ask, and set the limits."""
    require_yes_for_json(as_json=options.as_json, is_agreed=options.dry_run or options.yes)
    at = invocation.now()
    reason, set_by = f"imported from {source}"[:REASON_MAX], admin_name()
    with invocation.database() as connection:
        existing = lasting(connection)
        planned = plan_import(foreign.settings, existing, replace=options.replace)
        if not options.as_json:
            _show(planned, foreign, invocation.rules_without_boosts(existing))
            if not planned.changes:
                print_note("there is nothing to set")
                return
            if options.dry_run:
                print_note("nothing was changed (--dry-run)")
                return
            if not options.yes:
                confirm(f"Set these limits ({len(planned.changes)})?")
        if not options.dry_run:
            changes = [
                (Override(change.setting, reason, set_by, at), change.before)
                for change in planned.changes
            ]
            made = set_overrides(connection, changes, invocation.author())
            invocation.wait_for_daemon(connection, made)
    if options.as_json:
        record = _record(source, planned, foreign, invocation.rules_without_boosts(existing))
        print_json({**record, "applied": not options.dry_run})
    else:
        print_note(
            f"limits that were set: {len(planned.changes)} ({reason}); see 'sendlimit limit list'"
        )


def _show(planned: ImportPlan, foreign: ForeignLimits, rules: Rules) -> None:
    """Print a table for each limit, then notes on what was left out or counts differently."""
    after = [
        *((change.setting, limit_value(change.setting.max)) for change in planned.changes),
        *((kept.setting, f"kept, not {limit_value(kept.setting.max)}") for kept in planned.kept),
    ]
    by_name: dict[LimitName, list[tuple[str, str, str]]] = {}
    for setting, word in sorted(after, key=lambda pair: pair[0].subject):
        row = (setting.subject, _in_force(setting, rules), word)
        by_name.setdefault(setting.name, []).append(row)
    for name, rows in sorted(by_name.items()):
        print_table((str(name), ">|BEFORE", ">|AFTER"), rows)
        print_data("")
    if planned.kept:
        print_note(f"overrides that are kept: {len(planned.kept)} (--replace replaces them)")
    if planned.unchanged:
        print_note(f"limits that are set like this already: {planned.unchanged}")
    _print_notes("left out, nothing is set for it:", foreign.left_out)
    _print_notes("set, but it counts in another way now:", foreign.different)


def _print_notes(heading: str, notes: Iterable[ImportNote]) -> None:
    for number, note in enumerate(notes):
        if number == 0:
            print_data(heading)
        examples = ", ".join(note.subjects[:_EXAMPLES])
        more = ", ..." if len(note.subjects) > _EXAMPLES else ""
        print_data(f"{len(note.subjects):>6}  {note.reason} ({examples}{more})")


def _in_force(setting: Setting, rules: Rules) -> str:
    won = rules.winner(setting.name, counted_sender(setting.name.scope, setting.subject))
    return "unlimited" if won is None else f"{limit_value(won[0].max)} ({won[1]})"


def _record(
    source: str, planned: ImportPlan, foreign: ForeignLimits, rules: Rules
) -> Mapping[str, object]:
    return {
        "source": source,
        "changes": [_change_record(change, rules) for change in planned.changes],
        "kept": [_change_record(change, rules) for change in planned.kept],
        "unchanged": planned.unchanged,
        "left_out": [_note_record(note) for note in foreign.left_out],
        "different": [_note_record(note) for note in foreign.different],
    }


def _change_record(change: OverrideChange, rules: Rules) -> dict[str, object]:
    setting = change.setting
    won = rules.winner(setting.name, counted_sender(setting.name.scope, setting.subject))
    return {
        "subject": setting.subject,
        "limit": str(setting.name),
        "max": setting.max,
        "max_before": won[0].max if won else None,
        "origin_before": str(won[1]) if won else None,
        "override_before": override_record(change.before) if change.before else None,
    }


def _note_record(note: ImportNote) -> dict[str, object]:
    return {"reason": note.reason, "subjects": list(note.subjects)}
