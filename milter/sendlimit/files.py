"""Read and replace files that an admin names, or that lie in state_dir.

What is no file is an error at once: a pipe or a device in its place would be waited for, in a thread
that mail or a stop needs. So is what is far too large, as it would take all memory.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

_GIVEN = (Path("/dev"), Path("/proc"))
"""Where a shell puts what it gives a command to read: /dev/fd/63, /dev/stdin."""

_REASONS = {errno.EINVAL: "Is not a regular file"}


_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
MOST_OCTETS = 64 << 20
"""Of a file that people write: 1,000,000 logins have some 50 MB."""


def read_octets(path: Path, most: int = MOST_OCTETS) -> bytes:
    """Return what is in a file.

    Raises:
        OSError: it can't be read, is a folder, a pipe or a device, or has more than `most` octets.
    """
    return read_opened(os.open(path, _READ), path, most)


def read_opened(number: int, path: Path, most: int = MOST_OCTETS) -> bytes:
    """Return what is in a file that is open, and close it.

    Args:
        number: descriptor; opened with O_NONBLOCK, or the opening may have waited.
        path: for errors.
        most: octets.

    Raises:
        OSError: as read_octets().
    """
    try:
        status = os.fstat(number)
        _refuse_other_kinds(status, path)
        if status.st_size > most:
            raise _refused(errno.EFBIG, path)
        os.set_blocking(number, True)
        with os.fdopen(number, "rb", closefd=False) as file:
            content = file.read(most + 1)
    finally:
        os.close(number)
    if len(content) > most:
        raise _refused(errno.EFBIG, path)
    return content


def read_end(path: Path, most: int) -> bytes:
    """Return the last octets of a file.

    Raises:
        OSError: it can't be read, or is a folder, a pipe or a device.
    """
    number = os.open(path, _READ)
    try:
        status = os.fstat(number)
        _refuse_other_kinds(status, path)
        os.lseek(number, max(0, status.st_size - most), os.SEEK_SET)
        with os.fdopen(number, "rb", closefd=False) as file:
            return file.read(most)
    finally:
        os.close(number)


def _refuse_other_kinds(status: os.stat_result, path: Path) -> None:
    """Refuse what is no file, nor a pipe that a shell gave.

    Raises:
        OSError: names the path.
    """
    is_given = stat.S_ISFIFO(status.st_mode) and any(
        path.is_relative_to(folder) for folder in _GIVEN
    )
    if not stat.S_ISREG(status.st_mode) and not is_given:
        raise _refused(errno.EISDIR if stat.S_ISDIR(status.st_mode) else errno.EINVAL, path)


def _refused(code: int, path: Path) -> OSError:
    return OSError(code, _REASONS.get(code, os.strerror(code)), str(path))


def replace_file(path: Path, content: bytes, mode: int, *, sync: bool = False) -> None:
    """Write a file anew, so that no reader sees a half and no link or pipe in its place is used.

    Args:
        path: of the file; what is written first has the suffix ".new".
        content: all of it.
        mode: less what the umask takes.
        sync: wait until the disk has it.

    Raises:
        OSError: it can't be written.
    """
    fresh = path.with_suffix(".new")
    # What an earlier process left, or another user's link or pipe, must not be written to.
    fresh.unlink(missing_ok=True)
    number = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(number, "wb") as file:
        file.write(content)
        if sync:
            file.flush()
            os.fsync(number)
    fresh.replace(path)
