"""Makes notices of events and puts them on the queues of their routes."""

from __future__ import annotations

import secrets
import ssl
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sendlimit.config.reading import secret
from sendlimit.counting.events import Events
from sendlimit.errors import UnusableFile
from sendlimit.files import read_octets
from sendlimit.notify.command import CommandRoute
from sendlimit.notify.mail import AdminRoute, MailServer, OwnerRoute
from sendlimit.notify.notices import (
    Event,
    History,
    Notice,
    Outages,
    limit_reached,
    thresholds_reached,
)
from sendlimit.notify.outbox import Outbox
from sendlimit.notify.webhook import WebhookRoute

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sendlimit.config import Config
    from sendlimit.config.notify import NotifySection
    from sendlimit.errors import StoreError
    from sendlimit.notify.notices import ThresholdReached
    from sendlimit.notify.outbox import Route
    from sendlimit.rules.decision import Decision, LimitUsage
    from sendlimit.rules.mailbox import Sender
    from sendlimit.rules.suspicion import Suspension


def check_ca_file(file: str, key: str) -> None:
    """Read a file of CAs.

    Raises:
        UnusableFile: it can't be read, or holds none; names the key and the file.
    """
    try:
        read_octets(Path(file))
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
    except ssl.SSLError as error:
        raise UnusableFile([f"{key}: {file} holds no certificate in PEM form"]) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UnusableFile([f"{key}: {file} can't be read: {reason}"]) from error


def routes_of(config: Config, section: NotifySection, path: Path) -> list[Route]:
    """Return the routes that [notify] configures.

    Raises:
        UnusableFile: the file of webhook_secret_file or ca_file can't be used.
    """
    calendar = config.make_calendar()
    routes: list[Route] = []
    if section.webhook_url is not None:
        key = None
        if section.webhook_secret_file is not None:
            file = Path(section.webhook_secret_file)
            key = secret(file, f"{path}: notify.webhook_secret_file").encode()
        if section.ca_file is not None:
            check_ca_file(section.ca_file, f"{path}: notify.ca_file")
        routes.append(
            WebhookRoute(
                section.webhook_url,
                key,
                calendar,
                section.webhook_format,
                section.own_body(),
                section.ca_file,
            )
        )
    server = MailServer(section.smtp_address, section.mail_from, section.mail_return_path)
    if section.command:
        routes.append(CommandRoute(section.command, section.command_timeout_s, calendar))
    if section.mail_to:
        routes.append(AdminRoute(server, section.mail_to, section.texts, calendar))
    if section.mail_owner:
        routes.append(OwnerRoute(server, section.texts, calendar))
    return routes


class Notifier(Events):
    """Decides which events make a notice and queues it; lives until the daemon ends.

    Args:
        events: told what became of each notice.
        clock: time.time, or another in tests.
    """

    def __init__(self, events: Events, clock: Callable[[], float] = time.time) -> None:
        self._events = events
        self._clock = clock
        self._mutex = threading.Lock()
        self._history = History()
        self._outages = Outages()
        self._outboxes: list[Outbox] = []
        self._warn_at_percent = 100
        self._observe = False

    def configure(self, routes: Sequence[Route], warn_at_percent: int, *, observe: bool) -> None:
        """Replace the routes; notices that wait on the old ones are tried once more."""
        outboxes = [Outbox(route, self._events) for route in routes]
        with self._mutex:
            old, self._outboxes = self._outboxes, outboxes
            self._warn_at_percent, self._observe = warn_at_percent, observe
        for outbox in old:
            outbox.close()

    def stop(self, wait_s: float) -> None:
        """Deliver the notices that wait, for at most this many seconds in all."""
        for outbox in self._outboxes:
            outbox.close()
        deadline = time.monotonic() + wait_s
        for outbox in self._outboxes:
            outbox.join(max(0.0, deadline - time.monotonic()))

    def decided(self, sender: Sender, decision: Decision, _seconds: float, /) -> None:
        """Queue a notice for each threshold that the mail has reached."""
        for threshold in thresholds_reached(decision.usage_changes, self._warn_at_percent):
            self._queue_threshold(sender, threshold)

    def undecided(self, *, accepted: bool, seconds: float) -> None:
        """Queue the notice of an outage that lasts, unless its beginning made one."""
        del accepted, seconds
        with self._mutex:
            error = self._outages.due(int(self._clock()))
        if error is not None:
            self._queue(Event.STORE_DOWN, error=error)

    def refused(self, sender: Sender, exceeded: LimitUsage, /) -> None:
        """Queue the notice that a limit is reached, the first time in its period."""
        threshold = limit_reached(exceeded)
        if threshold is not None:
            self._queue_threshold(sender, threshold)

    def suspended(self, suspension: Suspension, /) -> None:
        """Queue the notice of a suspension."""
        self._queue(Event.SUSPENDED, sender=suspension.sender, suspension=suspension)

    def store_down(self, error: StoreError, /) -> None:
        """Queue the notice of an outage."""
        with self._mutex:
            text = self._outages.began(str(error), int(self._clock()))
        if text is not None:
            self._queue(Event.STORE_DOWN, error=text)

    def store_back(self, bookings: int, /) -> None:
        """Queue the notice that an outage is over."""
        with self._mutex:
            makes_notice = self._outages.ended()
        if makes_notice:
            self._queue(Event.STORE_BACK, bookings=bookings)

    def doctor_looked(self, began: str, ended: str) -> None:
        """Queue a notice of errors that the doctor has newly found, and of those that are over."""
        if began:
            self._queue(Event.FINDING, error=began)
        if ended:
            self._queue(Event.FINDING_OVER, error=ended)

    def _queue_threshold(self, sender: Sender, threshold: ThresholdReached) -> None:
        """Queue the notice of a threshold and keep it in the history, unless all queues are full."""
        at = int(self._clock())
        with self._mutex:
            if self._history.is_new(threshold, at) and self._queue(
                threshold.event, sender=sender, exceeded=threshold.exceeded
            ):
                self._history.add(threshold, at)

    def _queue(self, event: Event, **values: Any) -> bool:  # noqa: ANN401 - the fields of Notice
        """Queue a notice for each route that takes it; return False if all their queues are full."""
        notice = Notice(
            secrets.token_hex(16), event, int(self._clock()), observe=self._observe, **values
        )
        takers = [outbox for outbox in self._outboxes if outbox.route.takes(notice)]
        had_room = [outbox.put(notice) for outbox in takers]
        return not takers or any(had_room)
