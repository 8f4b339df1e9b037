"""The admin who runs a command: the login name, and the answer to a question."""

from __future__ import annotations

import os
import pwd
import sys

import click

from sendlimit.errors import SendlimitError, causes

RUN_AS_ROOT = "run it as root: sudo sendlimit ..."


def admin_name() -> str:
    """Return the login name of the admin, also behind sudo."""
    if by_sudo := os.environ.get("SUDO_USER"):
        return by_sudo
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def confirm(question: str) -> None:
    """Ask the admin on the terminal to confirm.

    Raises:
        SendlimitError: there is no terminal, or the answer is no.
    """
    if not sys.stdin.isatty():
        raise SendlimitError("nothing was changed: nobody can be asked here, so say --yes")
    if not click.confirm(question, err=True):
        raise SendlimitError("nothing was changed")


def needs_root(error: BaseException | None) -> bool:
    """Say whether a command failed for lack of a right that root has."""
    if os.geteuid() == 0:
        return False
    return any(
        isinstance(cause, PermissionError) or "unable to open database file" in str(cause)
        for cause in causes(error)
    )
