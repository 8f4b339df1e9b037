"""File descriptors: one for each open connection, so a limit on them is a limit on mail.

Source: getrlimit(2), RLIMIT_NOFILE. libmilter says nothing when accept(2) fails for want of a
descriptor: Postfix then waits for its connect_timeout with each mail.
"""

from __future__ import annotations

import errno
import resource
from pathlib import Path

WANTED = 65_536
"""As in the unit file; a server has some hundred smtpd processes."""
NEAR_PERCENT = 90
CLEAR_PERCENT = 80
_OPEN = Path("/proc/self/fd")


def raise_limit() -> None:
    """Raise the soft limit to what is wanted, as far as the hard one allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))


def soft_limit() -> int:
    """Return how many this process may open; an admin can change it with prlimit(1)."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def open_descriptors() -> int:
    """Return how many this process has open; 0 where that can't be known, without /proc."""
    try:
        return len(list(_OPEN.iterdir()))
    except OSError as error:
        # Looking takes a descriptor, too.
        return soft_limit() if error.errno == errno.EMFILE else 0


class DescriptorWatch:
    """Finds out when descriptors run short; once until enough are free again."""

    def __init__(self) -> None:
        self._is_near = False

    def runs_short(self, used: int, limit: int) -> bool:
        """Say whether this many are near the soft limit, and were not when it was asked before."""
        percent = used * 100 / limit if limit > 0 else 0
        was_near = self._is_near
        self._is_near = percent >= (CLEAR_PERCENT if was_near else NEAR_PERCENT)
        return self._is_near and not was_near
