"""What the holder of the lease does: flushes what memory has counted, and follows the database.

One flush is one transaction of one packet. It carries the oldest stretch, and the counters and
limits of the requests that memory could not grant. What it returns is what memory has from then
on. Between flushes, on the same connection, limits that have changed and chunks of the running
periods are read.

FAILURE: a flush without an answer is in doubt; the fence decides, and grants go on meanwhile for
as long as the lease is valid. LIMITS: the committer's thread alone uses it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendlimit.counting.backlog import not_in_journal
from sendlimit.counting.batch import reverse, subjects_to_load
from sendlimit.counting.in_flight import BatchState, InFlightFlush
from sendlimit.counting.lease import LeaseState
from sendlimit.counting.unbooked_file import UnbookedEntry, new_id
from sendlimit.counting.waiter import WaiterState
from sendlimit.errors import LeaseLost, StoreConflict
from sendlimit.store import Flush

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sendlimit.counting.backlog import Backlog
    from sendlimit.counting.committer_row import CommitterRow
    from sendlimit.counting.ledger import Ledger
    from sendlimit.counting.waiter import Waiter
    from sendlimit.store import Flushed, Store

FLUSH_S = 0.05
"""How long counted mails may wait for their flush: what a loss of power can take."""
CHUNK = 5_000
"""Counters that are read at once: some 20 ms of a flush's way."""


