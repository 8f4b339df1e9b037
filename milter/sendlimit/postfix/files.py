"""Change files as Postfix's own tools do: under their lock, and atomically."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import time
from typing import TYPE_CHECKING

from sendlimit.errors import PostfixError
from sendlimit.postfix.snapshot import read_text_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sendlimit.postfix.attachment import FileChange

DAEMON_USER = "sendlimit"

_LOCK_WAIT_S = 10
_RETRY_S = 0.05
_NEW_FILE_MODE = 0o644


def write_change(change: FileChange) -> None:
    """Write one file, or remove it; owner and mode stay.

    Raises:
        PostfixError: the file was changed since the plan was made, or can't be written.
    """
    try:
        with _new_content(change.path) as (descriptor, new):
            if read_text_file(change.path).text != change.before:
                msg = f"{change.path} was changed by somebody else just now: try again"
                raise PostfixError(msg)
            if change.after is None:
                change.path.unlink()
            else:
                _fill(descriptor, change.after, change.path)
                new.rename(change.path)
        _sync_folder(change.path.parent)
    except OSError as exc:
        msg = f"{change.path} can't be changed: {exc.strerror}"
        raise PostfixError(msg) from exc


def make_folders(folder: Path) -> list[Path]:
    """Make a folder and its missing parents; return those made, outermost first."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing[::-1]


def make_private_folder(folder: Path) -> None:
    """Make a folder for root only; a missing parent is made for the daemon's user.

    Raises:
        PostfixError: it can't be made, or another user may write to it.
    """
    state_dir = folder.parent
    try:
        if not state_dir.exists():
            state_dir.mkdir(parents=True)
            with contextlib.suppress(LookupError):  # the daemon's user, where it is installed
                shutil.chown(state_dir, DAEMON_USER, DAEMON_USER)
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as exc:
        msg = f"{folder} can't be made: {exc.strerror}"
        raise PostfixError(msg) from exc
    refuse_untrusted(folder)


def refuse_untrusted(folder: Path) -> None:
    """Refuse a folder that another user owns or may write to.

    state_dir belongs to the daemon's user, who could replace the folder and so decide what root
    writes into main.cf.

    Raises:
        PostfixError: another user owns the folder or may write to it, or it is no folder.
    """
    status = folder.lstat()
    is_private = status.st_uid in {0, os.geteuid()} and not status.st_mode & 0o022
    if not is_private or not stat.S_ISDIR(status.st_mode):
        msg = (
            f"{folder} is not a folder that only root may write to, so it is not trusted: look at"
            " it, and move it away; detach then takes out exactly sendlimit's settings"
        )
        raise PostfixError(msg)


def remove_folders(folders: list[Path]) -> None:
    """Remove those of these folders that are empty, innermost first."""
    for folder in reversed(folders):
        with contextlib.suppress(OSError):
            folder.rmdir()


@contextlib.contextmanager
def file_lock(path: Path, purpose: str) -> Iterator[None]:
    """Hold a lock on a file, so that one process at a time does the work.

    Raises:
        PostfixError: another process holds the lock.
    """
    with path.open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            msg = f"{purpose} runs already ({path} is locked): wait until it has ended"
            raise PostfixError(msg) from exc
        yield


@contextlib.contextmanager
def _new_content(path: Path) -> Iterator[tuple[int, Path]]:
    """Open and lock FILE.tmp, as `postconf -e` does before it edits FILE (edit_file.c)."""
    new = path.with_name(f"{path.name}.tmp")
    descriptor = _open_locked(new)
    try:
        yield descriptor, new
    finally:
        # It still exists unless it was renamed; the lock makes sure that no other editor uses it.
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(new.stat(), os.fstat(descriptor)):
                new.unlink()
        os.close(descriptor)


def _open_locked(new: Path) -> int:
    deadline = time.monotonic() + _LOCK_WAIT_S
    while True:
        descriptor = os.open(new, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Another editor may have renamed the opened file, and only then unlocked it.
            if os.path.samestat(new.stat(), os.fstat(descriptor)):
                return descriptor
        except (BlockingIOError, FileNotFoundError):
            if time.monotonic() > deadline:
                os.close(descriptor)
                msg = f"{new} stays locked: another program edits the same file; try again"
                raise PostfixError(msg) from None
            time.sleep(_RETRY_S)
        os.close(descriptor)


def _fill(descriptor: int, text: str, path: Path) -> None:
    os.ftruncate(descriptor, 0)  # an editor that was killed may have left text in it
    remaining = memoryview(text.encode(errors="surrogateescape"))
    while remaining:
        remaining = remaining[os.write(descriptor, remaining) :]
    try:
        present = path.stat()
    except FileNotFoundError:
        os.fchmod(descriptor, _NEW_FILE_MODE)
    else:
        os.fchown(descriptor, present.st_uid, present.st_gid)
        os.fchmod(descriptor, present.st_mode & 0o7777)
    os.fsync(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
