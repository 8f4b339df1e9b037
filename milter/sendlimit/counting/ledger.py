"""The ledger: what the milter's callbacks ask; decided from memory, or by the committer's thread.

While this daemon holds the lease on the database, a callback decides in its own thread, under
one mutex. Otherwise, and where memory would refuse, it puts a request on the queue and waits for
the answer, at most decision_timeout_s; it never talks to the database. While the database is
known to be away or stuck, the callback is told so at once, and what was accepted meanwhile is
booked when it is back (R11).

FAILURE: every method returns; none raises for a fault of the database.
"""

from __future__ import annotations

import threading
import time
from queue import SimpleQueue
from typing import TYPE_CHECKING

from sendlimit.counting.batch import counted_now
from sendlimit.counting.counters import COUNTERS_MAX, Counters
from sendlimit.counting.lease import Lease, LeaseState
from sendlimit.counting.memory import Memory
from sendlimit.counting.outage import DECIDES, STUCK, Outage
from sendlimit.counting.records import NoJournal
from sendlimit.counting.reservation import Reservation
from sendlimit.counting.stretches import Stretches
from sendlimit.counting.unbooked_file import new_id
from sendlimit.counting.waiter import Waiter
from sendlimit.errors import NotHandedOver, StoreStuck
from sendlimit.rules.decision import Request
from sendlimit.rules.limit import EXTERNAL, Unit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sendlimit.counting.batch import Answer
    from sendlimit.counting.records import Records
    from sendlimit.counting.stretches import Stretch
    from sendlimit.rules.counting_settings import CountingSettings
    from sendlimit.rules.decision import Decision
    from sendlimit.rules.episode import Episode
    from sendlimit.rules.limit import Charge, LimitName
    from sendlimit.rules.mailbox import Sender


WAITING = "waiting"
"""Another daemon on the same database decides; this one waits until it may."""


