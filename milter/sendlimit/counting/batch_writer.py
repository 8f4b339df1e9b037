"""One batch at a time into the database: one transaction, two packets, until its outcome is known.

FAILURE: in_flight.py has the table. A conflict is rolled back and done again. A lost connection
is opened again (the next host that answers); a batch in doubt is looked up behind a fence and
done again only when it was not committed, so every batch counts once.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from sendlimit.counting.batch import (
    answer_all,
    corrections,
    counted_now,
    optimistic_additions,
    steps_to_load,
    subjects_to_load,
)
from sendlimit.counting.in_flight import BatchState, InFlightBatch
from sendlimit.counting.lease import Claim, claim_of
from sendlimit.counting.waiter import WaiterState
from sendlimit.errors import StoreConflict, StoreError, StoreUnavailable
from sendlimit.rules.limit import holding
from sendlimit.store import Writing

if TYPE_CHECKING:
    from collections.abc import Callable

    from sendlimit.counting.backlog import Backlog
    from sendlimit.counting.committer_row import CommitterRow
    from sendlimit.counting.events import Events
    from sendlimit.counting.ledger import Ledger
    from sendlimit.counting.waiter import Waiter
    from sendlimit.store import Store

RECOVERIES_MAX = 10
"""A server that takes connections and refuses statements is as good as away."""
CONFLICT_PAUSE_S = 0.005


class LeaseHeldError(Exception):
    """Another daemon holds the lease and is alive: nothing may be decided, nothing was written."""


class BatchWriter:
    """Writes batches for the committer, in its thread.

    Attributes:
        stopping: conflicts are no longer waited out.
    """

    def __init__(  # noqa: PLR0913 - the parts, each by its own name
        self,
        row: CommitterRow,
        *,
        ledger: Ledger,
        store: Store,
        backlog: Backlog,
        events: Events,
        clock: Callable[[], float],
        uptime: Callable[[], float],
    ) -> None:
        self.stopping = False
        self._row = row
        self._ledger = ledger
        self._store = store
        self._backlog = backlog
        self._events = events
        self._clock = clock
        self._uptime = uptime

    def write(self, waiters: list[Waiter]) -> None:
        """Decide the waiters' requests and write them with what is pending, at most one stretch.

        Raises:
            LeaseHeldError: the waiters wait on; what was pending is kept.
            StoreError: the database is away; what was pending is kept, or in doubt.
        """
        backlog = self._backlog
        batch = InFlightBatch(self._row.next(), waiters, backlog.take(), backlog.take_stretch())
        try:
            while not self._is_committed(batch):
                pass
        except Exception:
            backlog.keep(batch)
            raise
        batch.step(BatchState.COMMITTED)
        backlog.count(batch.answer())
        backlog.booked(batch)

    def _is_committed(self, batch: InFlightBatch) -> bool:
        """Try once; return False when it is to be done again."""
        try:
            return self._attempt(batch)
        except StoreConflict as error:
            self._store.rollback()
            batch.step(BatchState.ROLLED_BACK)
            self._events.batch_retried(error)
            if self.stopping:
                raise
            time.sleep(CONFLICT_PAUSE_S)
            return False
        except StoreError as error:
            self._events.batch_retried(error)
            return self._recover(batch, error)

    def _attempt(self, batch: InFlightBatch) -> bool:
        """Send both packets; return False when a limit has appeared whose counters are missing."""
        # 1. What is added if every mail passes; packet 1 adds it and returns what the counters were.
        batch.waiters = [w for w in batch.waiters if w.state is WaiterState.WAITING]
        requests = [waiter.request for waiter in batch.waiters]
        settings, names, plans = self._ledger.settings, self._ledger.names, self._ledger.plans
        facts = settings.facts(plans, {})
        pending = batch.additions
        optimistic = optimistic_additions(requests, facts, pending)
        batch.step(BatchState.BEGUN)
        sent = self._uptime()
        subjects = subjects_to_load(requests) if requests else ()
        loaded = self._store.begin(optimistic, subjects, steps_to_load(requests, facts))
        # 2. While another daemon holds the lease, this one decides nothing.
        claim = claim_of(self._ledger.lease, loaded.lease, sent, self._uptime())
        if claim is Claim.HELD:
            self._store.rollback()
            raise LeaseHeldError
        # 3. A limit that was set a moment ago: its counters are still to be loaded.
        rows = holding(loaded.settings, int(self._clock()))
        if rows and (needed := counted_now(settings, self._ledger.known_names, rows)) != names:
            self._ledger.learn(self._ledger.known_names | frozenset(needed))
            self._store.rollback()
            batch.step(BatchState.ROLLED_BACK)
            return False
        # 4. Decide; packet 2 writes what the decisions change of packet 1, and commits.
        facts = replace(facts, plans=plans.with_rows(rows), usage=loaded.usage)
        batch.answers, due = answer_all(requests, facts, pending)
        batch.step(BatchState.SENT)
        self._store.write(
            Writing(
                self._row.id,
                batch.number,
                corrections(optimistic, due),
                list(batch.pending.episodes.values()),
                sorted(batch.pending.unbooked),
                batch.stretch.last,
                holder="" if claim is Claim.CLEAR else None,
            ),
            lambda: self._backlog.count(batch.answer_early()),
        )
        return True

    def _recover(self, batch: InFlightBatch, error: StoreError) -> bool:
        """Connect again after an error and learn the outcome; return whether it was committed.

        Raises:
            StoreError: the database is away.
        """
        batch.failed()
        self._store.close()
        if batch.recoveries == RECOVERIES_MAX or not isinstance(error, StoreUnavailable):
            raise error  # trying again at once won't help
        batch.recoveries += 1
        self._store.connect()
        if batch.state is BatchState.IN_DOUBT:
            fenced = self._store.fence(self._row.id)
            self._row.fences = fenced.fences
            if fenced.batch == batch.number:
                return True
            batch.step(BatchState.ROLLED_BACK)
        return False
