"""Who sits at the terminal: their name, and their yes or no."""

from __future__ import annotations

import os
import pwd
import sys

import click

from sendlimit.errors import SendlimitError


def admin_name() -> str:
    """Return the login name of the admin, also behind sudo."""
    if by_sudo := os.environ.get("SUDO_USER"):
        return by_sudo
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def confirm(question: str) -> None:
    """Let the admin confirm.

    Raises:
        SendlimitError: nobody can be asked, or the answer is no.
    """
    if not sys.stdin.isatty():
        raise SendlimitError("nothing was changed: nobody can be asked here, so say --yes")
    if not click.confirm(question, err=True):
        raise SendlimitError("nothing was changed")
