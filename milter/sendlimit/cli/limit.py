"""`sendlimit limit`: overrides and boosts in the database."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click

from sendlimit.cli.admin import admin_name
from sendlimit.cli.invocation import Invocation, pass_invocation
from sendlimit.cli.options import as_json, check_reason, until_of
from sendlimit.cli.printing import (
    limit_value,
    local_time,
    local_time_with_zone,
    print_data,
    print_json,
    print_note,
    print_table,
)
from sendlimit.cli.subject import note_never_counted
from sendlimit.cli.types import LimitNameType, LimitValueType
from sendlimit.errors import SendlimitError
from sendlimit.rules.limit import LimitName, Scope, Setting
from sendlimit.rules.mailbox import Sender
from sendlimit.rules.override import Override
from sendlimit.rules.subject import Subject, check_scope
from sendlimit.store.overrides import (
    has_rows,
    override_record,
    overrides,
    set_override,
    unset_override,
)
from sendlimit.store.sqltime import to_iso

if TYPE_CHECKING:
    from sendlimit.rules.window import Calendar
    from sendlimit.store.connection import Connection


class _SetCommand(click.Command):
    """Says of a value such as -5 that it is no limit, where click takes it for an option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the words of the command line."""
        words = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            written = next((word for word in words if word.startswith(error.option_name)), "")
            if error.option_name[1:].isdigit():
                LimitValueType().convert(written, None, ctx)
            raise


@click.group()
def limit() -> None:
    """Set limits in the database, for good or for a while.

    They go before the limits in the configuration file and hold from the next mail on. For
    each limit the most specific setting wins: the mailbox's, then its domain's, then that for
    everyone ('*'); among equals first the boost, then the override, then the file.
    """


@limit.command("set", cls=_SetCommand)
@click.argument("subject")
@click.argument("name", type=LimitNameType(), metavar="SCOPE.NAME")
@click.argument("value", type=LimitValueType(), metavar="VALUE")
@click.option(
    "--until",
    metavar="TIME",
    help='Make it a boost that ends by itself: "2026-11-27 18:00", "2026-11-27" (when that day begins), "18:00", "+2h", "+3d".',
)
@click.option("--reason", default="", metavar="TEXT", help="Why; shown by 'limit list' and 'show'.")
@as_json
@pass_invocation
def set_limit(  # noqa: PLR0913 - one parameter an argument
    invocation: Invocation,
    *,
    subject: str,
    name: LimitName,
    value: int | str,
    until: str | None,
    reason: str,
    as_json: bool,
) -> None:
    r"""Set a limit for a mailbox, a domain, or everyone.

    SUBJECT is a mailbox, a domain, or 'everyone' (also '*'). SCOPE says what is counted together:
    each mailbox ('mailbox'), all mailboxes of a domain ('domain'), or the server ('global').
    VALUE is a whole number (0: nothing may be sent) or 'unlimited'. TIME is on the clock of
    calendar.timezone.

    Examples:
      sendlimit limit set alice@example.org mailbox.messages_per_day 500 \
        --until +8h --reason "newsletter"
      sendlimit limit set example.org mailbox.messages_per_hour 50
      sendlimit limit set example.org domain.messages_per_day 5000
      sendlimit limit set '*' global.messages_per_day unlimited
    """
    at = invocation.now()
    calendar = invocation.calendar
    valid_until = until_of(until, calendar, at)
    check_reason(reason)
    with invocation.database() as connection:
        who = invocation.subject(subject, connection)
        try:
            check_scope(who, name)
        except ValueError as error:
            raise click.UsageError(str(error)) from error
        setting = Setting(who.key, name, None if isinstance(value, str) else value, valid_until)
        row = Override(setting, reason, admin_name(), at)
        made = set_override(connection, row, invocation.author())
        before = made.result
        if not as_json:
            note_never_counted(who, connection)
        others = [other for other in overrides(connection, [who.key]) if other.setting.name == name]
        invocation.wait_for_daemon(connection, made)
    if as_json:
        print_json(
            {"now": override_record(row), "before": override_record(before) if before else None}
        )
        return
    print_data(f"{_titled(who)}: {name} is {_value(row, calendar)}")
    print_data(
        f"before: {_described(before, calendar) if before else f'no {_kind(is_boost=valid_until is not None)}'}"
    )
    print_data(f"undo:   {_undo(who, row, before, at)}")
    if valid_until is None:
        for other in others:
            if other.setting.valid_until is not None and other.setting.valid_until > at:
                print_note(f"a boost goes before it: {_described(other, calendar)}")


@limit.command("unset")
@click.argument("subject")
@click.argument("name", type=LimitNameType(), metavar="SCOPE.NAME")
@click.option("--boost", "kind", flag_value="boost", help="The boost, which has an end.")
@click.option("--lasting", "kind", flag_value="lasting", help="The override without an end.")
@as_json
@pass_invocation
def unset_limit(
    invocation: Invocation, *, subject: str, name: LimitName, kind: str | None, as_json: bool
) -> None:
    """Take back what 'limit set' has set for a mailbox, a domain, or everyone.

    The next setting in line holds then, in the end the one in the file. Where a boost and a
    lasting override stand side by side, say which.

    Example: sendlimit limit unset alice@example.org mailbox.messages_per_day
    """
    with invocation.database() as connection:
        who = _stored_or_read(subject, invocation, connection)
        is_boost = {"boost": True, "lasting": False}.get(kind or "")
        if is_boost is None:
            kinds = has_rows(connection, who.key, name)
            if len(kinds) > 1:
                raise SendlimitError(
                    f"{who.key} has a boost and a lasting override of {name}: say --boost or --lasting"
                )
            is_boost = True in kinds
        made = unset_override(connection, who.key, name, invocation.author(), is_boost=is_boost)
        before = made.result
        invocation.wait_for_daemon(connection, made)
    if before is None and not made.id:
        what = f"no {_kind(is_boost=is_boost)}" if kind else "neither a boost nor an override"
        raise SendlimitError(
            f"{_titled(who)} has {what} of {name} in the database; see 'sendlimit limit list'"
        )
    if as_json:
        print_json({"now": None, "before": override_record(before) if before else None})
        return
    print_data(f"{_titled(who)}: {name}: the {_kind(is_boost=is_boost)} is removed")
    if before is None:
        print_data("before: a row that could not be read")
        return
    print_data(f"before: {_described(before, invocation.calendar)}")
    if (undo := _set_again(who, before, invocation.now())) is not None:
        print_data(f"undo:   {undo}")


@limit.command("list")
@click.argument("subject", required=False)
@as_json
@pass_invocation
def list_limits(invocation: Invocation, subject: str | None, *, as_json: bool) -> None:
    """List the limits that are set in the database, of one SUBJECT or of all.

    Those of the file are in 'sendlimit config limits'.

    Example: sendlimit limit list example.org
    """
    at = invocation.now()
    calendar = invocation.calendar
    with invocation.database() as connection:
        who = invocation.subject(subject, connection) if subject else None
        found = overrides(connection, [who.key] if who else None)
    if as_json:
        print_json([{**override_record(row), "in_force": row.holds(at)} for row in found])
        return
    if not found:
        whose = "" if who is None else f" of {_titled(who)}"
        print_note(f"no limits{whose} are set in the database")
        return
    print_table(
        ("SUBJECT, LIMIT", ">|VALUE", "UNTIL", "SET BY, WHY"),
        (
            (
                [row.setting.subject, str(row.setting.name)],
                limit_value(row.setting.max),
                _until(row, calendar, at),
                [
                    f"{row.set_by or '?'}, {local_time(calendar, row.set_at)}",
                    *([row.reason] if row.reason else []),
                ],
            )
            for row in found
        ),
    )


def _stored_or_read(text: str, invocation: Invocation, connection: Connection) -> Subject:
    """Read a SUBJECT; one that SQL has written into er_limit in its own spelling is that row's."""
    is_stored = bool(overrides(connection, [text]))
    try:
        subject = invocation.subject(text, connection)
    except click.UsageError:
        if not is_stored:
            raise
    else:
        if not is_stored or subject.key == text:
            return subject
    return Subject(Scope.MAILBOX, text, Sender(text, None))


