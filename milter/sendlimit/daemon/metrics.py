"""Numbers for Prometheus, and the HTTP server that it asks for them.

No label has a value from the network: there are as many series with a million mailboxes as
with one. Every name stands in docs/monitoring/README.md with what it means; a test compares.

LIMITS: the server is plain HTTP and asks for no password: metrics.listen is for loopback or a
network of one's own.
"""

from __future__ import annotations

import platform
import socket
import threading
from socketserver import TCPServer
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, make_server

import prometheus_client
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    make_wsgi_app,
)
from prometheus_client.exposition import ThreadingWSGIServer

from sendlimit import __version__
from sendlimit.errors import SchemaError, StoreConflict, StoreUnavailable
from sendlimit.notify.outbox import Outcome
from sendlimit.rules.limit import LIMIT_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sendlimit.counting.ledger import Ledger
    from sendlimit.errors import StoreError
    from sendlimit.rules.decision import Decision
    from sendlimit.rules.limit import LimitName

_DECISION_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_BATCH_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5, 10)
_QUESTIONS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500)
_ROOFS = ("negotiate", "envfrom", "envrcpt", "eom", "abort", "committer")
_REQUEST_S = 10.0


class Metrics:
    """The numbers of one daemon; threads may share it, no method waits or raises."""

    def __init__(self) -> None:
        """Begin at zero; every series exists from the start, so that rates are right."""
        # A second series for each counter, of no use here; the client has no types for this call.
        prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = registry = CollectorRegistry()
        ProcessCollector(namespace="sendlimit", registry=registry)
        Info("sendlimit_build", "What runs.", registry=registry).info(
            {"version": __version__, "python": platform.python_version()}
        )
        decisions = Counter(
            "sendlimit_decisions",
            "Answers to authenticated mail, at MAIL and for recipients at end-of-message.",
            ["outcome"],
            registry=registry,
        )
        self._accepted = decisions.labels("accepted")
        self._refused = decisions.labels("refused")
        self._would_refuse = decisions.labels("would-refuse")
        self._undecided_accepted = decisions.labels("undecided-accepted")
        self._undecided_refused = decisions.labels("undecided-refused")
        self._seconds = Histogram(
            "sendlimit_decision_seconds",
            "How long a callback waited for its decision, undecided ones too.",
            buckets=_DECISION_S,
            registry=registry,
        )
        uncounted = Counter(
            "sendlimit_uncounted_mails",
            "Mails that no limit applies to.",
            ["reason"],
            registry=registry,
        )
        self._unauthenticated = uncounted.labels("unauthenticated")
        self._exempt = uncounted.labels("exempt")
        refusals = Counter(
            "sendlimit_refusals",
            "Mails and recipients over a limit, by the limit; in observe mode those let through.",
            ["scope", "unit", "window"],
            registry=registry,
        )
        self._refusals = {name: refusals.labels(*map(str, name)) for name in LIMIT_NAMES}
        self._open = Gauge(
            "sendlimit_reservations_open",
            "Mails between MAIL and their end.",
            registry=registry,
        )
        self._batch_questions = Histogram(
            "sendlimit_batch_questions",
            "Decisions in one transaction; 0 when it only gave back or booked.",
            buckets=_QUESTIONS,
            registry=registry,
        )
        self._batch_seconds = Histogram(
            "sendlimit_store_batch_seconds",
            "How long the database took for one batch, retries included.",
            buckets=_BATCH_S,
            registry=registry,
        )
        self._retries = _by_error(
            "sendlimit_store_retries", "Batches that were done again, by the reason.", registry
        )
        self._failures = _by_error(
            "sendlimit_store_failures",
            "Times that the database was given up until it answers again, by the reason.",
            registry,
        )
        self._faults = Counter(
            "sendlimit_faults",
            "Errors inside sendlimit that should not have been; the log has their traces.",
            ["where"],
            registry=registry,
        )
        for where in _ROOFS:
            self._faults.labels(where)
        self._notices = Counter(
            "sendlimit_notices",
            "Notices by the way they go and what became of them.",
            ["route", "outcome"],
            registry=registry,
        )
        self._up = Gauge("sendlimit_store_up", "1 while decisions are made.", registry=registry)
        self._queue = Gauge(
            "sendlimit_queue_length",
            "Questions, releases, bookings and episodes that wait for the committer.",
            registry=registry,
        )
        self._unbooked = Gauge(
            "sendlimit_unbooked_mails",
            "Mails accepted without the database that are still to be counted.",
            registry=registry,
        )

    def watch(self, ledger: Ledger) -> None:
        """Read these of the ledger whenever Prometheus asks."""
        self._up.set_function(lambda: ledger.up and not ledger.stuck)
        self._queue.set_function(ledger.queue.qsize)
        self._unbooked.set_function(lambda: ledger.unbooked)

    def decided(self, decision: Decision, seconds: float) -> None:
        """Count a decision and the time it took."""
        if decision.exceeded is None:
            self._accepted.inc()
        elif decision.refused:
            self._refused.inc()
        else:
            self._would_refuse.inc()
        self._seconds.observe(seconds)

    def undecided(self, *, accepted: bool, seconds: float) -> None:
        """Count an answer that was given without a decision."""
        (self._undecided_accepted if accepted else self._undecided_refused).inc()
        self._seconds.observe(seconds)

    def uncounted(self, *, exempt: bool) -> None:
        """Count a mail that is not counted."""
        (self._exempt if exempt else self._unauthenticated).inc()

    def refused(self, name: LimitName) -> None:
        """Count a refusal, or in observe mode what would have been one."""
        self._refusals[name].inc()

    def opened(self) -> None:
        """One more reservation is open."""
        self._open.inc()

    def ended(self) -> None:
        """One less is open."""
        self._open.dec()

    def batch_done(self, questions: int, seconds: float) -> None:
        """Take the size and the time of a batch."""
        self._batch_questions.observe(questions)
        self._batch_seconds.observe(seconds)

    def batch_retried(self, error: StoreError) -> None:
        """Count a retry."""
        self._retries.labels(_reason(error)).inc()

    def store_down(self, error: StoreError) -> None:
        """Count an outage."""
        self._failures.labels(_reason(error)).inc()

    def fault(self, where: str) -> None:
        """Count an error of our own."""
        self._faults.labels(where).inc()

    def noticed(self, route: str, outcome: Outcome) -> None:
        """Count a notice that was sent, failed or dropped."""
        self._notices.labels(route, outcome).inc()

    def expect_notices(self, routes: Iterable[str]) -> None:
        """Begin the series of these routes at zero."""
        for route in routes:
            for outcome in Outcome:
                self._notices.labels(route, outcome)


