"""One daemon to a state_dir: what is kept there is read, booked and written over by one process."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

from sendlimit.errors import SendlimitError, StateDirInUse

if TYPE_CHECKING:
    from pathlib import Path


def lock_state_dir(state_dir: Path) -> int:
    """Lock the directory itself, so that no file is left over that another user can't open.

    Returns:
        A descriptor; the lock holds until it is closed or the process ends.

    Raises:
        StateDirInUse: another process has locked it.
        SendlimitError: it is missing or may not be read.
    """
    try:
        descriptor = os.open(state_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise SendlimitError(f"state_dir: {state_dir}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise StateDirInUse(f"state_dir: {state_dir}: {StateDirInUse.__doc__}") from error
    except OSError as error:
        os.close(descriptor)
        raise SendlimitError(
            f"state_dir: {state_dir}: can't be locked: {error.strerror}"
        ) from error
    return descriptor
