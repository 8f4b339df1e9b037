"""Change files as Postfix's own tools do: under their lock, and atomically."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
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


def make_state_dir(state_dir: Path) -> None:
    """Make a missing state_dir for the daemon's user.

    Raises:
        PostfixError: it can't be made.
    """
    try:
        if not state_dir.exists():
            state_dir.mkdir(parents=True)
            with contextlib.suppress(LookupError):  # the daemon's user, where it is installed
                shutil.chown(state_dir, DAEMON_USER, DAEMON_USER)
    except OSError as exc:
        msg = f"{state_dir} can't be made: {exc.strerror}"
        raise PostfixError(msg) from exc


def remove_folders(folders: list[Path]) -> None:
    """Remove those of these folders that are empty, innermost first."""
    for folder in reversed(folders):
        with contextlib.suppress(OSError):
            folder.rmdir()


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
