"""The ledger: what the milter's callbacks ask, answered by one thread in batches.

A callback puts a request on the queue and waits for the answer, at most decision_timeout_s; it
never talks to the database. While the database is known to be away or stuck, the callback is
told so at once, and what was accepted meanwhile is booked when it is back (R11).

FAILURE: every method returns; none raises for a fault of the database.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING, NamedTuple

from sendlimit.counting.batch import charges_of, counted_now, reverse
from sendlimit.counting.waiter import Waiter
from sendlimit.rules.decision import Request
from sendlimit.rules.limit import Unit

if TYPE_CHECKING:
    from sendlimit.counting.batch import Answer
    from sendlimit.rules.counting_settings import CountingSettings
    from sendlimit.rules.decision import Decision
    from sendlimit.rules.episode import Episode
    from sendlimit.rules.limit import Charge, LimitName
    from sendlimit.rules.mailbox import Sender


class Addition(NamedTuple):
    """Charges without a question: releases, and bookings of mail accepted in an outage."""

    charges: tuple[Charge, ...]
    bookings: int = 0


Work = Waiter | Addition | None
"""What is on the queue, besides episodes; None only wakes the committer."""


@dataclass(slots=True)
class Reservation:
    """One mail that was let through at MAIL; lives until the mail's end.

    Attributes:
        sender: whose mail.
        at: the moment of MAIL; a booking goes to this period.
        decision: None when the mail was accepted without the database.
        charges: what is reserved, to be given back when the mail ends any other way.
    """

    sender: Sender
    at: int
    decision: Decision | None
    charges: tuple[Charge, ...] = ()


class Ledger:
    """The callbacks' side; threads may share it. The committer works off its queue.

    Attributes:
        settings: of the config file; written by the main thread at a reload.
        known_names: what the database is known to limit anywhere; written by the committer.
        names, plans: what is counted, and the plans for it; written with the two above.
        limits_recipients: whether a limit on recipients is known to be in force anywhere.
        queue: from the callbacks to the committer.
        up: the database answers; written by the committer, read by callbacks, no lock.
        stuck: a callback has waited in vain; set by callbacks, cleared by the committer, no lock.
        working_since: start of the running batch, monotonic; written by the committer, no lock.
        unbooked: mails accepted without the database and not yet in it; under mutex.
    """

    def __init__(self, settings: CountingSettings, decision_timeout_s: float) -> None:
        self.known_names: frozenset[LimitName] = frozenset()
        self.use(settings)
        self.queue: SimpleQueue[Work | Episode] = SimpleQueue()
        self.mutex = threading.Lock()
        self.up = False
        self.stuck = False
        self.working_since: float | None = None
        self.unbooked = 0
        self._timeout_s = decision_timeout_s

    def use(self, settings: CountingSettings) -> None:
        """Take the settings of a config file that was loaded."""
        self.settings = settings
        self.learn(self.known_names)

    def learn(self, known_names: frozenset[LimitName]) -> None:
        """Take what the database is known to limit for anybody."""
        self.known_names = known_names
        in_force = self.settings.file.names() | known_names
        self.names = counted_now(self.settings, known_names)
        self.plans = self.settings.plans(self.names)
        self.limits_recipients = any(name.unit is Unit.RECIPIENTS for name in in_force)

    def reserve(self, sender: Sender, at: int) -> Reservation:
        """Ask at MAIL whether the mail may come, and reserve its message.

        Returns:
            A reservation; its decision is None when nothing could be decided in time.
        """
        answer = self.ask(Request(sender, at))
        if answer is None:
            return Reservation(sender, at, None)
        return Reservation(sender, at, answer.decision, answer.effects)

    def settle(self, reservation: Reservation, recipients: int, at: int) -> Decision | None:
        """Charge the recipients at end-of-message, all or none (R9).

        Args:
            reservation: with a decision that counts recipients.
            recipients: RCPT commands that were accepted, >= 1.
            at: the moment of end-of-message; the recipients go to this period.

        Returns:
            A decision; one that refuses has given the reservation back. None when nothing
            could be decided in time: then book() or release() is the caller's choice.
        """
        answer = self.ask(Request(reservation.sender, at, recipients, reservation.charges))
        return None if answer is None else answer.decision

    def book(self, reservation: Reservation, recipients: int, at: int) -> None:
        """Count a mail that was accepted undecided: what is not reserved, and its recipients."""
        names, calendar = self.names, self.settings.calendar
        charges: list[Charge] = []
        if reservation.decision is None:
            charges += charges_of(Request(reservation.sender, reservation.at), names, calendar)
        if recipients:
            charges += charges_of(Request(reservation.sender, at, recipients), names, calendar)
        with self.mutex:
            self.unbooked += 1
        self.queue.put(Addition(tuple(charges), bookings=1))

    def release(self, reservation: Reservation) -> None:
        """Give a reservation back to the periods that it was taken from (R8)."""
        if reservation.charges:
            self.queue.put(Addition(reverse(reservation.charges)))

    def record(self, episode: Episode) -> None:
        """Record a refusal (R13); written with the next batch."""
        self.queue.put(episode)

    def ask(self, request: Request) -> Answer | None:
        """Put a request on the queue and wait; None: there is no answer in time."""
        if not self.up or self.stuck:
            return None
        waiter = Waiter(request)
        self.queue.put(waiter)
        if not waiter.wait(self._patience_s()) and waiter.abandon():
            self.stuck = True
        return waiter.result

    def _patience_s(self) -> float:
        """Return how long a request may wait: less when the running batch has lasted already.

        All who wait on one stuck batch leave together, so libmilter's few worker threads don't
        wait a second time for the next callbacks.
        """
        since = self.working_since
        if since is None:
            return self._timeout_s
        return max(0.0, self._timeout_s - (time.monotonic() - since))
