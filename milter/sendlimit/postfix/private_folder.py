"""A folder that only root may write to, in a folder that the daemon's user owns.

The daemon's user may rename the folder or put another one in its place at any time, and would so
decide what root writes into main.cf. Therefore it is opened once, without following a link, then
looked at, and all work in it goes through that descriptor, never through its name.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
from typing import TYPE_CHECKING

from sendlimit.errors import PostfixError
from sendlimit.files import read_opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class PrivateFolder:
    """An open folder; lives within `opened`.

    Args:
        descriptor: of the folder.
        path: its name, for messages.

    Raises:
        PostfixError: another user owns it or may write to it.
    """

    def __init__(self, descriptor: int, path: Path) -> None:
        self._descriptor = descriptor
        self.path = path
        status = os.fstat(descriptor)
        if status.st_uid not in {0, os.geteuid()} or status.st_mode & 0o022:
            raise _untrusted(path)

    @contextlib.contextmanager
    def subfolder(self, name: str, *, make: bool = False) -> Iterator[PrivateFolder]:
        """Open a folder in it.

        Raises:
            FileNotFoundError: there is none, and none is to be made.
        """
        with _opened(self.path / name, name, self._descriptor, make=make) as folder:
            yield folder

    def read(self, name: str) -> str:
        """Return the text of a file.

        Raises:
            FileNotFoundError: there is none.
        """
        descriptor = os.open(name, os.O_RDONLY | _FILE, dir_fd=self._descriptor)
        return read_opened(descriptor, self.path / name).decode()

    def write(self, name: str, text: str) -> None:
        """Write a file atomically and sync it to the disk."""
        new = f"{name}.new"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _FILE
        descriptor = os.open(new, flags, 0o600, dir_fd=self._descriptor)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode(errors="surrogateescape"))
            file.flush()
            os.fsync(descriptor)
        os.replace(new, name, src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)

    def rename(self, old: str, new: str) -> None:
        """Give a folder in it another name; what has that name is removed."""
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(new, dir_fd=self._descriptor)
        os.rename(old, new, src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)

    @contextlib.contextmanager
    def locked(self, purpose: str) -> Iterator[None]:
        """Hold its lock, so that one process at a time does the work.

        Raises:
            PostfixError: another process holds it.
        """
        flags = os.O_WRONLY | os.O_CREAT | _FILE
        descriptor = os.open("lock", flags, 0o600, dir_fd=self._descriptor)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise PostfixError(
                f"{purpose} runs already ({self.path / 'lock'} is locked): wait until it has ended"
            ) from error
        try:
            yield
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def opened(path: Path, *, make: bool = False) -> Iterator[PrivateFolder]:
    """Open a folder for root alone.

    Args:
        path: of the folder; those above it are followed.
        make: make it where there is none.

    Raises:
        FileNotFoundError: there is none, and none is to be made.
        PostfixError: it is a link, or another user owns it or may write to it.
    """
    parent = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with _opened(path, path.name, parent, make=make) as folder:
            yield folder
    finally:
        os.close(parent)


@contextlib.contextmanager
def _opened(path: Path, name: str, parent: int, *, make: bool) -> Iterator[PrivateFolder]:
    if make:
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=parent)
    try:
        descriptor = os.open(name, _FOLDER, dir_fd=parent)
    except OSError as error:
        # A link, or no folder: ELOOP and ENOTDIR.
        if stat.S_ISDIR(_mode_of(name, parent)) or isinstance(error, FileNotFoundError):
            raise
        raise _untrusted(path) from error
    try:
        yield PrivateFolder(descriptor, path)
    finally:
        os.close(descriptor)


def _mode_of(name: str, parent: int) -> int:
    with contextlib.suppress(OSError):
        return os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
    return 0


def _untrusted(path: Path) -> PostfixError:
    return PostfixError(
        f"{path} is not a folder that only root may write to, so it is not trusted: look at it, and"
        " move it away; detach then takes out exactly sendlimit's settings"
    )
