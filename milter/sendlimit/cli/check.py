"""`sendlimit check`: a line for the file, the database, its tables, the limits and the socket."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import click

from sendlimit.cli.admin import RUN_AS_ROOT, needs_root
from sendlimit.cli.invocation import Invocation, pass_invocation
from sendlimit.cli.options import as_json
from sendlimit.cli.printing import print_error, print_json, print_table
from sendlimit.doctor import settings
from sendlimit.errors import ConfigError
from sendlimit.maillog import stderr_is_journal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sendlimit.doctor.check import Check

_LAYERS = {"tables": "schema", "daemon": "socket", "reachable": "socket"}
"""What --json calls the checks; the other names are the same."""


class _Line(NamedTuple):
    state: str
    layer: str
    message: str


@click.command()
@click.option(
    "--file",
    "only_file",
    is_flag=True,
    help="Only the file, and the secrets that it names: what a reload reads.",
)
@as_json
@pass_invocation
def check(invocation: Invocation, *, only_file: bool, as_json: bool) -> None:
    """Check the file, the database, rights, limits and the socket.

    Nothing is changed. Run it as root, who may read everything. Exit code 0 when there is no
    error, 2 when the configuration is wrong, else 1. 'sendlimit doctor' goes further and looks
    at Postfix, too.

    Examples:
      sendlimit check
      sendlimit check --file
    """
    try:
        examination = invocation.examination()
        checks = [examination.file()] if only_file else [*examination.in_short()]
        exit_code = int(any(one.has_errors for one in checks))
    except ConfigError as error:
        checks = [settings.file(invocation.path, error.problems)]
        if needs_root(error):
            print_error(RUN_AS_ROOT)
        exit_code = error.exit_code
    lines = [line for one in checks for line in _lines(one)]
    if as_json:
        print_json([line._asdict() for line in lines])
    elif stderr_is_journal() and exit_code:
        # A reload that fails: journalctl -p err finds an error by its priority, on a line of its own.
        print_error(*(line.message for line in lines if line.state == "error"))
    else:
        print_table(("|", "|", ""), [line._replace(state=line.state.upper()) for line in lines])
    click.get_current_context().exit(exit_code)


def _lines(check: Check) -> Iterator[_Line]:
    """Yield a line for each finding, or one that says what is right."""
    layer = _LAYERS.get(check.name, check.name)
    if not check.findings:
        yield _Line("ok", layer, check.message)
    for finding in check.findings:
        subject = "" if finding.subject == check.name else f"{finding.subject}: "
        # A mistake in the file names what is allowed, so it needs no remedy.
        remedy = "" if check.name == "file" else f" ({finding.remedy})"
        yield _Line(finding.severity, layer, f"{subject}{finding.problem}{remedy}")
