"""Keeps the file up to date in which the daemon says how it is (counting/daemon_status.py)."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from sendlimit import __version__
from sendlimit.counting.daemon_status import (
    WRITTEN_S,
    DaemonStatus,
    remove_status,
    write_status,
)

if TYPE_CHECKING:
    from pathlib import Path

    from sendlimit.counting.ledger import Ledger


class StatusWriter:
    """Writes the file; the main thread alone uses it.

    A file that can't be written gets old, which `check` and `doctor` report.

    Args:
        state_dir: where the file is.
        ledger: what it tells about.
        since: start of the daemon, seconds since 1970.
    """

    def __init__(self, state_dir: Path, ledger: Ledger, since: int) -> None:
        self._state_dir = state_dir
        self._ledger = ledger
        self._since = since
        self._written: DaemonStatus | None = None
        self._mode = ""
        self._loaded_at = since

    def loaded(self, mode: str, now: int) -> None:
        """Note that a config file was loaded."""
        self._mode, self._loaded_at = mode, now

    def tick(self, now: int, descriptors: int, descriptors_max: int) -> None:
        """Write the file if something has changed, or if it is time.

        Args:
            now: seconds since 1970.
            descriptors: open ones.
            descriptors_max: how many may be open.
        """
        ledger = self._ledger
        state, how = ledger.state()
        status = DaemonStatus(
            at=now,
            pid=os.getpid(),
            version=__version__,
            since=self._since,
            mode=self._mode,
            state=state,
            error="" if state == "decides" else ledger.outage.error,
            how=how,
            journal=ledger.journal_problem,
            unbooked=ledger.unbooked,
            descriptors=descriptors,
            descriptors_max=descriptors_max,
            loaded_at=self._loaded_at,
        )
        old = self._written
        if old is None or not 0 <= now - old.at < WRITTEN_S or replace(old, at=now) != status:
            with suppress(OSError):
                write_status(self._state_dir, status)
                self._written = status

    def stop(self) -> None:
        """Remove the file."""
        with suppress(OSError):
            remove_status(self._state_dir)
