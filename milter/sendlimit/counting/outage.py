"""Whether the daemon decides, and if not, why: one state, one event at each end of an outage.

| state    | next                            | what it means                                         |
|----------|---------------------------------|-------------------------------------------------------|
| loading  | decides, away, stuck, fault     | the database was not tried yet                        |
| decides  | away, stuck, fault              | requests are answered                                 |
| away     | decides, stuck, fault           | the database can't be reached, or not used            |
| stuck    | decides, away, fault            | a transaction does not end; a callback waited in vain |
| fault    | decides, away, stuck            | an error of sendlimit ended a batch                   |

At a start the database may come later than the daemon: for AWAITED_S of `away` it stays `loading`,
and store_awaited is reported. Leaving `decides` or `loading` for trouble reports store_down, the
way back reports store_back, also to a database that was awaited; a cause that follows another one
reports nothing.
"""

from __future__ import annotations

import threading
from enum import StrEnum
from typing import TYPE_CHECKING

from sendlimit.counting.events import Events
from sendlimit.counting.illegal_step import IllegalStepError
from sendlimit.errors import StoreDenied, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sendlimit.errors import StoreError

AWAITED_S = 3.0
"""How long a start waits for a database that can't be reached before that is an outage."""
FAULT_S = 60.0
"""How long after a fault nothing else may have failed, if no request was answered meanwhile."""


class Deciding(StrEnum):
    """Whether the daemon decides, and if not, why; the words stand in the status file."""

    LOADING = "loading"
    DECIDES = "decides"
    AWAY = "away"
    STUCK = "stuck"
    FAULT = "fault"


LOADING, DECIDES, AWAY, STUCK, FAULT = Deciding

STEPS: Mapping[Deciding, frozenset[Deciding]] = {
    LOADING: frozenset({DECIDES, AWAY, STUCK, FAULT}),
    DECIDES: frozenset({AWAY, STUCK, FAULT}),
    AWAY: frozenset({DECIDES, STUCK, FAULT}),
    STUCK: frozenset({DECIDES, AWAY, FAULT}),
    FAULT: frozenset({DECIDES, AWAY, STUCK}),
}


class Outage:
    """Whether the daemon decides; callbacks and the committer change it, any thread may read it.

    Attributes:
        state: changed under the lock only.
        error: what the last outage is or was about, "" before the first.
        events: is told; set once, before the threads start.
    """

    def __init__(self) -> None:
        self.state = LOADING
        self.error = ""
        self.events = Events()
        self._lock = threading.Lock()
        self._failed_at = 0.0
        self._awaited_since: float | None = None

    def began(self, cause: Deciding, error: StoreError, now: float) -> None:
        """Note that nothing is decided, or that it goes on for this cause.

        Args:
            cause: AWAY, STUCK or FAULT.
            error: what happened.
            now: CLOCK_BOOTTIME in s.
        """
        with self._lock:
            before = self.state
            self.error = str(error)
            if before is LOADING and cause is AWAY and self._is_awaited(error, now):
                return
            if cause is not before:
                self._step(cause)
            self._failed_at = now
            if before in {LOADING, DECIDES}:
                self.events.store_down(error)

    def ended(self, bookings: int, now: float, *, answered: bool) -> None:
        """Note that what was pending is in the database, so requests can be answered.

        Args:
            bookings: mails that were accepted during the outage and are booked.
            now: CLOCK_BOOTTIME in s.
            answered: a request was answered; what ends a fault, which may need a request to show.
        """
        with self._lock:
            before = self.state
            if before is DECIDES:
                return
            if before is FAULT and not answered and now < self._failed_at + FAULT_S:
                return
            self._step(DECIDES)
            if before is not LOADING or self._awaited_since is not None:
                self.events.store_back(bookings)

    def _is_awaited(self, error: StoreError, now: float) -> bool:
        """Say whether the database may still come; one that refuses a login is there."""
        if not isinstance(error, StoreUnavailable) or isinstance(error, StoreDenied):
            return False
        if self._awaited_since is None:
            self._awaited_since = now
            self.events.store_awaited(error)
        return now < self._awaited_since + AWAITED_S

    def _step(self, state: Deciding) -> None:
        if state not in STEPS[self.state]:
            raise IllegalStepError(f"what is {self.state} can't be {state}")
        self.state = state
