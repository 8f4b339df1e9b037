"""Read a file that an admin names, or that lies in state_dir: what is no file is an error at once.

A pipe or a device in the place of the file would be waited for, in a thread that mail or a stop
needs.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

_GIVEN = (Path("/dev"), Path("/proc"))
"""Where a shell puts what it gives a command to read: /dev/fd/63, /dev/stdin."""

_REASONS = {errno.EINVAL: "Is not a regular file"}


def read_octets(path: Path) -> bytes:
    """Return what is in a file.

    Raises:
        OSError: it can't be read, or is a folder, a pipe or a device.
    """
    number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    mode = os.fstat(number).st_mode
    is_given = stat.S_ISFIFO(mode) and any(path.is_relative_to(folder) for folder in _GIVEN)
    if not stat.S_ISREG(mode) and not is_given:
        os.close(number)
        code = errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL
        raise OSError(code, _REASONS.get(code, os.strerror(code)), str(path))
    os.set_blocking(number, True)
    with os.fdopen(number, "rb") as file:
        return file.read()
