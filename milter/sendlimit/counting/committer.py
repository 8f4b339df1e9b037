"""The thread that works off the ledger's queue: it connects, takes what waits, has it written.

What it does depends on the state of the lease: away it looks whether it may decide, shared it
writes batches beside other daemons, sole it flushes what memory has counted.

FAILURE: while the database is away the callbacks are told so at once, what is pending is kept,
and at a clean stop written to the unbooked file, or left in the journal.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from sendlimit.counting.backlog import Backlog
from sendlimit.counting.batch_writer import RECOVERIES_MAX, BatchWriter, LeaseHeldError
from sendlimit.counting.committer_row import CommitterRow
from sendlimit.counting.inbox import Inbox
from sendlimit.counting.journal_upkeep import JournalUpkeep
from sendlimit.counting.lease import BEAT_S, RETRY_S, LeaseState
from sendlimit.counting.ledger import boottime
from sendlimit.counting.limits_refresh import LimitsRefresh
from sendlimit.counting.membership import Membership
from sendlimit.counting.mode import ModeReport
from sendlimit.counting.outage import AWAY, DECIDES, FAULT, LOADING
from sendlimit.counting.waiter import Waiter, WaiterState
from sendlimit.counting.write_behind import FLUSH_S, WriteBehind
from sendlimit.errors import BatchFault, StoreConflict, StoreError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sendlimit.counting.events import Events
    from sendlimit.counting.ledger import Ledger
    from sendlimit.counting.left_journals import LeftJournal
    from sendlimit.counting.unbooked_file import UnbookedFile
    from sendlimit.store import Store

RECONNECT_S = 0.5
IDLE_REFRESH_S = 5.0
STOP_S = 10.0
"""How long a stop tries to book what is pending."""


class Committer:
    """Works off the queue, one step at a time; one thread uses it (committer_thread.py).

    Args:
        ledger: the callbacks' side.
        store: the database.
        file: what an earlier stop left, and this one may.
        events: is told what happens.
        left: crash journals of earlier starts.
        host: name of this machine, for other daemons' admins.
        clock: seconds since 1970.
        uptime: CLOCK_BOOTTIME in s.
    """

    def __init__(  # noqa: PLR0913 - the parts, and two clocks
        self,
        ledger: Ledger,
        store: Store,
        file: UnbookedFile,
        events: Events,
        *,
        left: Sequence[LeftJournal] = (),
        host: str = "",
        clock: Callable[[], float] = time.time,
        uptime: Callable[[], float] = boottime,
    ) -> None:
        self._ledger = ledger
        self._outage = ledger.outage
        self._outage.events = events
        self._lease = ledger.lease
        self._store = store
        self._events = events
        self._clock = clock
        self._uptime = uptime
        self._row = CommitterRow(ledger.lease.daemon)
        self._backlog = Backlog(file, ledger, events, clock)
        self._writer = BatchWriter(
            self._row, ledger=ledger, store=store, backlog=self._backlog, events=events,
            clock=clock, uptime=uptime,
        )  # fmt: skip
        self._membership = Membership(
            self._row, ledger=ledger, store=store, events=events, left=left, host=host,
            clock=clock, uptime=uptime,
        )  # fmt: skip
        self._write_behind = WriteBehind(
            self._row, ledger=ledger, store=store, backlog=self._backlog, host=host,
            clock=clock, uptime=uptime,
        )  # fmt: skip
        self._limits = LimitsRefresh(
            ledger=ledger, store=store, write_behind=self._write_behind, events=events,
            clock=clock, uptime=uptime,
        )  # fmt: skip
        self._inbox = Inbox(ledger, self._backlog)
        self._journal_upkeep = JournalUpkeep(ledger, events)
        self._is_connected = False
        self._is_loading = False
        self._granted = 0
        self._is_held = False
        self._connect_at = 0.0
        self._flushed_at = 0.0
        self._mode = ModeReport(ledger, events)
        self._stop_by: float | None = None

    def load(self) -> None:
        """Read what an earlier stop left."""
        self._backlog.load()

    def wait(self) -> None:
        """Wait until something is due, and take what is on the queue."""
        # None on the queue only ends a pause that was too long: what was counted is due with a flush.
        while self.take(self._pause_s()):
            if self._inbox.waiters or self._stop_by is not None:
                break
        self._ledger.asleep = False

    def take(self, pause: float = 0.0) -> bool:
        """Take what is on the queue, or comes within so many seconds; return whether anything did."""
        return self._inbox.take(pause)

    def step(self) -> None:
        """Work off what was taken; whatever raises, mail goes on."""
        waiters, self._inbox.waiters = self._inbox.waiters, []
        try:
            self._serve(waiters)
        except Exception as fault:  # noqa: BLE001 - the thread's boundary
            self._events.fault("committer")
            self._outage.began(FAULT, BatchFault(f"{BatchFault.__doc__} {fault!r}"), self._uptime())
            self._inbox.abandon(waiters)
            self._store.close()
            if self._backlog.in_doubt is not None or self._write_behind.in_doubt:
                self._disconnect()

    def stopping(self) -> None:
        """Note that the daemon stops: what is pending is booked, then the lease is given away."""
        self._stop_by = self._uptime() + STOP_S
        self._writer.stopping = True

    @property
    def is_done(self) -> bool:
        """Whether a stop has nothing more to do, or can do no more."""
        if self._stop_by is None or not self._ledger.queue.empty():
            return False
        if not self._is_connected or self._uptime() >= self._stop_by:
            return True
        return self._lease.state is LeaseState.AWAY or not (self._lease.holds or self._backlog)

    @property
    def decides(self) -> bool:
        """Whether the database was tried, and no other daemon has to be waited for."""
        return not self._is_connected or self._lease.state is not LeaseState.AWAY

    def finish(self) -> bool:
        """Write what is pending to the unbooked file; say whether all is booked. Mail is undecided then."""
        self._ledger.up = False
        self._inbox.abandon_all()
        all_booked = self._backlog.save(self._row.id, self._write_behind.unsaved())
        if self._is_connected:
            with suppress(StoreError):
                self._membership.leave()
        self._store.close()
        return all_booked

    # when something is due

    def _pause_s(self) -> float:
        """Return how long to wait for the queue; what is counted meanwhile wakes, if need be."""
        ledger, state = self._ledger, self._lease.state
        with ledger.mutex:
            is_pending = bool(ledger.stretches) or bool(self._backlog.pending)
            is_more = ledger.stretches.more_than_one
            ledger.asleep = not is_pending
        if not self._is_connected:
            return RECONNECT_S
        if state is LeaseState.AWAY or (state is LeaseState.SHARED and self._is_held):
            return RETRY_S
        if state is LeaseState.SHARED:
            return 0.0 if is_pending else min(IDLE_REFRESH_S, self._membership.beat_in_s)
        has_to_write = self._write_behind.has_to_report or self._lease.is_wanted
        if self._inbox.waiters or is_more or self._is_loading or has_to_write:
            return 0.0
        due = self._flushed_at + (FLUSH_S if is_pending else BEAT_S)
        return max(0.0, due - self._uptime())

    # what a step does

    def _serve(self, waiters: list[Waiter]) -> None:
        started = self._uptime()
        self._journal_upkeep.tick()
        with self._ledger.mutex:
            self._lease.lapse(started)
        if not self._is_connected and (started < self._connect_at or not self._connect()):
            self._inbox.abandon(waiters)
            self._report_mode()
            return
        if self._ledger.working_since is None:
            self._ledger.working_since = started
        try:
            self._limits.when_due(started)
            self._work(waiters, started)
            self._ledger.stuck = False
        except StoreError as error:
            self._report_outage(error)
            self._inbox.abandon(waiters)
        finally:
            self._ledger.up = self._is_connected
            if not self._ledger.is_waiting:
                self._ledger.working_since = None
            self._report_mode()

    def _work(self, waiters: list[Waiter], started: float) -> None:
        """Do what the state of the lease asks for."""
        if self._lease.state is LeaseState.AWAY:
            self._membership.enter()
        self._inbox.waiters = waiters
        if self._lease.holds:
            self._flush(waiters)
        if self._lease.state is LeaseState.SHARED:
            self._share(waiters)
        granted = self._ledger.memory.granted
        decided = _answered(waiters) + granted - self._granted
        self._granted = granted
        self._events.batch_done(decided, self._uptime() - started)

    def _share(self, waiters: Sequence[Waiter]) -> None:
        """Write a batch; take the lease when no other daemon is left."""
        self._is_held = True
        self._membership.beat()
        if not self._membership.replay():
            return
        if self._inbox.waiters or self._backlog:
            with suppress(LeaseHeldError):
                self._writer.write(self._inbox.waiters)
                self._inbox.waiters = []
                self._is_held = False
            if self._is_held:
                return
        self._report_back(waiters)
        self._is_held = False
        if self._may_take:
            self._membership.take()

    @property
    def _may_take(self) -> bool:
        """Whether this daemon can be alone: it can count in memory, and will."""
        journal = self._ledger.journal
        return (
            self._store.may_lease
            and self._stop_by is None
            and not self._backlog.pending.unbooked
            and journal.is_durable
            and not journal.is_full
        )

    def _flush(self, waiters: Sequence[Waiter]) -> None:
        """Write behind, on a new connection if the old one is lost."""
        write_behind = self._write_behind
        self._flushed_at = self._uptime()
        for _ in range(RECOVERIES_MAX):
            leave = self._lease.is_wanted or not self._may_take
            try:
                self._inbox.waiters = write_behind.flush(self._inbox.waiters, leave=leave)
                break
            except StoreConflict as error:
                self._events.batch_retried(error)
                return
            except StoreUnavailable as error:
                self._events.batch_retried(error)
                self._store.close()
                self._store.connect()
                write_behind.resolve()
                if not self._lease.holds:
                    return
        self._report_back(waiters)
        self._is_loading = self._lease.holds and write_behind.load_chunk()

    # the connection

    def _report_outage(self, error: StoreError) -> None:
        """Have callbacks answered at once from now on, and report it once an outage."""
        self._disconnect()
        self._outage.began(AWAY, error, self._uptime())

    def _report_mode(self) -> None:
        """Report how mail is decided; a stop is no other way."""
        if self._stop_by is None:
            self._mode.tick()

    def _report_back(self, waiters: Sequence[Waiter]) -> None:
        """Report the end of an outage, once what was accepted meanwhile is booked."""
        with self._ledger.mutex:
            is_left = self._ledger.stretches.more_than_one
        if not is_left or self._outage.state is LOADING:
            is_answered = _answered(waiters) > 0
            self._outage.ended(self._backlog.bookings, self._uptime(), answered=is_answered)
        if self._outage.state is DECIDES:
            self._backlog.bookings = 0

    def _disconnect(self) -> None:
        """Drop the connection; the next one settles what this one left open."""
        self._is_connected = self._ledger.up = False
        self._store.close()
        self._connect_at = self._uptime() + RECONNECT_S

    def _connect(self) -> bool:
        """Open the database and settle what an earlier connection left open."""
        try:
            self._store.connect()
            self._backlog.resolve(self._store, self._row)
            self._write_behind.resolve()
            self._backlog.take_over(self._store)
            self._limits.on_new_connection()
            self._is_connected = True
            self._work([], self._uptime())
        except StoreError as error:
            self._report_outage(error)
            return False
        self._ledger.up = True
        return True


def _answered(waiters: Sequence[Waiter]) -> int:
    return sum(waiter.state is WaiterState.ANSWERED for waiter in waiters)
