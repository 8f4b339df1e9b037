"""Root does not work by name in a folder that another user owns: it takes that user's rights first.

The owner could put a link in the place of SQLite's file or of its journal, which SQLite opens by
name, and root would write to the target.
"""

from __future__ import annotations

import _strptime  # type: ignore[import-not-found] # noqa: F401 - else datetime imports it later, perhaps without the right to
import os
import pwd
import shlex
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def rights_of_owner(path: Path) -> Iterator[None]:
    """Let root do only what the first other owner of a folder above a file may do.

    The effective ids of the whole process change until the end: for commands, which have one
    thread. Where root owns all of these folders, or another user calls, nothing changes.

    Args:
        path: of the file, absolute; need not exist.
    """
    owner = first_owner(path) if os.geteuid() == 0 else None
    if owner is None:
        yield
        return
    uid, gid = owner
    groups, own_gid = os.getgroups(), os.getegid()
    os.setgroups([gid])
    os.setegid(gid)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(own_gid)
        os.setgroups(groups)


def as_owner(path: Path, command: str, group: str | None = None) -> str:
    """Return a command for root that does its work with the rights of `rights_of_owner`.

    Only root can change a file of its own: for it the command is returned as it is.

    Args:
        path: what the command works on, absolute.
        command: for a shell.
        group: that the command gives to what it works on; None: it changes no group.
    """
    owner = first_owner(path)
    if owner is None or _is_file_of_root(path):
        return command
    uid, gid = owner
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:
        user = str(uid)
    rights = f"--reuid={shlex.quote(user)} --regid={shlex.quote(group or str(gid))} --clear-groups"
    return f"setpriv {rights} sh -c {shlex.quote(command)}"


def _is_file_of_root(path: Path) -> bool:
    try:
        status = path.lstat()
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_uid == 0


def first_owner(path: Path) -> tuple[int, int] | None:
    """Return user and group of the first folder from the top that is not root's."""
    for folder in reversed(path.parents):
        try:
            status = folder.lstat()
        except OSError:
            return None  # opening the file says why
        if status.st_uid != 0:
            return status.st_uid, status.st_gid
    return None
