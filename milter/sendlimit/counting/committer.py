"""The thread that works off the ledger's queue: one batch, one transaction, two packets.

FAILURE: a conflict is rolled back and done again. A lost connection is opened again (the next
host that answers); a batch that was on its way is looked up behind a fence and done again only
when it is not in, so every batch counts once. While nothing answers, what is owed is kept, and
at a clean stop written to the journal.
"""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from queue import Empty
from typing import TYPE_CHECKING

from sendlimit.counting.batch import (
    answer_all,
    corrections,
    names_of,
    optimistic_additions,
    reverse,
    subjects_to_load,
)
from sendlimit.counting.ledger import Addition, Question
from sendlimit.counting.pending import Backlog, Batch
from sendlimit.counting.unbooked_file import new_id
from sendlimit.errors import StoreConflict, StoreError, StoreUnavailable
from sendlimit.rules.limit import holding
from sendlimit.store import Writing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sendlimit.counting.events import Events
    from sendlimit.counting.ledger import Ledger
    from sendlimit.counting.unbooked_file import Journal
    from sendlimit.rules.counting_settings import Publication
    from sendlimit.store import Store

BATCH_MAX = 500
RECONNECT_S = 0.5
RECOVERIES_MAX = 10
"""A server that takes connections and refuses statements is as good as away."""
LOOK_S = 1.0
"""How old the knowledge of the limits in the database may be while mail flows."""
IDLE_LOOK_S = 5.0
CONFLICT_PAUSE_S = 0.005


