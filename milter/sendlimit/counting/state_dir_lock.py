"""One daemon to a state_dir and a journal_dir: what lies there is booked and written over by one process."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

from sendlimit.errors import SendlimitError, StateDirInUse

if TYPE_CHECKING:
    from pathlib import Path


def lock_folder(folder: Path, key: str) -> int:
    """Lock the directory itself, so that no file is left over that another user can't open.

    Args:
        folder: the directory.
        key: which names it in the configuration.

    Returns:
        A descriptor; the lock holds until it is closed or the process ends.

    Raises:
        StateDirInUse: another process has locked it.
        SendlimitError: it is missing or may not be read.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise SendlimitError(f"{key}: {folder}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise StateDirInUse(
            f"{key}: {folder}: {StateDirInUse.__doc__} Stop it first, or set another {key}."
        ) from error
    except OSError as error:
        os.close(descriptor)
        raise SendlimitError(f"{key}: {folder}: can't be locked: {error.strerror}") from error
    return descriptor
