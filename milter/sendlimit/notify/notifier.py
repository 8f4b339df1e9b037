"""From what the daemon's callbacks tell to notices on the queues of their routes.

Runs in the callbacks and in the committer: nothing here waits or raises.
"""

from __future__ import annotations

import secrets
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sendlimit.config.reading import secret
from sendlimit.notify.mail import AdminRoute, OwnerRoute, Post
from sendlimit.notify.notices import Event, Memory, Notice, Outages, crossings, reached
from sendlimit.notify.outbox import Outbox
from sendlimit.notify.webhook import WebhookRoute

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sendlimit.config import Config
    from sendlimit.config.notices import Notify
    from sendlimit.errors import StoreError
    from sendlimit.notify.notices import Crossing
    from sendlimit.notify.outbox import Outcome, Route
    from sendlimit.rules.decision import LimitUsage, UsageChange
    from sendlimit.rules.mailbox import Sender


def routes_of(config: Config, section: Notify, path: Path) -> list[Route]:
    """Return the ways that the config file wants notices to go.

    Raises:
        ConfigError: the file of webhook_secret_file can't be used.
    """
    calendar = config.make_calendar()
    routes: list[Route] = []
    if section.webhook_url is not None:
        key = None
        if section.webhook_secret_file is not None:
            file = Path(section.webhook_secret_file)
            key = secret(file, f"{path}: notify.webhook_secret_file").encode()
        routes.append(WebhookRoute(section.webhook_url, key, calendar))
    post = Post(section.smtp_address, section.mail_from, section.mail_return_path)
    if section.mail_to:
        routes.append(AdminRoute(post, section.mail_to, section.texts, calendar))
    if section.mail_owner:
        routes.append(OwnerRoute(post, section.texts, calendar))
    return routes


class Notifier:
    """Decides what is news and puts it on the queues; threads may share it.

    Lives until the daemon ends, through every change of the configuration.
    """

    def __init__(
        self,
        count: Callable[[str, Outcome], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Begin without routes.

        Args:
            count: told the route's name and the outcome of each notice.
            clock: time.time, or another in tests.
        """
        self._count = count
        self._clock = clock
        self._mutex = threading.Lock()
        self._memory = Memory()
        self._outages = Outages()
        self._outboxes: list[Outbox] = []
        self._warn_at_percent = 100
        self._observe = False

    def use(self, routes: Sequence[Route], warn_at_percent: int, *, observe: bool) -> None:
        """Send by these routes from now on; what waits on the old ones is tried once more."""
        outboxes = [Outbox(route, self._count) for route in routes]
        with self._mutex:
            old, self._outboxes = self._outboxes, outboxes
            self._warn_at_percent, self._observe = warn_at_percent, observe
        for outbox in old:
            outbox.close()

    def stop(self, wait_s: float) -> None:
        """Try to deliver what waits, at most this long in all."""
        for outbox in self._outboxes:
            outbox.close()
        deadline = time.monotonic() + wait_s
        for outbox in self._outboxes:
            outbox.join(max(0.0, deadline - time.monotonic()))

    def decided(self, sender: Sender, usage_changes: Iterable[UsageChange]) -> None:
        """Tell which thresholds a mail has passed."""
        for crossing in crossings(usage_changes, self._warn_at_percent):
            self._tell_crossing(sender, crossing)

    def refused(self, sender: Sender, hit: LimitUsage) -> None:
        """Tell that a limit is reached, the first time in its period."""
        crossing = reached(hit)
        if crossing is not None:
            self._tell_crossing(sender, crossing)

    def undecided(self) -> None:
        """Tell of an outage that has lasted, if it was not told at its beginning."""
        with self._mutex:
            error = self._outages.due(int(self._clock()))
        if error is not None:
            self._tell(Event.STORE_DOWN, error=error)

    def store_down(self, error: StoreError) -> None:
        """Tell that the database is away."""
        with self._mutex:
            text = self._outages.began(str(error), int(self._clock()))
        if text is not None:
            self._tell(Event.STORE_DOWN, error=text)

    def store_back(self, bookings: int) -> None:
        """Tell that it is back."""
        with self._mutex:
            is_news = self._outages.ended()
        if is_news:
            self._tell(Event.STORE_BACK, bookings=bookings)

    def _tell_crossing(self, sender: Sender, crossing: Crossing) -> None:
        """Put a crossing on the queues and remember it, unless it is known or all are full."""
        at = int(self._clock())
        with self._mutex:
            if self._memory.is_news(crossing, at) and self._tell(
                crossing.event, sender=sender, exceeded=crossing.exceeded
            ):
                self._memory.keep(crossing, at)

    def _tell(self, event: Event, **facts: Any) -> bool:  # noqa: ANN401 - the fields of Notice
        """Put a notice on the queues; return False when none of them had room."""
        notice = Notice(
            secrets.token_hex(16), event, int(self._clock()), observe=self._observe, **facts
        )
        wanted = [outbox for outbox in self._outboxes if outbox.route.takes(notice)]
        had_room = [outbox.put(notice) for outbox in wanted]
        return not wanted or any(had_room)
