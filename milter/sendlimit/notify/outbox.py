"""A bounded queue and a thread for each route by which notices go.

FAILURE: a receiver that can't take a notice now gets it again after a pause, a few times. Then
it is given up. While a receiver hangs, its queue fills up; what comes then is dropped.
"""

from __future__ import annotations

import threading
from collections import deque
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

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
    """A receiver did not take a notice. The text holds no secret and no address.

    Attributes:
        is_lasting: trying again won't help.
    """

    def __init__(self, reason: str, *, is_lasting: bool = False) -> None:
        """Take the reason in a few words."""
        super().__init__(reason)
        self.is_lasting = is_lasting


class Route(Protocol):
    """One way to tell somebody."""

    name: str

    def takes(self, notice: Notice) -> bool:
        """Say whether this notice goes this way; called by the callbacks, must not wait."""

    def deliver(self, notice: Notice) -> None:
        """Deliver within a bounded time.

        Raises:
            DeliveryError: it was not taken.
        """


class Outbox:
    """The queue of one route; any thread may put, one thread of its own delivers."""

    def __init__(
        self,
        route: Route,
        events: Events,
        *,
        waiting_max: int = WAITING_MAX,
        pauses_s: Sequence[float] = PAUSES_S,
    ) -> None:
        """Start the thread.

        Args:
            route: where notices go.
            events: told what became of each notice.
            waiting_max: notices in the queue; further ones are dropped.
            pauses_s: between tries.
        """
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
        """Queue a notice that the route takes; return False when it had to be dropped."""
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
        """Take no more; what waits is tried once, without pauses."""
        with self._changed:
            self._closing = True
            self._changed.notify()

    def join(self, wait_s: float) -> None:
        """Wait until what waited at close() is delivered; what is not by then is given up."""
        self._thread.join(wait_s)
        with self._changed:
            lost = len(self._waiting)
            self._waiting.clear()
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
            self._tell_dropped()

    def _take(self) -> Notice | None:
        """Wait for a notice; None when the outbox is closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing)
            return self._waiting.popleft() if self._waiting else None

    def _deliver(self, notice: Notice) -> Outcome:
        """Try until it is taken or given up."""
        pauses = iter(self._pauses_s)
        while True:
            try:
                self.route.deliver(notice)
            except DeliveryError as error:
                pause_s = next(pauses, None)
                if error.is_lasting or pause_s is None or not self._pause(pause_s):
                    maillog.notice_failed(self.route.name, notice.event, str(error))
                    return Outcome.FAILED
            else:
                return Outcome.SENT

    def _pause(self, seconds: float) -> bool:
        """Wait before the next try; return False when there is to be none."""
        with self._changed:
            return not self._changed.wait_for(lambda: self._closing, seconds)

    def _tell_dropped(self) -> None:
        """Log what was dropped since the last notice went out."""
        with self._changed:
            dropped, self._dropped = self._dropped, 0
        if dropped:
            maillog.notices_dropped(self.route.name, dropped)
