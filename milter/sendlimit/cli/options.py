"""Options that commands share, and how a wrong value of an option is reported."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sendlimit.cli.printing import local_time_with_zone
from sendlimit.postfix.snapshot import ISPCONFIG
from sendlimit.reports.timestamps import timestamp
from sendlimit.rules.limit import Unit
from sendlimit.rules.override import REASON_MAX
from sendlimit.rules.window import Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from sendlimit.rules.window import Calendar

    Command = Callable[..., None]
    Decorator = Callable[[Command], Command]

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON; moments are UTC.")

yes_option = click.option("--yes", is_flag=True, help="Do not ask.")

unit_option = click.option(
    "--unit",
    type=click.Choice([str(unit) for unit in Unit]),
    default=str(Unit.MESSAGES),
    show_default=True,
    help="Mails or their recipients, all or external ones.",
)


def window_option(windows: Iterable[Window], what: str) -> Decorator:
    """Return the option --window.

    Args:
        windows: the allowed ones, with the day among them, which is the default.
        what: its help.
    """
    return click.option(
        "--window",
        type=click.Choice([str(window) for window in windows]),
        default=str(Window.DAY),
        show_default=True,
        help=what,
    )


def dry_run_option(done: str) -> Decorator:
    """Return the option --dry-run; `done` says what is not done, such as "set"."""
    return click.option("--dry-run", is_flag=True, help=f"Only show what would be {done}.")


def postfix_options(command: Command) -> Command:
    """Add the options that name the directories of Postfix and ISPConfig."""
    directory = click.Path(path_type=Path, file_okay=False)
    command = click.option(
        "--ispconfig-directory",
        type=directory,
        metavar="DIRECTORY",
        help=f"Where ISPConfig is installed; default: {ISPCONFIG}, if it is there.",
    )(command)
    return click.option(
        "--config-directory",
        type=directory,
        metavar="DIRECTORY",
        help="Where main.cf and master.cf are; default: where postconf looks.",
    )(command)


def database_options(
    prefix: str, *, url_help: str, file_help: str, required: bool = False
) -> Decorator:
    """Return the options --PREFIX-url and --PREFIX-password-file.

    Args:
        prefix: "admin" or "from".
        url_help: help of the first.
        file_help: help of the second.
        required: whether the url must be given.
    """

    def add(command: Command) -> Command:
        command = click.option(
            f"--{prefix}-password-file",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help=file_help,
        )(command)
        return click.option(f"--{prefix}-url", required=required, metavar="URL", help=url_help)(
            command
        )

    return add


@contextmanager
def value_of(option: str) -> Iterator[None]:
    """Report a ValueError as a wrong value of an option.

    Raises:
        click.BadParameter: the sentence of the ValueError, with the option's name.
    """
    try:
        yield
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint=option) from error


def until_of(text: str | None, calendar: Calendar, at: int) -> int | None:
    """Return the moment that --until names, seconds since 1970; None: it was not given.

    Raises:
        click.BadParameter: it names no moment, or one that is over.
    """
    if text is None:
        return None
    with value_of("--until"):
        until = timestamp(text, calendar, at)
        if until <= at:
            raise ValueError(f"{local_time_with_zone(calendar, until)} is in the past")
    return until


def check_reason(reason: str) -> None:
    """Refuse a --reason that the column has no room for.

    Raises:
        click.BadParameter: says how many characters are allowed.
    """
    with value_of("--reason"):
        if len(reason) > REASON_MAX:
            raise ValueError(f"has {len(reason)} characters; allowed: {REASON_MAX}")


def require_yes_for_json(*, as_json: bool, is_agreed: bool) -> None:
    """Refuse --json where a question would have to be asked.

    Args:
        as_json: --json was given.
        is_agreed: --yes or --dry-run was given.

    Raises:
        click.UsageError: says what to add.
    """
    if as_json and not is_agreed:
        raise click.UsageError("--json does not ask: say --yes or --dry-run, too")
