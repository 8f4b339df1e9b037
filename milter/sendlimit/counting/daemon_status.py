"""What a running daemon says of itself: a small file in state_dir, for commands and pages.

The daemon writes it when something has changed, at most once a second, and at least every
WRITTEN_S; it removes it at a clean stop. So an old file means that no daemon runs, or that it
hangs. It says nothing about senders.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING

from sendlimit.files import replace_file

if TYPE_CHECKING:
    from pathlib import Path

NAME = "status.json"
WRITTEN_S = 5
"""How often the file is written when nothing changes."""
_SIZE_MAX = 65_536
OLD_S = 15
"""Older than this, the file is not of a daemon that works."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonStatus:
    """One daemon at one moment; the fields are the keys of the file.

    Attributes:
        at: when it was written, seconds since 1970.
        pid: process id.
        version: of sendlimit.
        since: start of the daemon, seconds since 1970.
        mode: "enforce" or "observe".
        state: "decides", or why it does not: "loading", "away", "stuck", "fault", or "waiting" for
            another daemon on the same database.
        error: what the outage is about; "" while it decides.
        how: "memory" while it holds the lease, "metered" while limits hold on without the database
            (store.on_failure), else "batches".
        journal: why what is not written yet would not outlive a kill of the process; "" where it would.
        unbooked: mails accepted without a decision and not yet in the database.
        descriptors: open file descriptors.
        descriptors_max: how many it may open, RLIMIT_NOFILE.
        loaded_at: when it loaded its config file last, seconds since 1970.
    """

    at: int
    pid: int
    version: str
    since: int
    mode: str
    state: str
    error: str
    how: str
    journal: str
    unbooked: int
    descriptors: int
    descriptors_max: int
    loaded_at: int

    @property
    def decides(self) -> bool:
        """Whether requests are answered."""
        return self.state == "decides"

    def is_old(self, now: float) -> bool:
        """Say whether a daemon that works would have written a newer one."""
        return abs(now - self.at) > OLD_S


def write_status(state_dir: Path, status: DaemonStatus) -> None:
    """Replace the file at once, so that no reader sees a half.

    Raises:
        OSError: the file can't be written.
    """
    replace_file(state_dir / NAME, json.dumps(asdict(status)).encode(), 0o644)


def remove_status(state_dir: Path) -> None:
    """Remove the file.

    Raises:
        OSError: it can't be removed.
    """
    (state_dir / NAME).unlink(missing_ok=True)


def read_status(state_dir: Path) -> DaemonStatus | None:
    """Return what the daemon of a state_dir wrote last; None: there is none, or of another release.

    Raises:
        OSError: it can't be read.
    """
    try:
        # The folder is the daemon's user's, who may have put anything there.
        number = os.open(
            state_dir / NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        )
    except FileNotFoundError:
        return None
    try:
        text = os.read(number, _SIZE_MAX)
    finally:
        os.close(number)
    try:
        found = json.loads(text)
        kept = {field.name: found[field.name] for field in fields(DaemonStatus)}
    except (LookupError, TypeError, ValueError, RecursionError):
        return None
    numbers = {name for name, kind in DaemonStatus.__annotations__.items() if kind == "int"}
    if any(type(value) is not (int if name in numbers else str) for name, value in kept.items()):
        return None
    return DaemonStatus(**kept)