def boottime() -> float:
    """Return the seconds since the system's start, with those in suspend."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Ledger:
    """The callbacks' side; threads may share it. The committer works off its queue.

    Args:
        settings: of the config file.
        decision_timeout_s: how long a callback waits.
        lease: this daemon's part in it.
        journal: outlives the process.
        clock: CLOCK_BOOTTIME in s.
        meters: while the database is away, decide by what is known, if this daemon was alone.
        counters_max: how many are kept in memory.

    Attributes:
        settings: of the config file; written by the main thread at a reload.
        known_names: what the database is known to limit anywhere; written by the committer.
        names, plans: what is counted, and the plans for it; written with the two above.
        limits_recipients: whether a limit on recipients, external or not, or on external messages
            is known to be in force anywhere.
        limits_external: whether one on external mail is (R18).
        queue: from the callbacks to the committer; None only wakes it.
        up: the database answers, so a request may wait for an answer; written by the committer,
            read by callbacks, no lock.
        stuck: a callback has waited in vain; set by callbacks, cleared by the committer, no lock.
        outage: whether it decides, and why not; what is told to log, notices and `doctor`.
        working_since: start of the running batch, or of the waiting for another daemon, as clock;
            written by the committer, no lock.
        mutex: of all that follows. Nothing that waits, logs or may raise is done under it.
        lease, journal, counters, stretches, memory: what decides from memory, and what is pending.
        journal_problem: why what is pending would not outlive a kill of the process, "" where it
            would; written by the committer, no lock.
        asleep: the committer waits for the queue alone: what is counted has to wake it.
        unbooked: mails accepted without the database and not yet in it.
    """

    def __init__(  # noqa: PLR0913 - the parts, each by its own name
        self,
        settings: CountingSettings,
        decision_timeout_s: float,
        lease: Lease | None = None,
        journal: Records | None = None,
        clock: Callable[[], float] = boottime,
        *,
        meters: bool = False,
        counters_max: int = COUNTERS_MAX,
    ) -> None:
        self.queue: SimpleQueue[Waiter | Episode | None] = SimpleQueue()
        self.up = False
        self.stuck = False
        self.outage = Outage()
        self.working_since: float | None = None
        self.mutex = threading.Lock()
        self.lease = lease or Lease(new_id())
        self.journal = journal or NoJournal()
        self.stretches = Stretches(is_recorded=self.journal.is_durable)
        self.counters = Counters(self.stretches, counters_max)
        self.memory = Memory(self.lease, settings, self.journal, self.counters, self.stretches)
        self.journal_problem = ""
        self.asleep = False
        self.unbooked = 0
        self._clock = clock
        self._timeout_s = decision_timeout_s
        self._meters = meters
        self._has_ended = False
        self.known_names: frozenset[LimitName] = frozenset()
        self.use(settings)

    def use(self, settings: CountingSettings) -> None:
        """Take the settings of a config file that was loaded."""
        self.settings = settings
        with self.mutex:
            self.memory.plans.adopt(settings)
        self.learn(self.known_names)

    def learn(self, known_names: frozenset[LimitName]) -> None:
        """Take which names the database is known to limit anywhere."""
        self.known_names = known_names
        with self.mutex:
            self.memory.plans.count_also(known_names)
        in_force = self.settings.file.names() | known_names
        self.names = counted_now(self.settings, known_names)
        self.plans = self.settings.plans(self.names)
        self.limits_recipients = any(name.unit is not Unit.MESSAGES for name in in_force)
        self.limits_external = any(name.unit in EXTERNAL for name in in_force)

    def reserve(self, sender: Sender, at: int) -> Reservation:
        """Ask at MAIL whether the mail may come, and reserve its message.

        Returns:
            A reservation; its decision is None when nothing could be decided in time.
        """
        with self.mutex:
            reservation = self.memory.reserve(sender, at, self._clock())
            if self.asleep:
                self._wake()
        if reservation is not None:
            return reservation
        request = Request(sender, at)
        answer = self.ask(request)
        if answer is not None:
            return Reservation(sender, at, answer.decision, answer.effects)
        return self._meter(request) or Reservation(sender, at, None)

    def settle(
        self, reservation: Reservation, recipients: int, at: int, external: int = 0
    ) -> Decision | None:
        """Charge the recipients at end-of-message, all or none (R9), and external mail (R18).

        Args:
            reservation: with a decision that counts recipients.
            recipients: RCPT commands that were accepted, >= 1.
            at: the moment of end-of-message; the recipients go to this period.
            external: those of the recipients that are external.

        Returns:
            A decision; one that refuses has given the reservation back. None when nothing
            could be decided in time: then book() or release() is the caller's choice.
        """
        sender = reservation.sender
        with self.mutex:
            decision = self.memory.settle(
                Request(sender, at, recipients, (), external), self._clock()
            )
            if self.asleep:
                self._wake()
        if decision is not None:
            return decision
        request = Request(sender, at, recipients, reservation.charges, external)
        answer = self.ask(request)
        if answer is not None:
            return answer.decision
        metered = self._meter(request)
        return None if metered is None else metered.decision

    @property
    def is_metering(self) -> bool:
        """Whether mail that can't be decided is metered: no other daemon decides, as far as is known."""
        return self._meters and self.lease.state in {LeaseState.AWAY, LeaseState.SOLE}

    def _meter(self, request: Request) -> Reservation | None:
        """Decide what the database could not, where that is wanted."""
        if not self.is_metering:
            return None
        with self.mutex:
            reservation = self.memory.meter(request)
            if reservation.decision is not None and not reservation.decision.refused:
                self.unbooked += 1
                self.stretches.bookings += 1
            self._wake()
        return reservation

    def book(self, reservation: Reservation, recipients: int, at: int, external: int = 0) -> None:
        """Count a mail that was accepted undecided: what is not reserved, and its recipients."""
        with self.mutex:
            self.unbooked += 1
            self.stretches.bookings += 1
            if reservation.decision is None:
                self.memory.book(Request(reservation.sender, reservation.at))
            if recipients:
                self.memory.book(Request(reservation.sender, at, recipients, (), external))
            self._wake()

    def release(self, reservation: Reservation) -> None:
        """Give a reservation back to the periods that it was taken from (R8)."""
        if reservation.charges:
            with self.mutex:
                self.memory.release(reservation, reservation.at)
                self._wake()

    def count(self, charges: Iterable[Charge], at: int) -> None:
        """Count without a request: what a batch decided and the database lost, or what undoes it."""
        with self.mutex:
            self.memory.add(charges, at)

    def record(self, episode: Episode) -> None:
        """Record a refusal (R13); written with the next batch."""
        self.queue.put(episode)

    def ask(self, request: Request) -> Answer | None:
        """Put a request on the queue and wait; None: there is no answer in time."""
        if not self.up or self.stuck:
            return None
        waiter = Waiter(request)
        self.queue.put(waiter)
        if not self.up:
            waiter.abandon()  # the committer may have ended meanwhile
        if not waiter.wait(self._patience_s()) and waiter.abandon():
            self.stuck = True
            # Away is also a holder whose own flush does not come through.
            is_anothers = self.is_waiting and self.lease.is_anothers
            error = NotHandedOver() if is_anothers else StoreStuck()
            self.outage.began(STUCK, error, self._clock())
        return waiter.result

    @property
    def is_waiting(self) -> bool:
        """Whether another daemon holds the lease, and is asked to let go of it."""
        return self.up and self.lease.state is LeaseState.AWAY

    def left_over(self) -> tuple[tuple[Stretch, ...], bool]:
        """Return at the end of the committer what is pending, and whether that is nothing.

        Where no journal has room for what is counted later, nothing is counted any more.
        """
        self.mutex.acquire()
        left = self.stretches.all(self.journal.number)
        is_all_booked = not left and self.stretches.in_flight is None
        if self.journal.is_durable and not self.journal.is_full:
            self.mutex.release()
        else:
            self._has_ended = True
        return left, is_all_booked

    def end(self, *, booked: bool) -> None:
        """End for good: no callback is answered any more, so none lets mail through uncounted.

        Args:
            booked: the committer has booked all that was counted until it ended.
        """
        if not self._has_ended:
            self.mutex.acquire()
        if booked and not self.stretches:
            self.journal.remove()
        else:
            self.journal.close()

    def state(self) -> tuple[str, str]:
        """Return what the daemon says of itself: "decides" or why not, and DaemonStatus.how."""
        state: str = self.outage.state
        if state == DECIDES and self.is_waiting:
            state = WAITING
        if state != DECIDES and self.is_metering:
            return state, "metered"
        return state, "memory" if self.lease.holds else "batches"

    def _wake(self) -> None:
        """Have the committer write what was counted."""
        if self.asleep:
            self.asleep = False
            self.queue.put(None)

    def _patience_s(self) -> float:
        """Return how long a request may wait: less when the running batch has lasted already.

        All who wait on one stuck batch leave together, so libmilter's few worker threads don't
        wait a second time for the next callbacks.
        """
        since = self.working_since
        if since is None:
            return self._timeout_s
        return max(0.0, self._timeout_s - (self._clock() - since))
