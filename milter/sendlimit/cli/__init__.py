"""The command `sendlimit`: one module for each command, data to stdout, notes to stderr.

Exit codes: 0 done, 1 failed or refused, 2 usage or configuration. `run` is the boundary at which
every exception of a command becomes an exit code and a sentence.
"""

from __future__ import annotations

import os
import re
import sys
import time
import traceback
from typing import TYPE_CHECKING, NoReturn

import click

from sendlimit import __version__
from sendlimit.cli.admin import RUN_AS_ROOT, needs_root
from sendlimit.cli.invocation import Invocation
from sendlimit.cli.lazy import LazyGroup
from sendlimit.cli.printing import escape_unencodable_output, print_error
from sendlimit.cli.spelling import did_you_mean
from sendlimit.errors import SendlimitError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# click 8.1 has no such error: there `sendlimit limit` prints its help to stdout.
_NO_WORDS: type[click.UsageError] | tuple[()] = getattr(click.exceptions, "NoArgsIsHelpError", ())

# Every command, in the order of the help: its name, its module in this package, its function.
COMMANDS = {
    "serve": "serve:serve",
    "status": "status:status",
    "check": "check:check",
    "config": "config:config",
    "db": "db:db",
    "show": "show:show",
    "top": "top:top",
    "refusals": "refusals:refusals",
    "limit": "limit:limit",
    "usage": "usage:usage",
    "learn": "learn:learn",
    "suspend": "suspend:suspend",
    "release": "release:release",
    "suspensions": "suspensions:suspensions",
    "rename": "rename:rename",
    "forget": "forget:forget",
    "changes": "changes:changes",
    "suggest": "suggest:suggest",
    "import": "import_:import_",
    "purge": "purge:purge",
    "notify": "notify:notify",
    "postfix": "postfix:postfix",
    "doctor": "doctor:doctor",
    "web": "web:web",
    "completion": "completion:completion",
    "manual": "manual:manual",
}


@click.group(
    cls=LazyGroup, modules=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, message="sendlimit %(version)s")
def sendlimit() -> None:
    """Limit what each mailbox, domain and server may send through Postfix.

    The daemon ('sendlimit serve') counts the mail of every login and answers mail over a limit
    with a temporary refusal. The other commands set limits and show what is going on.

    Examples:
      sendlimit check                    is everything in order?
      sendlimit show alice@example.org   why was she refused?
      sendlimit limit set alice@example.org mailbox.messages_per_day 500 --until +8h
    """


def main() -> NoReturn:
    """Run the command that the process was started with."""
    sys.exit(run(sys.argv[1:]))


def run(
    words: Sequence[str],
    *,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> int:
    """Run one command and return its exit code; no exception leaves it.

    Args:
        words: the command line without the program.
        clock: says what time it is, seconds since 1970.
        sleep: waits for some seconds (refusals --follow, changes that the daemon hears of).
        monotonic: seconds of a clock that only goes forward.
    """
    invocation = Invocation(clock, sleep, monotonic=monotonic)
    escape_unencodable_output()
    try:
        code = sendlimit.main(list(words), "sendlimit", standalone_mode=False, obj=invocation)
        sys.stdout.flush()
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else 0
    except BrokenPipeError:
        # The reader of the output has gone; Python would report it again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (KeyboardInterrupt, click.Abort):
        print_error("interrupted")
        return 1
    except Exception as error:  # noqa: BLE001 - the boundary
        if invocation.debug:
            traceback.print_exc()
        code = _report(error)
        if needs_root(error) and "serve" not in words:  # the daemon is not run as root
            print_error(RUN_AS_ROOT)
        return code
    return code if isinstance(code, int) else 0


def _report(error: Exception) -> int:
    """Print what went wrong to stderr; return the exit code."""
    if isinstance(error, _NO_WORDS):
        click.echo(error.format_message(), err=True)
        return error.exit_code
    if isinstance(error, click.ClickException):
        print_error(error.format_message() + _like_a_command(error), *_help_hint(error))
        return error.exit_code
    if isinstance(error, SendlimitError):
        print_error(*str(error).splitlines())
        return error.exit_code
    if isinstance(error, UnicodeEncodeError):
        # An argument of the command line in another encoding.
        print_error(f"{error.object!a} is not UTF-8")
        return 2
    if isinstance(error, OSError):
        print_error(f"{error.filename}: {error.strerror}" if error.filename else str(error))
        return 1
    print_error(f"unexpected {type(error).__name__}: {error}", "'--debug' shows where")
    return 1


_UNKNOWN_COMMAND = re.compile(r"No such command '(.*)'\.")


def _like_a_command(error: click.ClickException) -> str:
    """Say which command is like an unknown one; before click 8.5, and of a lazy group, click doesn't."""
    unknown = _UNKNOWN_COMMAND.fullmatch(error.format_message())
    context = error.ctx if isinstance(error, click.UsageError) else None
    if unknown is None or context is None or not isinstance(context.command, click.Group):
        return ""
    found = did_you_mean(unknown[1], context.command.list_commands(context)).strip()
    return f" {found.capitalize()}" if found else ""


def _help_hint(error: click.ClickException) -> list[str]:
    """Return a line that names the help, for an error in the use of a command."""
    if not isinstance(error, click.UsageError):
        return []
    return [f"see '{error.ctx.command_path if error.ctx else 'sendlimit'} --help'"]
