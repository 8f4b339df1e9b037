"""The thread that works off the ledger's queue: it connects, takes what waits, has it written.

FAILURE: while the database is away the callbacks are told so at once, what is pending is kept,
and at a clean stop written to the unbooked file.
"""

from __future__ import annotations

import threading
import time
from queue import Empty
from typing import TYPE_CHECKING

from sendlimit.counting.backlog import Backlog
from sendlimit.counting.batch_writer import BatchWriter
from sendlimit.counting.ledger import Addition
from sendlimit.counting.unbooked_file import new_id
from sendlimit.counting.waiter import Waiter
from sendlimit.errors import StoreConflict, StoreError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sendlimit.counting.events import Events
    from sendlimit.counting.ledger import Ledger
    from sendlimit.counting.unbooked_file import UnbookedFile
    from sendlimit.rules.counting_settings import Publication
    from sendlimit.store import Store

BATCH_MAX = 500
"""Requests in one transaction: beyond it a batch takes longer, not fewer packets a mail."""
RECONNECT_S = 0.5
REFRESH_S = 1.0
"""How old the knowledge of the limits in the database may be while mail flows."""
IDLE_REFRESH_S = 5.0


class Committer:
    """Works off the queue, one step at a time; one thread uses it (CommitterThread)."""

    def __init__(  # noqa: PLR0913 - the parts, and two clocks
        self,
        ledger: Ledger,
        store: Store,
        file: UnbookedFile,
        events: Events,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._store = store
        self._backlog = Backlog(file, ledger, events)
        self._writer = BatchWriter(
            new_id(), ledger=ledger, store=store, backlog=self._backlog, events=events, clock=clock
        )
        self._events = events
        self._clock = clock
        self._monotonic = monotonic
        self._is_reported_down = False
        self._connect_at = 0.0
        self._refresh_at = 0.0
        self._published: Publication | None = None

    def load(self) -> None:
        """Read what an earlier stop left."""
        self._backlog.load()

    def take(self) -> list[Waiter]:
        """Wait for work and take all there is; return those who wait for an answer."""
        waiters: list[Waiter] = []
        queue = self._ledger.queue
        pause = IDLE_REFRESH_S if self._ledger.up else RECONNECT_S
        try:
            item = queue.get(timeout=pause)
            while True:
                if isinstance(item, Waiter):
                    waiters.append(item)
                elif isinstance(item, Addition):
                    self._backlog.pending.add(item.charges)
                    self._backlog.pending.bookings += item.bookings
                elif item is not None:
                    self._backlog.pending.record(item)
                if len(waiters) >= BATCH_MAX:
                    break
                item = queue.get_nowait()
        except Empty:
            pass
        return waiters

    def step(self, waiters: list[Waiter]) -> None:
        """Work off what was taken; whatever raises, mail goes on."""
        try:
            self._serve(waiters)
        except Exception:  # noqa: BLE001 - the thread's boundary
            self._events.fault("committer")
            self._abandon(waiters)
            self._store.close()
            if self._backlog.in_doubt is not None:
                self._disconnect()

    def stopping(self) -> None:
        """Note that the daemon stops: conflicts are no longer waited out."""
        self._writer.stopping = True

    def finish(self) -> bool:
        """Write what is still pending to the unbooked file; return whether all is booked."""
        all_booked = self._backlog.save(self._writer.id)
        self._store.close()
        return all_booked

    def _serve(self, waiters: list[Waiter]) -> None:
        started = self._monotonic()
        if not self._ledger.up and (started < self._connect_at or not self._connect()):
            self._abandon(waiters)
            return
        self._ledger.working_since = started
        try:
            self._refresh_or_reconnect(started)
            if waiters or self._backlog.pending:
                self._write(waiters)
                self._events.batch_done(len(waiters), self._monotonic() - started)
            self._ledger.stuck = False
        except StoreError as error:
            self._report_outage(error)
            self._abandon(waiters)
        finally:
            self._ledger.working_since = None

    def _write(self, waiters: list[Waiter]) -> None:
        written = self._writer.write(waiters)
        if self._is_reported_down:
            self._is_reported_down = False
            self._events.store_back(written.bookings)

    def _abandon(self, waiters: Sequence[Waiter]) -> None:
        """Let the callbacks go on without an answer."""
        for waiter in waiters:
            waiter.abandon()

    def _report_outage(self, error: StoreError) -> None:
        """Have callbacks answered at once from now on, and report it once an outage."""
        self._disconnect()
        if not self._is_reported_down:
            self._is_reported_down = True
            self._events.store_down(error)

    def _disconnect(self) -> None:
        """Drop the connection; the next one settles what this one left open."""
        self._ledger.up = False
        self._store.close()
        self._connect_at = self._monotonic() + RECONNECT_S

    def _connect(self) -> bool:
        """Open the database and settle what an earlier connection left open."""
        try:
            self._store.connect()
            self._writer.resolve()
            self._published = None
            self._refresh()
            if self._backlog.pending:
                self._write([])
            elif self._is_reported_down:
                self._is_reported_down = False
                self._events.store_back(0)
        except StoreError as error:
            self._report_outage(error)
            return False
        self._ledger.up = True
        return True

    def _refresh(self) -> None:
        """Learn which limits are in force anywhere, and keep the views' tables up to date."""
        at = int(self._clock())
        try:
            known = self._store.names_in_force(at)
            if known != self._ledger.known_names:
                self._ledger.learn(known)
            publication = self._ledger.settings.publication(at)
            if publication != self._published:
                self._store.publish(publication)
                self._published = publication
            self._refresh_at = self._monotonic() + REFRESH_S
        except StoreConflict as error:
            self._store.rollback()
            self._events.batch_retried(error)

    def _refresh_or_reconnect(self, now: float) -> None:
        """Refresh when it is time; a connection that was closed while idle is opened again."""
        if now < self._refresh_at:
            return
        try:
            self._refresh()
        except StoreUnavailable:
            self._store.close()
            self._store.connect()
            self._refresh()


class CommitterThread:
    """The committer's thread; lives as long as the daemon."""

    def __init__(self, committer: Committer, ledger: Ledger) -> None:
        self._committer = committer
        self._ledger = ledger
        self._stopping = False
        self._all_booked = False
        self._has_stepped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="committer", daemon=True)

    def start(self, wait_s: float) -> None:
        """Start the thread; wait until the database was tried once, or for wait_s."""
        self._thread.start()
        self._has_stepped.wait(wait_s)

    def stop(self, wait_s: float) -> bool:
        """Book what is pending, or write it to the unbooked file.

        Returns:
            Whether all is booked: nothing had to be written, and it was done in time.
        """
        self._stopping = True
        self._committer.stopping()
        self._ledger.queue.put(None)
        self._thread.join(wait_s)
        return self._all_booked

    def _run(self) -> None:
        """Work until told to stop and everything is booked or in the file."""
        self._committer.load()
        waiters: list[Waiter] = []
        while True:
            self._committer.step(waiters)
            self._has_stepped.set()
            if self._stopping and self._ledger.queue.empty():
                break
            waiters = self._committer.take()
        self._all_booked = self._committer.finish()
