"""The sockets that `sendlimit web` listens on.

Unix sockets are made here and not by systemd, so that their owner stands in one place, the
configuration, and a run by hand has them, too. To give a socket to another user the process
needs CAP_CHOWN: root has it, the unit is given it, and gives it up before the first request.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import socket
import stat
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sendlimit.errors import ConfigError, ListenError, SocketInUse
from sendlimit.web.peer import SocketRole

if TYPE_CHECKING:
    from sendlimit.config.web import WebSection

_BACKLOG = 128
_MODE = 0o600
_CAPABILITY_VERSION_3 = 0x20080522
"""_LINUX_CAPABILITY_VERSION_3 of capget(2)."""


class Sockets(NamedTuple):
    """What is listened on.

    Attributes:
        listeners: bound and listening.
        roles: of the unix sockets, by the name that each was made with (getsockname(2)).
        paths: of the unix sockets.
    """

    listeners: list[socket.socket]
    roles: dict[str, SocketRole]
    paths: list[Path]

    def remove(self) -> None:
        """Close all and remove the files of the unix sockets."""
        for listener in self.listeners:
            listener.close()
        for path in self.paths:
            path.unlink(missing_ok=True)


def open_sockets(section: WebSection) -> Sockets:
    """Listen on everything that [web] names.

    Raises:
        ConfigError: a socket's owner is no user of this host.
        SocketInUse: another process answers on a unix socket.
        ListenError: one can't be made or given to its owner.
    """
    made = Sockets([], {}, [])
    try:
        for role, path, owner in (
            ("admin", section.admin_socket, section.admin_socket_owner),
            ("read", section.read_socket, section.read_socket_owner),
        ):
            if path is not None:
                uid = _uid_of(owner, f"web.{role}_socket_owner")
                listener = _unix_socket(path, uid, f"web.{role}_socket")
                made.listeners.append(listener)
                made.paths.append(Path(path))
                made.roles[listener.getsockname()] = SocketRole(role, uid)
        if section.address is not None:
            made.listeners.append(_tcp_socket(*section.address))
    except BaseException:
        made.remove()
        raise
    return made


def _uid_of(owner: str, key: str) -> int:
    try:
        return pwd.getpwnam(owner).pw_uid
    except KeyError:
        raise ConfigError([f"{key}: there is no user {owner!r} on this host"]) from None


def _unix_socket(path: str, uid: int, key: str) -> socket.socket:
    """Make a socket under another name first: it is never there with the wrong owner."""
    _refuse_live(path, key)
    with contextlib.suppress(OSError):
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise ListenError(f"{key}: {path} exists and is not a socket: remove it")
    new = f"{path}.new"
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        Path(new).unlink(missing_ok=True)
        listener.bind(new)
        Path(new).chmod(_MODE)
        if Path(new).stat().st_uid != uid:
            os.chown(new, uid, -1)
        listener.listen(_BACKLOG)
        Path(new).rename(path)
    except OSError as error:
        listener.close()
        with contextlib.suppress(OSError):
            Path(new).unlink()
        raise ListenError(f"{key}: {path}: {_reason(error, uid)}") from error
    return listener


def _reason(error: OSError, uid: int) -> str:
    if isinstance(error, PermissionError) and os.geteuid() not in {0, uid}:
        return f"{error.strerror}: only root, or a process with CAP_CHOWN, can give it to its owner"
    return str(error.strerror or error)


def _refuse_live(path: str, key: str) -> None:
    """Refuse a socket on which a process listens; a stale one may be replaced."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except OSError:
            return  # stale, or another owner's: this process can only replace it
    raise SocketInUse(f"{key}: another process answers on {path}: stop it first")


def _tcp_socket(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(_BACKLOG)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise ListenError(f"web.listen: {host}:{port}: {error.strerror or error}") from error
    return listener


def give_up_capabilities() -> None:
    """Drop what was needed to make the sockets; root keeps what root has.

    Source: capset(2). Must be called before other threads are started: it is for this one only.
    """
    if os.geteuid() == 0:
        return
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    nothing = (ctypes.c_uint32 * 6)()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.capset(header, nothing) != 0:
        raise OSError(ctypes.get_errno(), "capset")
