"""How mail is decided now: told when it has changed."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sendlimit.counting.events import Events
    from sendlimit.counting.ledger import Ledger


class Mode(StrEnum):
    """How mail is decided: what log and metrics say."""

    MEMORY = "memory"
    SHARED = "shared"
    METERED = "metered"
    UNDECIDED = "undecided"


def mode_of(ledger: Ledger) -> Mode:
    """Return how a ledger decides at the moment."""
    if ledger.lease.holds:
        return Mode.MEMORY
    if ledger.up and not ledger.is_waiting:
        return Mode.SHARED
    return Mode.METERED if ledger.is_metering else Mode.UNDECIDED


class ModeReport:
    """Reports each change; the committer's thread alone uses it.

    Args:
        ledger: whose mode.
        events: is told.
    """

    def __init__(self, ledger: Ledger, events: Events) -> None:
        self._ledger = ledger
        self._events = events
        self._reported: Mode | None = None

    def tick(self) -> None:
        """Report the mode if it is another one than before."""
        mode = mode_of(self._ledger)
        if mode is not self._reported:
            self._reported = mode
            self._events.mode_changed(mode)
