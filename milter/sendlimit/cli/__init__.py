"""The command `sendlimit`: one module a command, data to stdout, words to stderr.

Exit codes: 0 done, 1 failed or refused, 2 usage or configuration. The other roof over
exceptions is in the milter session; everything in between lets them through.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from typing import TYPE_CHECKING, NoReturn

import click

from sendlimit import __version__
from sendlimit.cli.invocation import Invocation
from sendlimit.cli.lazy import LazyGroup
from sendlimit.cli.printing import complain, never_fail_on_characters
from sendlimit.errors import SendlimitError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# Every command, in the order of the help: its name, its module in this package, its function.
COMMANDS = {
    "serve": "serve:serve",
    "check": "check:check",
    "config": "config:config",
    "db": "db:db",
    "show": "show:show",
    "top": "top:top",
    "refusals": "refusals:refusals",
    "limit": "limit:limit",
    "usage": "usage:usage",
    "suggest": "suggest:suggest",
    "import": "import_:import_",
    "purge": "purge:purge",
    "postfix": "postfix:postfix",
    "doctor": "doctor:doctor",
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
) -> int:
    """Run one command and return its exit code. The roof: every exception ends here.

    Args:
        words: the command line without the program.
        clock: says what time it is, seconds since 1970.
        sleep: waits for some seconds (refusals --follow).
    """
    invocation = Invocation(clock, sleep)
    never_fail_on_characters()
    try:
        code = sendlimit.main(list(words), "sendlimit", standalone_mode=False, obj=invocation)
        sys.stdout.flush()
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else 0
    except BrokenPipeError:
        # Whoever read our output has gone; Python would complain again when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (KeyboardInterrupt, click.Abort):
        complain("interrupted")
        return 1
    except Exception as error:  # noqa: BLE001 - the roof
        if invocation.debug:
            traceback.print_exc()
        return _explained(error)
    return code if isinstance(code, int) else 0


def _explained(error: Exception) -> int:
    """Say on stderr what went wrong; return the exit code."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return error.exit_code
    if isinstance(error, click.ClickException):
        complain(error.format_message(), *_where_to_look(error))
        return error.exit_code
    if isinstance(error, SendlimitError):
        complain(*str(error).splitlines())
        return error.exit_code
    if isinstance(error, UnicodeEncodeError):
        complain(f"{error.object!a} is not UTF-8")  # a word of the command, in no encoding of ours
        return 2
    if isinstance(error, OSError):
        complain(f"{error.filename}: {error.strerror}" if error.filename else str(error))
        return 1
    complain(f"unexpected {type(error).__name__}: {error}", "'--debug' shows where")
    return 1


def _where_to_look(error: click.ClickException) -> list[str]:
    """Name the help that goes with a wrong use of a command."""
    if not isinstance(error, click.UsageError):
        return []
    return [f"see '{error.ctx.command_path if error.ctx else 'sendlimit'} --help'"]
