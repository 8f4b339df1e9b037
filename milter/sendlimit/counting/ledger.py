"""The ledger: what the milter's callbacks ask, answered by one thread in batches.

A callback puts a question on the queue and waits for the answer, at most decision_timeout_s;
it never talks to the database. While the database is known to be away or stuck, the callback
is told so at once, and what was accepted meanwhile is booked when it is back (R11).

FAILURE: every method returns; none raises for a fault of the database.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING, NamedTuple

from sendlimit.counting.batch import Asked, counted, names_of, reverse
from sendlimit.rules.decision import Request
from sendlimit.rules.limit import Unit

if TYPE_CHECKING:
    from sendlimit.counting.batch import Answer
    from sendlimit.rules.counting_settings import CountingSettings
    from sendlimit.rules.decision import Decision
    from sendlimit.rules.episode import Episode
    from sendlimit.rules.limit import Charge, LimitName
    from sendlimit.rules.mailbox import Sender


class Question:
    """One request on its way through the ledger.

    Lives from the callback's asking to its answer, or to the end of its batch when the
    callback has left before. The ledger's mutex guards `answer` against `abandoned`.
    """

    __slots__ = ("abandoned", "answer", "asked", "wake")

    def __init__(self, asked: Asked) -> None:
        """Take what is asked; `wake` is held until there is an answer or none to come."""
        self.asked = asked
        self.answer: Answer | None = None
        self.abandoned = False
        self.wake = threading.Lock()
        self.wake.acquire()


class Addition(NamedTuple):
    """Charges that nobody waits for: releases, and bookings of mail accepted in an outage."""

    charges: tuple[Charge, ...]
    bookings: int = 0


Work = Question | Addition | None
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
        names: what is counted, as far as it is known between batches.
        limits_recipients: whether a limit on recipients is known to be in force for anybody.
        unbooked: mails accepted without the database and not yet in it; guarded by mutex.
    """

    def __init__(self, terms: CountingSettings, decision_timeout_s: float) -> None:
        """Start with the terms of the config file, the database not yet seen."""
        self.known_names: frozenset[LimitName] = frozenset()
        self.adopt(terms)
        self.queue: SimpleQueue[Work | Episode] = SimpleQueue()
        self.mutex = threading.Lock()
        self.up = False
        self.stuck = False
        self.working_since: float | None = None
        self.unbooked = 0
        self._timeout_s = decision_timeout_s

    def adopt(self, terms: CountingSettings) -> None:
        """Take the terms of a config file that was loaded."""
        self.terms = terms
        self.learn(self.known_names)

    def learn(self, known_names: frozenset[LimitName]) -> None:
        """Take what the database is known to limit for anybody."""
        self.known_names = known_names
        in_force = self.terms.file.names() | known_names
        self.names = names_of(self.terms, known_names)
        self.plans = self.terms.plans(self.names)
        self.limits_recipients = any(name.unit is Unit.RECIPIENTS for name in in_force)

    def reserve(self, sender: Sender, at: int) -> Reservation:
        """Ask at MAIL whether the mail may come, and reserve its message.

        Returns:
            A reservation; its decision is None when nothing could be decided in time.
        """
        answer = self._ask(Asked(Request(sender, at)))
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
        answer = self._ask(Asked(Request(reservation.sender, at, recipients), reservation.charges))
        return None if answer is None else answer.decision

    def book(self, reservation: Reservation, recipients: int, at: int) -> None:
        """Count a mail that was accepted undecided: what is not reserved, and its recipients."""
        names, calendar = self.names, self.terms.calendar
        charges: list[Charge] = []
        if reservation.decision is None:
            charges += counted(Request(reservation.sender, reservation.at), names, calendar)
        if recipients:
            charges += counted(Request(reservation.sender, at, recipients), names, calendar)
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

    def _ask(self, asked: Asked) -> Answer | None:
        """Wait for an answer; None: there is none in time."""
        if not self.up or self.stuck:
            return None
        question = Question(asked)
        self.queue.put(question)
        if not question.wake.acquire(timeout=self._patience_s()):
            with self.mutex:
                if question.answer is None:
                    question.abandoned = True
                    self.stuck = True
        return question.answer

    def _patience_s(self) -> float:
        """Return how long a question may wait: less when the running batch has lasted already.

        So all who wait on one stuck batch leave together, and nobody who is served after
        them by the same few worker threads waits a second time.
        """
        since = self.working_since
        if since is None:
            return self._timeout_s
        return max(0.0, self._timeout_s - (time.monotonic() - since))