def _titled(who: Subject) -> str:
    return "everyone (*)" if who.scope is Scope.GLOBAL else who.title


def _kind(*, is_boost: bool) -> str:
    return "boost" if is_boost else "override"


def _until(row: Override, calendar: Calendar, at: int) -> list[str]:
    if row.setting.valid_until is None:
        return ["(lasting)"]
    return [
        local_time(calendar, row.setting.valid_until),
        *([] if row.holds(at) else ["(ended)"]),
    ]


def _value(row: Override, calendar: Calendar) -> str:
    until = row.setting.valid_until
    end = "" if until is None else f" until {local_time_with_zone(calendar, until)}"
    return f"{limit_value(row.setting.max)}{end}"


def _described(row: Override, calendar: Calendar) -> str:
    reason = f" ({row.reason})" if row.reason else ""
    return f"{_value(row, calendar)}, set by {row.set_by or '?'} on {local_time(calendar, row.set_at)}{reason}"


def _undo(who: Subject, row: Override, before: Override | None, at: int) -> str:
    again = _set_again(who, before, at) if before else None
    if again is not None:
        return again
    kind = "lasting" if row.setting.valid_until is None else "boost"
    return f"sendlimit limit unset {shlex.quote(who.word)} {row.setting.name} --{kind}"


def _set_again(who: Subject, row: Override, at: int) -> str | None:
    """Return the command that sets a row; None for a boost that has ended."""
    if not row.holds(at):
        return None
    words = [
        "sendlimit",
        "limit",
        "set",
        who.word,
        str(row.setting.name),
        limit_value(row.setting.max),
    ]
    if row.setting.valid_until is not None:
        words += ["--until", str(to_iso(row.setting.valid_until))]
    if row.reason:
        words += ["--reason", row.reason]
    return shlex.join(words)
