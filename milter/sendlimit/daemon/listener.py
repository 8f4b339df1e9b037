"""The milter socket: who may use it, is it free, and libmilter's thread behind it.

libmilter handles signals by itself in the thread that runs it, so that is not the main thread.
It would remove a socket that another daemon still uses, so `claim` looks for one before.

A unix socket gets its name when libmilter works, with group and mode set. A process that waits
for the name may then send signals: one that comes while libmilter starts its signal thread is
taken by that thread, and SIGHUP would end it.
"""

from __future__ import annotations

import fcntl
import grp
import os
import socket
import stat
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from sendlimit.daemon.milter_client import Conversation
from sendlimit.errors import ConfigError, ListenError, SocketInUse, UnusableFile
from sendlimit.postfix.milter_socket import parse_milter_socket

if TYPE_CHECKING:
    from collections.abc import Callable

    from sendlimit.config.sections import MilterSection

_ANSWERS_S = 1.0
_STARTS_S = 10.0
_POLL_S = 0.01


def answers(spec: str) -> bool:
    """Say whether a program listens on a socket."""
    family, address = parse_milter_socket(spec)
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(_ANSWERS_S)
        try:
            probe.connect(address)
        except BlockingIOError:
            return True  # the backlog of a live daemon is full
        except OSError:
            return False
        return True


def negotiates(spec: str) -> bool:
    """Say whether a milter answers on a socket, not only its backlog."""
    try:
        with Conversation(*parse_milter_socket(spec), _ANSWERS_S):
            return True
    except OSError:
        return False


def _unnamed(path: Path) -> Path:
    """Return where a socket is made that gets this name when libmilter works."""
    return path.with_name(f"{path.name}.new")


class Listener:
    """The socket and libmilter's thread; one in a process, as libmilter allows no second.

    The main thread calls every method. What libmilter's thread leaves in `_failure` is read when
    that thread has ended.

    Args:
        section: where to listen.
        config_file: the file to name in errors.
    """

    def __init__(self, section: MilterSection, config_file: Path) -> None:
        self._section = section
        self._file = config_file
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None
        self._lock: int | None = None
        path = section.path
        self._spec = section.socket if path is None else f"unix:{_unnamed(path)}"

    def claim(self) -> None:
        """Make sure that no other daemon listens; remove what a dead daemon left.

        Raises:
            SocketInUse: another daemon listens.
            ConfigError: the group is unknown, or the path is something else than a socket.
            UnusableFile: its directory or its lock can't be used.
        """
        path = self._section.path
        if path is None:
            if answers(self._section.socket):
                raise SocketInUse(f"{self._section.socket}: {SocketInUse.__doc__}")
            return
        self._group()
        try:
            if not path.parent.is_dir():
                path.parent.mkdir(parents=True, mode=0o750)
                os.chown(path.parent, -1, self._group())
            flags = os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
            self._lock = os.open(f"{path}.lock", flags, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SocketInUse(f"{path}: {SocketInUse.__doc__}") from error
        except OSError as error:
            raise UnusableFile(
                [f"{self._file}: milter.socket: {error.filename or path}: {error.strerror}"]
            ) from error
        if answers(self._section.socket):
            raise SocketInUse(f"{path}: {SocketInUse.__doc__}")
        if path.exists() and not stat.S_ISSOCK(path.stat().st_mode):
            os.close(self._lock)
            self._lock = None
            raise ConfigError(
                [f"{self._file}: milter.socket: {path} exists and is not a socket; remove it"]
            )
        path.unlink(missing_ok=True)
        _unnamed(path).unlink(missing_ok=True)

    def start(self, run_libmilter: Callable[[str], None]) -> None:
        """Listen; return when connections are taken.

        Args:
            run_libmilter: listens on a socket in libmilter's notation; returns or raises when it can't.

        Raises:
            ListenError: libmilter could not open the socket.
        """
        self._thread = threading.Thread(
            target=self._run, args=(run_libmilter,), name="libmilter", daemon=True
        )
        before = os.umask(0o177)  # for this user alone until group and mode are set
        try:
            self._thread.start()
            self._wait()
        finally:
            os.umask(before)
        if self._section.path is not None:
            self._name(self._section.path)

    def _name(self, path: Path) -> None:
        """Give a socket that works its group, its mode and its name."""
        unnamed = _unnamed(path)
        try:
            os.chown(unnamed, -1, self._group())
            unnamed.chmod(int(self._section.socket_mode, 8))
            unnamed.replace(path)
        except OSError as error:
            unnamed.unlink(missing_ok=True)
            raise ListenError(
                f"milter.socket_group: can't give {path} to group {self._section.socket_group}:"
                f" {error.strerror}; run the daemon as a member of that group"
            ) from error

    def _run(self, run_libmilter: Callable[[str], None]) -> None:
        try:
            run_libmilter(self._spec)
        except BaseException as error:  # noqa: BLE001 - handed to the main thread
            self._failure = error

    def _wait(self) -> None:
        """Wait until libmilter answers, or has given up."""
        deadline = time.monotonic() + _STARTS_S
        while not negotiates(self._spec):
            if not self.alive() or time.monotonic() > deadline:
                raise ListenError(
                    f"milter.socket: can't listen on {self._section.socket}: {self._failure or 'no answer'}"
                )
            time.sleep(_POLL_S)

    def alive(self) -> bool:
        """Say whether libmilter runs."""
        return self._thread is not None and self._thread.is_alive()

    def close(self) -> None:
        """Take no new connections, as far as a unix socket goes; open sessions go on.

        libmilter is never told to stop, the process just ends: pymilter crashes when a
        connection begins after that, and mail of open sessions would be given back although
        Postfix goes on to send it.
        """
        if self._section.path is not None and self._lock is not None:
            self._section.path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove the socket's file and let go of the claim."""
        path = self._section.path
        if path is not None and self._lock is not None:
            path.unlink(missing_ok=True)
            Path(f"{path}.lock").unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None

    def _group(self) -> int:
        try:
            return grp.getgrnam(self._section.socket_group).gr_gid
        except KeyError as error:
            raise ConfigError(
                [
                    f"{self._file}: milter.socket_group: there is no group {self._section.socket_group!r}"
                ]
            ) from error