_REASONS = ((StoreUnavailable, "connection"), (StoreConflict, "conflict"), (SchemaError, "schema"))


def _reason(error: StoreError) -> str:
    """Return the kind of an error as a label."""
    return next((word for kind, word in _REASONS if isinstance(error, kind)), "statement")


def _by_error(name: str, meaning: str, registry: CollectorRegistry) -> Counter:
    """Make a counter with a series for each kind of error."""
    counter = Counter(name, meaning, ["reason"], registry=registry)
    for word in (*(word for _, word in _REASONS), "statement"):
        counter.labels(word)
    return counter


class _Request(WSGIRequestHandler):
    """One request, without a line in the log."""

    timeout = _REQUEST_S  # else who connects and says nothing would keep a thread for ever

    def log_message(self, *_: object) -> None:
        """Write nothing."""


class _Server(ThreadingWSGIServer):
    """Listens without asking DNS for its own name, which could hold up the start."""

    def server_bind(self) -> None:
        """Bind."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]
        self.setup_environ()


class _ServerIPv6(_Server):
    address_family = socket.AF_INET6


class MetricsServer:
    """The HTTP server on metrics.listen and its thread."""

    def __init__(self, metrics: Metrics, host: str, port: int) -> None:
        """Listen and answer.

        Raises:
            OSError: the address can't be listened on.
        """
        self._server = make_server(
            host,
            port,
            make_wsgi_app(metrics.registry),
            _ServerIPv6 if ":" in host else _Server,
            _Request,
        )
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="metrics", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