class Committer:
    """One thread and one connection; lives as long as the daemon."""

    def __init__(
        self,
        ledger: Ledger,
        store: Store,
        journal: Journal,
        events: Events,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Take the parts; nothing is opened before start()."""
        self._ledger = ledger
        self._store = store
        self._backlog = Backlog(journal, ledger, events)
        self._events = events
        self._clock = clock
        self._id = new_id()
        self._number = 0
        self._down_said = False
        self._next_try = 0.0
        self._next_look = 0.0
        self._published: Publication | None = None
        self._stopping = False
        self._all_booked = False
        self._looked = threading.Event()
        self._thread = threading.Thread(target=self._run, name="committer", daemon=True)

    def start(self, wait_s: float) -> None:
        """Start the thread; wait until the database was tried once, or for wait_s."""
        self._thread.start()
        self._looked.wait(wait_s)

    def stop(self, wait_s: float) -> bool:
        """Book what is owed, or write it to the journal.

        Returns:
            Whether all is booked: nothing had to be written, and it was done in time.
        """
        self._stopping = True
        self._ledger.queue.put(None)
        self._thread.join(wait_s)
        return self._all_booked

    def _run(self) -> None:
        """Work until told to stop and everything is booked or in the journal."""
        self._backlog.load()
        questions: list[Question] = []
        while True:
            self._step(questions)
            self._looked.set()
            if self._stopping and self._ledger.queue.empty():
                break
            questions = self._take()
        self._all_booked = self._backlog.save(self._id)
        self._store.close()

    def _step(self, questions: list[Question]) -> None:
        """Work off what was taken; whatever raises, go on."""
        try:
            self._serve(questions)
        except Exception:  # noqa: BLE001 - the roof of the thread: mail must go on
            self._events.fault("committer")
            self._lose(questions)
            self._store.close()
            if self._backlog.doubt is not None:
                self._leave()

    def _take(self) -> list[Question]:
        """Wait for work and take all there is; what nobody waits for goes to what is owed."""
        questions: list[Question] = []
        queue = self._ledger.queue
        pause = IDLE_LOOK_S if self._ledger.up else RECONNECT_S
        try:
            item = queue.get(timeout=pause)
            while True:
                if isinstance(item, Question):
                    questions.append(item)
                elif isinstance(item, Addition):
                    self._backlog.owed.add(item.charges)
                    self._backlog.owed.bookings += item.bookings
                elif item is not None:
                    self._backlog.owed.record(item)
                if len(questions) >= BATCH_MAX:
                    break
                item = queue.get_nowait()
        except Empty:
            pass
        return questions

    def _serve(self, questions: list[Question]) -> None:
        """Work off what was taken."""
        started = time.monotonic()
        if not self._ledger.up and (started < self._next_try or not self._connect()):
            self._lose(questions)
            return
        self._ledger.working_since = started
        try:
            self._look_again(started)
            if questions or self._backlog.owed:
                self._commit(Batch(self._number + 1, questions, self._backlog.take()))
                self._events.batch_done(len(questions), time.monotonic() - started)
            self._ledger.stuck = False
        except StoreError as error:
            self._down(error)
            self._lose(questions)
        finally:
            self._ledger.working_since = None

    def _commit(self, batch: Batch) -> None:
        """Do a batch until it is in.

        Raises:
            StoreError: the database is away; what is owed is kept, or in doubt.
        """
        while True:
            try:
                self._attempt(batch)
                break
            except StoreConflict as error:
                self._store.rollback()
                batch.sent = False
                self._events.batch_retried(error)
                if self._stopping:
                    self._backlog.owed.merge(batch.owed)
                    raise
                time.sleep(CONFLICT_PAUSE_S)
            except StoreError as error:
                self._events.batch_retried(error)
                if self._recovered(batch, error):
                    break
            except Exception:
                self._backlog.keep(batch)
                raise
        self._finish(batch)

    def _attempt(self, batch: Batch) -> None:
        """Send both packets."""
        batch.questions = [question for question in batch.questions if not question.abandoned]
        asked = [question.asked for question in batch.questions]
        terms, names, plans = self._ledger.terms, self._ledger.names, self._ledger.plans
        facts = terms.facts(plans, {})
        hoped = optimistic_additions(asked, facts, batch.owed.additions)
        loaded = self._store.begin(hoped, subjects_to_load(asked) if asked else ())
        settings = holding(loaded.settings, int(self._clock()))
        if settings and (needed := names_of(terms, self._ledger.known_names, settings)) != names:
            # A limit that was set a moment ago: its counters are still to be loaded.
            self._ledger.learn(self._ledger.known_names | frozenset(needed))
            self._store.rollback()
            self._attempt(batch)
            return
        facts = replace(facts, plans=plans.with_rows(settings), usage=loaded.usage)
        batch.answers, wanted = answer_all(asked, facts, batch.owed.additions)
        batch.sent = True
        self._store.write(
            Writing(
                self._id,
                batch.number,
                corrections(hoped, wanted),
                list(batch.owed.episodes.values()),
                sorted(batch.owed.journals),
            ),
            lambda: self._promise(batch),
        )

    def _promise(self, batch: Batch) -> None:
        """Hand out the answers of a batch whose commit is on its way, and stand by them.

        From here on they are owed: should the database lose the batch, they are booked.
        """
        self._hand_out(batch)
        for answer in batch.answers:
            batch.owed.add(answer.effects)
        batch.questions, batch.answers = [], []

    def _recovered(self, batch: Batch, error: StoreError) -> bool:
        """Connect again after an error and learn the outcome; return whether the batch is in.

        Raises:
            StoreError: the database is away; the batch is kept.
        """
        self._store.close()
        if batch.recoveries == RECOVERIES_MAX or not isinstance(error, StoreUnavailable):
            self._backlog.keep(batch)  # trying again at once won't help
            raise error
        batch.recoveries += 1
        try:
            self._store.connect()
            if batch.sent and self._store.fence(self._id) == batch.number:
                return True
        except Exception:
            self._backlog.keep(batch)
            raise
        batch.sent = False
        return False

    def _finish(self, batch: Batch) -> None:
        """Note that a batch is in, and hand out what has not been handed out before."""
        self._number = batch.number
        self._hand_out(batch)
        self._backlog.booked(batch.owed)
        if self._down_said:
            self._down_said = False
            self._events.store_back(batch.owed.bookings)

    def _hand_out(self, batch: Batch) -> None:
        """Answer those who wait; undo what was decided for those who have left."""
        with self._ledger.mutex:
            for question, answer in zip(batch.questions, batch.answers, strict=True):
                if question.abandoned:
                    # Its mail was accepted undecided and is booked at its end.
                    self._backlog.owed.add(reverse(answer.effects))
                else:
                    question.answer = answer
        for question in batch.questions:
            question.wake.release()

    def _lose(self, questions: Sequence[Question]) -> None:
        """Let the callbacks go on without an answer."""
        with self._ledger.mutex:
            waiting = [
                question for question in questions if not (question.abandoned or question.answer)
            ]
            for question in waiting:
                question.abandoned = True
        for question in waiting:
            question.wake.release()

    def _down(self, error: StoreError) -> None:
        """Answer at once from now on, and say so once."""
        self._leave()
        if not self._down_said:
            self._down_said = True
            self._events.store_down(error)

    def _leave(self) -> None:
        """Drop the connection; the next one settles what this one left open."""
        self._ledger.up = False
        self._store.close()
        self._next_try = time.monotonic() + RECONNECT_S

    def _connect(self) -> bool:
        """Open the database and settle what an earlier connection left open."""
        try:
            self._store.connect()
            self._number = max(self._number, self._backlog.settle(self._store, self._id))
            self._backlog.take_over(self._store)
            self._next_look = 0.0
            self._published = None
            self._look(time.monotonic())
            if self._backlog.owed:
                self._commit(Batch(self._number + 1, [], self._backlog.take()))
            elif self._down_said:
                self._down_said = False
                self._events.store_back(0)
        except StoreError as error:
            self._down(error)
            return False
        self._ledger.up = True
        return True

    def _look(self, now: float) -> None:
        """Learn which limits are in force anywhere, and keep the views' tables up to date."""
        if now < self._next_look:
            return
        at = int(self._clock())
        try:
            known = self._store.names_in_force(at)
            if known != self._ledger.known_names:
                self._ledger.learn(known)
            publication = self._ledger.terms.publication(at)
            if publication != self._published:
                self._store.publish(publication)
                self._published = publication
            self._next_look = now + LOOK_S
        except StoreConflict as error:
            self._store.rollback()
            self._events.batch_retried(error)

    def _look_again(self, now: float) -> None:
        """Look; a connection that was closed while nothing was asked is opened again."""
        try:
            self._look(now)
        except StoreUnavailable:
            self._store.close()
            self._store.connect()
            self._look(now)
