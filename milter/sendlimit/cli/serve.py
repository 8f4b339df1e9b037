"""`sendlimit serve`: the daemon."""

from __future__ import annotations

import os
import sys

import click

from sendlimit.cli.invocation import Invocation, pass_invocation
from sendlimit.cli.printing import print_note
from sendlimit.errors import ConfigError, UnusableFile


@click.command()
@pass_invocation
def serve(invocation: Invocation) -> None:
    """Run the daemon that Postfix asks, until it is told to stop.

    It logs to stderr (systemd's journal) and syslog. SIGHUP reads the configuration again, SIGTERM
    answers the mail in flight, books what is left to book, and ends. Started by root it takes, for good, the rights
    of the user who owns state_dir.

    Example: sendlimit serve --config /etc/sendlimit/sendlimit.toml
    """
    from sendlimit.daemon.rights import drop_root  # noqa: PLC0415 - for this command alone
    from sendlimit.daemon.service import serve as serve_milter  # noqa: PLC0415 - only the daemon loads libmilter

    try:
        if not drop_root(invocation.config):
            print_note(
                f"the owner of {invocation.config.state_dir} may not read this program: it runs with root's rights"
            )
        serve_milter(invocation.path)
    except ConfigError as error:
        # Only what stands in the file has the code after which systemd never tries again.
        if isinstance(error.__cause__, OSError):
            raise UnusableFile(error.problems) from error
        raise
    # libmilter's threads still run and would call into an interpreter that is finalized.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
