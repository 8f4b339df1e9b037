"""The receivers of events: the log, and where configured the metrics and the notices.

A receiver that is not configured is not imported, and no event calls it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendlimit import maillog
from sendlimit.counting.events import Events
from sendlimit.daemon.event_log import EventLog

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from sendlimit.config import Config
    from sendlimit.counting.ledger import Ledger
    from sendlimit.daemon.metrics import Metrics
    from sendlimit.daemon.metrics_server import MetricsServer
    from sendlimit.notify.notifier import Notifier

EVENTS = tuple(name for name in vars(Events) if not name.startswith("_"))
NOTICES_AT_STOP_S = 5.0
"""How long a stop waits for the notices that are queued."""


class Telemetry(Events):
    """Calls each receiver for the events that it overrides; lives as long as the daemon.

    The main thread changes the list of receivers, any thread may report an event.

    Args:
        config: the configuration at the start.
        path: its file, for error messages.

    Raises:
        ConfigError: a file that [notify] names can't be used.
    """

    def __init__(self, config: Config, path: Path) -> None:
        self._path = path
        self._section = config.metrics
        self._log = EventLog()
        self._metrics: Metrics | None = None
        self._server: MetricsServer | None = None
        self._notifier: Notifier | None = None
        if self._section is not None:
            from sendlimit.daemon.metrics import Metrics  # noqa: PLC0415 - 2 MB, if configured

            self._metrics = Metrics()
        self.reload(config)

    def start(self, ledger: Ledger) -> None:
        """Begin to answer Prometheus; an address in use is logged, and mail is limited as ever."""
        if self._metrics is None or self._section is None:
            return
        from sendlimit.daemon.metrics_server import MetricsServer  # noqa: PLC0415 - as above

        self._metrics.watch(ledger)
        try:
            self._server = MetricsServer(self._metrics.registry, *self._section.address)
        except OSError as error:
            maillog.metrics_unavailable(self._section.listen, error)
            self._metrics = None
            self._connect()

    def reload(self, config: Config) -> None:
        """Send notices as the configuration says from now on.

        Raises:
            ConfigError: a file that [notify] names can't be used; nothing is changed.
        """
        section = config.notify
        if section is not None:
            from sendlimit.notify.notifier import (  # noqa: PLC0415 - 6 MB, if configured
                Notifier,
                routes_of,
            )

            routes = routes_of(config, section, self._path)
            if self._notifier is None:
                self._notifier = Notifier(self)
            if self._metrics is not None:
                self._metrics.expect_routes(route.name for route in routes)
            self._notifier.configure(
                routes, section.warn_at_percent, observe=config.mode == "observe"
            )
        elif self._notifier is not None:
            self._notifier.configure([], 0, observe=False)
        self._connect()

    def stop(self) -> None:
        """Deliver the notices that are queued, as far as the time allows; stop the server."""
        if self._notifier is not None:
            self._notifier.stop(NOTICES_AT_STOP_S)
        if self._server is not None:
            self._server.stop()

    def _connect(self) -> None:
        """Replace the method of each event by calls of the receivers that override it.

        An event that no receiver overrides has the method of the base class, which does nothing.
        """
        receivers = [self._log, self._metrics, self._notifier]
        for name in EVENTS:
            nothing = getattr(Events, name)
            calls = [
                getattr(receiver, name)
                for receiver in receivers
                if receiver is not None and getattr(type(receiver), name) is not nothing
            ]
            if calls:
                setattr(self, name, calls[0] if len(calls) == 1 else _in_turn(calls))
            else:
                vars(self).pop(name, None)


def _in_turn(calls: Sequence[Callable[..., None]]) -> Callable[..., None]:
    """Return a function that passes its arguments to each of these."""

    def call(*values: object, **named: object) -> None:
        for each in calls:
            each(*values, **named)

    return call
