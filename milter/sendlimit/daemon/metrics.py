"""The metrics that Prometheus reads; docs/monitoring/README.md explains each name.

No label has a value from the network: a million mailboxes make no more series than one.
"""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

import prometheus_client
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
)

from sendlimit import __version__
from sendlimit.counting.events import Events
from sendlimit.counting.mode import Mode
from sendlimit.counting.outage import DECIDES
from sendlimit.errors import SchemaError, StoreConflict, StoreUnavailable
from sendlimit.notify.outbox import Outcome
from sendlimit.rules.limit import KNOWN_NAMES
from sendlimit.rules.suspicion import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sendlimit.counting.ledger import Ledger
    from sendlimit.errors import StoreError
    from sendlimit.rules.decision import Decision, LimitUsage
    from sendlimit.rules.mailbox import Sender
    from sendlimit.rules.suspicion import Suspension

_DECISION_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_BATCH_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5, 10)
_DECISIONS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500)
_OUTCOMES = ("accepted", "refused", "would-refuse", "undecided-accepted", "undecided-refused")
_FAULTS = ("negotiate", "envfrom", "envrcpt", "eom", "abort", "committer", "journal", "suspend")
"""Where an exception is caught; the notices' routes come with expect_routes()."""


class Metrics(Events):
    """The metrics of one daemon, from its start to its end.

    Every series exists from the start at zero: a rate would miss the first event otherwise.
    """

    def __init__(self) -> None:
        # A second series for each counter is of no use here; the client has no types for this call.
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
        self._decisions = {outcome: decisions.labels(outcome) for outcome in _OUTCOMES}
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
        self._refusals = {name: refusals.labels(*map(str, name)) for name in KNOWN_NAMES}
        suspensions = Counter(
            "sendlimit_suspensions",
            "Logins that were suspended by [suspend], by the reason; in observe mode those told.",
            ["reason"],
            registry=registry,
        )
        self._suspensions = {reason: suspensions.labels(str(reason)) for reason in Reason}
        self._open = Gauge(
            "sendlimit_reservations_open",
            "Mails between MAIL and their end.",
            registry=registry,
        )
        self._batch_decisions = Histogram(
            "sendlimit_batch_questions",
            "Decisions in one transaction; 0 when it only gave back or booked.",
            buckets=_DECISIONS,
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
            "Errors of sendlimit itself; the log has their traces.",
            ["where"],
            registry=registry,
        )
        for where in _FAULTS:
            self._faults.labels(where)
        self._notices = Counter(
            "sendlimit_notices",
            "Notices by their route and what became of them.",
            ["route", "outcome"],
            registry=registry,
        )
        self._up = Gauge("sendlimit_store_up", "1 while decisions are made.", registry=registry)
        self._mode = Gauge(
            "sendlimit_counting_mode",
            "1 for the way in which mail is decided now, 0 for the others.",
            ["mode"],
            registry=registry,
        )
        self.mode_changed(Mode.UNDECIDED)
        self._queue = Gauge(
            "sendlimit_queue_length",
            "Requests, releases, bookings and episodes that wait for the committer.",
            registry=registry,
        )
        self._unbooked = Gauge(
            "sendlimit_unbooked_mails",
            "Mails accepted without the database that are still to be counted.",
            registry=registry,
        )
        self._journal = Gauge(
            "sendlimit_journal_whole",
            "1 while all that is not written yet would outlive a kill of the daemon.",
            registry=registry,
        )

    def watch(self, ledger: Ledger) -> None:
        """Read the state of the ledger whenever Prometheus asks."""
        self._up.set_function(lambda: ledger.state()[0] == DECIDES)
        self._queue.set_function(ledger.queue.qsize)
        self._unbooked.set_function(lambda: ledger.unbooked)
        self._journal.set_function(lambda: not ledger.journal_problem)

    def expect_routes(self, routes: Iterable[str]) -> None:
        """Begin the series of these routes of notices at zero."""
        for route in routes:
            self._faults.labels(f"notify-{route}")
            for outcome in Outcome:
                self._notices.labels(route, outcome)

    def decided(self, _sender: Sender, decision: Decision, seconds: float, /) -> None:
        """Count a decision and the time that it took."""
        if decision.exceeded is None:
            outcome = "accepted"
        else:
            outcome = "refused" if decision.refused else "would-refuse"
        self._decisions[outcome].inc()
        self._seconds.observe(seconds)

    def undecided(self, *, accepted: bool, seconds: float) -> None:
        """Count an answer that was given without a decision."""
        self._decisions["undecided-accepted" if accepted else "undecided-refused"].inc()
        self._seconds.observe(seconds)

    def uncounted(self, *, exempt: bool) -> None:
        """Count a mail that no limit applies to."""
        (self._exempt if exempt else self._unauthenticated).inc()

    def refused(self, _sender: Sender, exceeded: LimitUsage, /) -> None:
        """Count a refusal by its limit."""
        self._refusals[exceeded.limit.name].inc()

    def suspended(self, suspension: Suspension, /) -> None:
        """Count it by its reason."""
        self._suspensions[suspension.reason].inc()

    def opened(self) -> None:
        """Count an open reservation."""
        self._open.inc()

    def ended(self) -> None:
        """Count one open reservation less."""
        self._open.dec()

    def fault(self, where: str, /) -> None:
        """Count an error of sendlimit."""
        self._faults.labels(where).inc()

    def mode_changed(self, mode: str, /) -> None:
        """Show how mail is decided now."""
        for each in Mode:
            self._mode.labels(each).set(each == mode)

    def store_awaited(self, error: StoreError, /) -> None:
        """Count a start that did not find the database as an outage."""
        self._failures.labels(_reason(error)).inc()

    def store_down(self, error: StoreError, /) -> None:
        """Count an outage."""
        self._failures.labels(_reason(error)).inc()

    def batch_done(self, decisions: int, seconds: float, /) -> None:
        """Take the size of a batch and the time that it took."""
        self._batch_decisions.observe(decisions)
        self._batch_seconds.observe(seconds)

    def batch_retried(self, error: StoreError, /) -> None:
        """Count a retry."""
        self._retries.labels(_reason(error)).inc()

    def notice_done(self, route: str, outcome: str, /) -> None:
        """Count a notice by its route and outcome."""
        self._notices.labels(route, outcome).inc()


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
