"""A bounded queue and a thread for each route by which notices go.

FAILURE: a notice that a receiver can't take now is tried again after a pause, a few times, and
then given up. While a receiver hangs its queue fills up, and further notices are dropped.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import deque
from enum import StrEnum
from typing import TYPE_CHECKING

from sendlimit import maillog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sendlimit.counting.events import Events
    from sendlimit.notify.notices import Notice

WAITING_MAX = 1000
PAUSES_S = (1.0, 5.0, 25.0)
"""Before the second, third and fourth try."""


class Outcome(StrEnum):
    """What became of a notice; the words are labels of the metrics."""

    SENT = "sent"
    FAILED = "failed"
    DROPPED = "dropped"


class DeliveryError(Exception):
    """A receiver did not take a notice; the reason holds no secret and no address.

    Attributes:
        is_permanent: another try would fail as well.
    """

    def __init__(self, reason: str, *, is_permanent: bool = False) -> None:
        super().__init__(reason)
        self.is_permanent = is_permanent


class Route(ABC):
    """One way to deliver notices.

    Attributes:
        name: a label of the metrics.
    """

    name: str

    def takes(self, notice: Notice) -> bool:
        """Say whether this route delivers this notice; must not block, for callbacks call it."""
        del notice
        return True

    @abstractmethod
    def deliver(self, notice: Notice) -> None:
        """Deliver within a bounded time.

        Raises:
            DeliveryError: it was not taken.
        """

    def abandon(self) -> None:
        """End what deliver() may be doing in its thread: the daemon ends."""
        return


class Outbox:
    """The queue of one route; any thread may call put(), a thread of its own delivers.

    Every access to the queue and its flags holds `_changed`.

    Args:
        route: delivers the notices.
        events: told what became of each notice.
        waiting_max: notices in the queue; further ones are dropped.
        pauses_s: seconds before the second try and each further one.
    """

    def __init__(
        self,
        route: Route,
        events: Events,
        *,
        waiting_max: int = WAITING_MAX,
        pauses_s: Sequence[float] = PAUSES_S,
    ) -> None:
        self.route = route
        self._events = events
        self._waiting_max = waiting_max
        self._pauses_s = pauses_s
        self._waiting: deque[Notice] = deque()
        self._dropped = 0
        self._closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=f"notify-{route.name}", daemon=True)
        self._thread.start()

    def put(self, notice: Notice) -> bool:
        """Queue a notice that the route takes; return False if it was dropped."""
        with self._changed:
            has_room = len(self._waiting) < self._waiting_max and not self._closing
            if has_room:
                self._waiting.append(notice)
                self._changed.notify()
            else:
                self._dropped += 1
        if not has_room:
            self._events.notice_done(self.route.name, Outcome.DROPPED)
        return has_room

    def close(self) -> None:
        """Take no more notices; those in the queue are tried once, without pauses."""
        with self._changed:
            self._closing = True
            self._changed.notify()

    def join(self, wait_s: float) -> None:
        """Wait until the queue is empty after close(), then drop the rest: the daemon ends.

        Args:
            wait_s: how long to wait, in seconds.
        """
        self._thread.join(wait_s)
        with self._changed:
            lost = len(self._waiting)
            self._waiting.clear()
        if self._thread.is_alive():
            self.route.abandon()
        for _ in range(lost):
            self._events.notice_done(self.route.name, Outcome.DROPPED)
        if lost:
            maillog.notices_dropped(self.route.name, lost)

    def _run(self) -> None:
        while (notice := self._take()) is not None:
            try:
                outcome = self._deliver(notice)
            except Exception:  # noqa: BLE001 - the next notice must go out
                self._events.fault(f"notify-{self.route.name}")
                outcome = Outcome.FAILED
            self._events.notice_done(self.route.name, outcome)
            self._log_dropped()

    def _take(self) -> Notice | None:
        """Wait for a notice; return None when the outbox is closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing)
            return self._waiting.popleft() if self._waiting else None

    def _deliver(self, notice: Notice) -> Outcome:
        """Try until the notice is taken or given up."""
        pauses = iter(self._pauses_s)
        while True:
            try:
                self.route.deliver(notice)
            except DeliveryError as error:
                pause_s = next(pauses, None)
                if error.is_permanent or pause_s is None or not self._pause(pause_s):
                    maillog.notice_failed(self.route.name, notice.event, str(error))
                    return Outcome.FAILED
            else:
                return Outcome.SENT

    def _pause(self, seconds: float) -> bool:
        """Wait before the next try; return False if the outbox was closed meanwhile."""
        with self._changed:
            return not self._changed.wait_for(lambda: self._closing, seconds)

    def _log_dropped(self) -> None:
        """Log how many notices were dropped since the last one was delivered."""
        with self._changed:
            dropped, self._dropped = self._dropped, 0
        if dropped:
            maillog.notices_dropped(self.route.name, dropped)
