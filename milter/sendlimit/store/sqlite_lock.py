"""One daemon to an SQLite file: it decides from memory, and takes the file for its own.

The lock is a file beside the database: that may be removed and made anew while the daemon runs,
and SQLite has locks of its own on it. Commands do not take it.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import TYPE_CHECKING

from sendlimit.errors import DatabaseInUse, StoreUnavailable

if TYPE_CHECKING:
    from sendlimit.store.location import SQLiteLocation

_MODE = 0o600


def lock_for_daemon(location: SQLiteLocation) -> int:
    """Lock a database for this process.

    Returns:
        A descriptor; the lock holds until it is closed or the process ends.

    Raises:
        DatabaseInUse: another process has locked it.
        StoreUnavailable: the file for the lock can't be made or opened.
    """
    path = Path(f"{location.path}.lock")
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, _MODE)
    except OSError as error:
        raise StoreUnavailable(f"{location}: {path}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise DatabaseInUse(f"store.url: {location}: {DatabaseInUse.__doc__}") from error
    except OSError as error:
        os.close(descriptor)
        raise StoreUnavailable(f"{location}: {path}: can't be locked: {error.strerror}") from error
    return descriptor
