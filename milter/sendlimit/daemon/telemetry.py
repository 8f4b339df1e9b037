"""Who is told what happens: the log, and where configured the metrics and the notices.

Nothing here may wait or raise: it is called from the callbacks and from the committer. What
is not configured costs a comparison with None, and its modules are not imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendlimit import maillog

if TYPE_CHECKING:
    from pathlib import Path

    from sendlimit.config import Config
    from sendlimit.counting.ledger import Ledger
    from sendlimit.daemon.metrics import Metrics, MetricsServer
    from sendlimit.errors import StoreError
    from sendlimit.notify.notifier import Notifier
    from sendlimit.notify.outbox import Outcome
    from sendlimit.rules.decision import Decision, LimitUsage
    from sendlimit.rules.mailbox import Sender

_LAST_NOTICES_S = 5.0


class Telemetry:
    """What session and committer tell, passed on; lives as long as the daemon."""

    def __init__(self, config: Config, path: Path) -> None:
        """Take the configuration and its file.

        Raises:
            ConfigError: a file that [notify] names can't be used.
        """
        self._path = path
        self._section = config.metrics
        self._metrics: Metrics | None = None
        self._server: MetricsServer | None = None
        self._notifier: Notifier | None = None
        if self._section is not None:
            from sendlimit.daemon.metrics import Metrics  # noqa: PLC0415 - 2 MB for those who want it

            self._metrics = Metrics()
        self.reload(config)

    def start(self, ledger: Ledger) -> None:
        """Begin to answer Prometheus; an address that is taken is no reason not to limit mail."""
        if self._metrics is None or self._section is None:
            return
        from sendlimit.daemon.metrics import MetricsServer  # noqa: PLC0415 - as above

        self._metrics.watch(ledger)
        try:
            self._server = MetricsServer(self._metrics, *self._section.address)
        except OSError as error:
            self._metrics = None
            maillog.metrics_unavailable(self._section.listen, error)

    def reload(self, config: Config) -> None:
        """Send notices as the configuration says from now on.

        Raises:
            ConfigError: a file that [notify] names can't be used; nothing is changed.
        """
        section = config.notify
        if section is None:
            if self._notifier is not None:
                self._notifier.use([], 0, observe=False)
            return
        from sendlimit.notify.notifier import Notifier, routes_of  # noqa: PLC0415 - 6 MB, as above

        routes = routes_of(config, section, self._path)
        if self._notifier is None:
            self._notifier = Notifier(self._noticed)
        if self._metrics is not None:
            self._metrics.expect_notices(route.name for route in routes)
        self._notifier.use(routes, section.warn_at_percent, observe=config.mode == "observe")

    def stop(self) -> None:
        """End; notices that wait get a last try."""
        if self._notifier is not None:
            self._notifier.stop(_LAST_NOTICES_S)
        if self._server is not None:
            self._server.stop()

    def decided(self, sender: Sender, decision: Decision, seconds: float) -> None:
        """A decision was made."""
        if self._metrics is not None:
            self._metrics.decided(decision, seconds)
        if self._notifier is not None:
            self._notifier.decided(sender, decision.usage_changes)

    def undecided(self, *, accepted: bool, seconds: float) -> None:
        """No decision could be made in time."""
        if self._metrics is not None:
            self._metrics.undecided(accepted=accepted, seconds=seconds)
        if self._notifier is not None:
            self._notifier.undecided()

    def uncounted(self, *, exempt: bool) -> None:
        """A mail that is not counted."""
        if self._metrics is not None:
            self._metrics.uncounted(exempt=exempt)

    def refused(self, sender: Sender, hit: LimitUsage) -> None:
        """A mail or recipient was refused."""
        if self._metrics is not None:
            self._metrics.refused(hit.limit.name)
        if self._notifier is not None:
            self._notifier.refused(sender, hit)

    def opened(self) -> None:
        """A reservation was made."""
        if self._metrics is not None:
            self._metrics.opened()

    def ended(self) -> None:
        """A reservation ended."""
        if self._metrics is not None:
            self._metrics.ended()

    def fault(self, where: str) -> None:
        """A callback or the committer raised."""
        maillog.fault(where)
        if self._metrics is not None:
            self._metrics.fault(where)

    def store_down(self, error: StoreError) -> None:
        """The database is away."""
        maillog.store_down(error)
        if self._metrics is not None:
            self._metrics.store_down(error)
        if self._notifier is not None:
            self._notifier.store_down(error)

    def store_back(self, bookings: int) -> None:
        """The database is back."""
        maillog.store_back(bookings)
        if self._notifier is not None:
            self._notifier.store_back(bookings)

    def batch_done(self, questions: int, seconds: float) -> None:
        """A batch is in."""
        if self._metrics is not None:
            self._metrics.batch_done(questions, seconds)

    def batch_retried(self, error: StoreError) -> None:
        """A batch is done again."""
        maillog.batch_retried(error)
        if self._metrics is not None:
            self._metrics.batch_retried(error)

    def journal_unreadable(self, error: ValueError) -> None:
        """The journal is damaged."""
        maillog.journal_unreadable(error)

    def _noticed(self, route: str, outcome: Outcome) -> None:
        """A notice was sent, given up or dropped."""
        if self._metrics is not None:
            self._metrics.noticed(route, outcome)
