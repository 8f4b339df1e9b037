"""`sendlimit serve`: the daemon."""

from __future__ import annotations

import os
import sys

import click

from sendlimit.cli.invocation import Invocation, pass_invocation


@click.command()
@pass_invocation
def serve(invocation: Invocation) -> None:
    """Run the daemon that Postfix asks, until it is told to stop.

    It logs to stderr (systemd's journal). SIGHUP reads the configuration again, SIGTERM
    answers the mail in flight, books what is left to book, and ends.

    Example: sendlimit serve --config /etc/sendlimit/sendlimit.toml
    """
    from sendlimit.daemon.service import serve as serve_milter  # noqa: PLC0415 - only the daemon loads libmilter

    serve_milter(invocation.path)
    # libmilter's threads still run and would call into an interpreter that is finalized.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
