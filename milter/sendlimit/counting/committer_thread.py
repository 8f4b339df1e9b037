"""The thread that a committer runs in, from the daemon's start to its end."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sendlimit.counting.committer import Committer
    from sendlimit.counting.ledger import Ledger


class CommitterThread:
    """The committer's thread; lives as long as the daemon."""

    def __init__(self, committer: Committer, ledger: Ledger) -> None:
        self._committer = committer
        self._ledger = ledger
        self._all_booked = False
        self._decides = threading.Event()
        self._thread = threading.Thread(target=self._run, name="committer", daemon=True)

    def start(self, wait_s: float) -> None:
        """Start the thread; wait until it may decide, or the database was tried in vain, or for wait_s.

        As long again where another daemon holds the lease: one that has died is passed by meanwhile.
        """
        self._thread.start()
        if not self._decides.wait(wait_s) and self._ledger.is_waiting:
            self._decides.wait(wait_s)

    def stop(self, wait_s: float) -> bool:
        """Book what is pending, or write it to the unbooked file.

        Returns:
            Whether all is booked: nothing had to be written, and it was done in time.
        """
        self._committer.stopping()
        self._ledger.queue.put(None)
        self._thread.join(wait_s)
        return self._all_booked

    def _run(self) -> None:
        """Work until told to stop and everything is booked, in the journal or in the file."""
        self._committer.load()
        while True:
            self._committer.step()
            if self._committer.decides:
                self._decides.set()
            if self._committer.is_done:
                break
            self._committer.wait()
        self._all_booked = self._committer.finish()