class WriteBehind:
    """Writes behind what memory decides.

    Args:
        row: the committer's own.
        ledger: whose memory.
        store: the database.
        backlog: what else is pending.
        host: name of this machine, for others to read.
        clock: seconds since 1970.
        uptime: CLOCK_BOOTTIME in s.
    """

    def __init__(  # noqa: PLR0913 - the parts, each by its own name
        self,
        row: CommitterRow,
        *,
        ledger: Ledger,
        store: Store,
        backlog: Backlog,
        host: str,
        clock: Callable[[], float],
        uptime: Callable[[], float],
    ) -> None:
        self._row = row
        self._ledger = ledger
        self._lease = ledger.lease
        self._memory = ledger.memory
        self._store = store
        self._backlog = backlog
        self._host = host
        self._clock = clock
        self._uptime = uptime
        self._in_doubt: InFlightFlush | None = None
        self._changed: set[str] = set()
        self._reported = 0
        self._limits_mark: object = None

    @property
    def in_doubt(self) -> bool:
        """Whether a flush was sent whose answer is not known."""
        return self._in_doubt is not None

    @property
    def has_to_report(self) -> bool:
        """Whether a change by people is still to be applied, or to be said to be applied."""
        return bool(self._changed) or self._lease.applied_change != self._reported

    def unsaved(self) -> UnbookedEntry | None:
        """Return what of a flush in doubt is for the unbooked file: refusals, and what no journal has."""
        sent = self._in_doubt
        if sent is None:
            return None
        pending = not_in_journal(sent.stretch)
        pending.merge(sent.pending)
        return UnbookedEntry(new_id(), pending, (self._row.id, sent.number)) if pending else None

    def resolve(self) -> None:
        """Learn on a new connection what became of the flush in doubt.

        Raises:
            StoreError: the database went away again; nothing is forgotten.
        """
        sent = self._in_doubt
        if sent is None:
            return
        fenced = self._store.fence(self._row.id)
        self._row.fences = fenced.fences
        self._in_doubt = None
        if fenced.batch != sent.number:
            self._give_back(sent)
            return
        sent.step(BatchState.COMMITTED)
        self._backlog.booked_stretch(sent.stretch)
        with self._ledger.mutex:
            self._lease.committed_in_doubt(sent.flush.beat + 1)

    def flush(self, waiters: Sequence[Waiter], *, leave: bool = False) -> list[Waiter]:
        """Write one stretch; answer what can be answered then.

        Args:
            waiters: for requests that memory did not grant.
            leave: hand over with the flush that carries all the rest.

        Returns:
            The waiters that wait on: the lease has ended, or what they need is still not known.

        Raises:
            StoreConflict: it is rolled back, to be done again.
            StoreError: in doubt.
        """
        self._apply_changes()
        waiting = [waiter for waiter in waiters if waiter.state is WaiterState.WAITING]
        flight = self._build(waiting, leave=leave)
        flight.step(BatchState.SENT)
        try:
            flushed = self._store.flush(flight.flush)
        except LeaseLost:
            self._give_back(flight)
            with self._ledger.mutex:
                self._lease.lost()
            return waiting
        except StoreConflict:
            self._give_back(flight)
            raise
        except Exception:
            flight.step(BatchState.IN_DOUBT)
            self._in_doubt = flight
            if flight.flush.let_go:
                with self._ledger.mutex:
                    self._lease.leaving_failed()
            raise
        return self._take_in(flight, flushed, waiting)

    def _build(self, waiting: Sequence[Waiter], *, leave: bool) -> InFlightFlush:
        ledger, lease, memory = self._ledger, self._lease, self._memory
        requests = [waiter.request for waiter in waiting]
        with ledger.mutex:
            memory.plans.look_at_clock(int(self._clock()))
            if leave and lease.state is LeaseState.SOLE and not ledger.stretches.more_than_one:
                lease.leave()
            read = {key for request in requests for key in memory.keys_of(request)}
            steps = {key for request in requests for key in memory.steps_of(request)}
            stretch = ledger.stretches.take(ledger.journal.number)
        pending = self._backlog.take()
        flush = Flush(
            self._row.id,
            self._row.next(),
            stretch.last,
            self._row.fences,
            lease.beat,
            lease.applied_change,
            lease.seen_change,
            {key: amount for key, amount in stretch.sums.items() if amount},
            [key for key in read if not stretch.sums.get(key)],
            tuple(subjects_to_load(requests)) if requests else (),
            list(pending.episodes.values()),
            lease.state is LeaseState.LEAVING,
            self._host,
            sorted(steps),
        )
        return InFlightFlush(flush, stretch, pending, self._uptime())

    def _give_back(self, flight: InFlightFlush) -> None:
        flight.step(BatchState.ROLLED_BACK)
        with self._ledger.mutex:
            self._ledger.stretches.give_back()
        self._backlog.pending.merge(flight.pending)

    def _take_in(
        self, flight: InFlightFlush, flushed: Flushed, waiting: list[Waiter]
    ) -> list[Waiter]:
        """Let memory follow what a flush returned; answer."""
        ledger, lease, memory = self._ledger, self._lease, self._memory
        flush = flight.flush
        flight.step(BatchState.COMMITTED)
        self._reported = flush.applied_change
        with ledger.mutex:
            memory.follow(flushed.usage)
        self._backlog.booked_stretch(flight.stretch)
        now = self._uptime()
        with ledger.mutex:
            if flush.let_go:
                lease.handed_over()
                return waiting
            lease.flushed(flight.sent, flush.beat + 1)
            if flush.subjects and memory.plans.learn_some(flush.subjects, flushed.settings):
                self._limits_mark = None
            left = [waiter for waiter in waiting if not self._answer(waiter)]
            lease.look_at_others(flushed.beats, now)
        if flushed.changes:
            self._changed.update(change.subject for change in flushed.changes)
            lease.changes_read(flushed.changes[-1].id)
            self._apply_changes()
        return left

    def _answer(self, waiter: Waiter) -> bool:
        """Answer on the numbers of a committed flush, under the mutex; return False if that can't be."""
        answer = self._memory.answer(waiter.request, self._uptime())
        if answer is None:
            return False
        if not waiter.answer(answer):
            # Its mail was accepted undecided and is booked at its end.
            self._memory.add(reverse(answer.effects), waiter.request.at)
        return True

    def _apply_changes(self) -> None:
        """Follow what people have changed: limits, and the counters of their subjects.

        Raises:
            StoreError: it is done before the next flush.
        """
        if not self._changed:
            return
        with self._ledger.mutex:
            keys = self._memory.keys_in_memory(self._changed)
        limits, usage = self._store.limits(), self._store.usage(keys)
        with self._ledger.mutex:
            self._memory.plans.learn(limits)
            self._memory.follow(usage)
            self._lease.changes_applied()
        self._changed.clear()

    def refresh_limits(self) -> None:
        """Follow what was changed in er_limit by SQL, once a second.

        Raises:
            StoreError: the database is away.
        """
        mark = self._store.limits_mark()
        if mark == self._limits_mark:
            return
        limits = self._store.limits()
        with self._ledger.mutex:
            self._memory.plans.learn(limits)
        self._limits_mark = mark

    def load_chunk(self) -> bool:
        """Read the next counters of the running periods; return whether any are left to read.

        Raises:
            StoreError: the database is away.
        """
        with self._ledger.mutex:
            loading = self._ledger.counters.next_chunk()
        if loading is None or self._in_doubt is not None:
            return False
        rows = self._store.counters(loading.name, loading.start, loading.after, CHUNK)
        with self._ledger.mutex:
            self._ledger.counters.load(loading, rows, more=len(rows) == CHUNK)
        return True
