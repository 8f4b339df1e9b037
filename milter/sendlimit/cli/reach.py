"""Ask the daemon's socket as Postfix would, and tell whether Postfix can get at it."""

from __future__ import annotations

import grp
import os
import pwd
import socket
import stat
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_TIMEOUT_S = 3
# SMFIC_OPTNEG of milter protocol 6, offering all actions and all protocol steps, as Postfix does.
_NEGOTIATE = struct.pack("!IcIII", 13, b"O", 6, 0x1FF, 0x1FFFFF)
_QUIT = struct.pack("!Ic", 1, b"Q")
_HEADER = struct.Struct("!Ic")
_POSTFIX = "postfix"


def daemon_answers(family: socket.AddressFamily, address: str | tuple[str, int]) -> bool:
    """Begin a milter conversation and end it again; True when a milter answers.

    Raises:
        OSError: nobody listens, or nobody answers in time.
    """
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.settimeout(_TIMEOUT_S)
        client.connect(address)
        client.sendall(_NEGOTIATE)
        answer = b""
        while len(answer) < _HEADER.size and (more := client.recv(_HEADER.size - len(answer))):
            answer += more
        client.sendall(_QUIT)
    return len(answer) == _HEADER.size and _HEADER.unpack(answer)[1] == b"O"


def obstacle(path: Path, group: str) -> str | None:
    """Say what keeps Postfix from a unix socket; None: nothing.

    Args:
        path: the socket.
        group: milter.socket_group, through which Postfix gets in.
    """
    try:
        gid = grp.getgrnam(group).gr_gid
    except KeyError:
        return f"there is no group {group} (milter.socket_group)"
    try:
        account = pwd.getpwnam(_POSTFIX)
        uid, gids = account.pw_uid, set(os.getgrouplist(_POSTFIX, account.pw_gid))
    except KeyError:
        uid, gids = -1, {gid}
    for folder in reversed(path.parents):
        if not _may(folder.stat(), uid, gids, stat.S_IXUSR):
            return f"Postfix can't enter {folder}"
    if not _may(path.stat(), uid, gids, stat.S_IRUSR | stat.S_IWUSR):
        return f"Postfix may not use {path}: its user is not in group {group}, or the mode is wrong"
    return None


def _may(status: os.stat_result, uid: int, gids: set[int], owner_bits: int) -> bool:
    """Apply the rules of access(2) for another user."""
    if status.st_uid == uid:
        needed = owner_bits
    elif status.st_gid in gids:
        needed = owner_bits >> 3
    else:
        needed = owner_bits >> 6
    return status.st_mode & needed == needed
