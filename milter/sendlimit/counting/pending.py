"""What is owed to the database: kept while it is away, in doubt, or left by an earlier stop.

Nothing here is lost and nothing is booked twice: a batch whose outcome is unknown is asked for
behind a fence, a journal entry has its id in er_committer once it is booked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sendlimit.counting.batch import reverse
from sendlimit.counting.unbooked_file import Entry, PendingWrites, new_id

if TYPE_CHECKING:
    from sendlimit.counting.batch import Answer
    from sendlimit.counting.events import Events
    from sendlimit.counting.ledger import Ledger, Question
    from sendlimit.counting.unbooked_file import Journal
    from sendlimit.store import Store


@dataclass(slots=True)
class Batch:
    """What one transaction is made of, until its outcome is known.

    Attributes:
        number: the number that er_committer has once the batch is in.
        questions: in order; those whose callback has left are dropped when it is done again.
        owed: what rides along.
        answers: of the last try, as many as there were questions.
        sent: packet 2 was sent, so the batch may be in.
        recoveries: how often the connection was opened again for it.
    """

    number: int
    questions: list[Question]
    owed: PendingWrites
    answers: list[Answer] = field(default_factory=list)
    sent: bool = False
    recoveries: int = 0


class Backlog:
    """For the committer's thread alone; lives as long as the committer.

    Attributes:
        owed: what rides along with the next batch.
        doubt: a batch that was on its way when the connection was lost.
    """

    def __init__(self, journal: Journal, ledger: Ledger, events: Events) -> None:
        """Begin with nothing owed."""
        self.owed = PendingWrites()
        self.doubt: Batch | None = None
        self._journal = journal
        self._ledger = ledger
        self._events = events
        self._entries: list[Entry] = []

    def load(self) -> None:
        """Read what an earlier stop left; it is taken over once the database answers."""
        try:
            self._entries = self._journal.load()
        except ValueError as error:
            self._events.journal_unreadable(error)
        self._ledger.unbooked = sum(entry.owed.bookings for entry in self._entries)

    def take(self) -> PendingWrites:
        """Return what is owed, for a batch that will book it or give it back by keep()."""
        owed, self.owed = self.owed, PendingWrites()
        return owed

    def keep(self, batch: Batch) -> None:
        """Keep what a batch owed; whether one that was sent is in will be asked."""
        if batch.sent:
            self.doubt = batch
        else:
            self.owed.merge(batch.owed)

    def booked(self, owed: PendingWrites) -> None:
        """Note that this is in the database."""
        with self._ledger.mutex:
            self._ledger.unbooked -= owed.bookings
        if owed.journals:
            self._forget(owed.journals)

    def settle(self, store: Store, committer: str) -> int:
        """Learn on a new connection whether the batch in doubt is in.

        Returns:
            Its number if it is, else 0.

        Raises:
            StoreError: the database went away again; nothing is forgotten.
        """
        doubt = self.doubt
        if doubt is None:
            return 0
        is_in = store.fence(committer) == doubt.number
        self.doubt = None
        if not is_in:
            self.owed.merge(doubt.owed)
            return 0
        self.booked(doubt.owed)
        self.owed.merge(_undone(doubt))
        return doubt.number

    def take_over(self, store: Store) -> None:
        """Owe what an earlier stop left, unless it is booked already.

        Raises:
            StoreError: the database went away again; nothing is forgotten.
        """
        waiting = [entry for entry in self._entries if entry.id not in self.owed.journals]
        if not waiting:
            return
        booked = store.booked_journals([entry.id for entry in waiting])
        is_in = {
            entry.id
            for entry in waiting
            if entry.unless is not None and store.fence(entry.unless[0]) == entry.unless[1]
        }
        for entry in waiting:
            if entry.id in booked | is_in:
                with self._ledger.mutex:
                    self._ledger.unbooked -= entry.owed.bookings
            if entry.id not in booked:
                self.owed.merge(entry.instead if entry.id in is_in else entry.owed)
        self._forget(booked)

    def save(self, committer: str) -> bool:
        """Write what is still owed to the journal; return whether there is nothing."""
        taken = set(self.owed.journals)
        entries = []
        if self.doubt is not None:
            taken |= self.doubt.owed.journals
            unless = (committer, self.doubt.number)
            entries.append(Entry(new_id(), self.doubt.owed, unless, _undone(self.doubt)))
        if self.owed:
            entries.append(Entry(new_id(), self.owed))
        entries += [entry for entry in self._entries if entry.id not in taken]
        self._write(entries)
        return not entries

    def _forget(self, ids: set[str]) -> None:
        """Drop entries that are booked from the journal."""
        self._entries = [entry for entry in self._entries if entry.id not in ids]
        self._write(self._entries)

    def _write(self, entries: list[Entry]) -> None:
        """Write the journal; a disk that is full must not stop the counting."""
        try:
            self._journal.save(entries)
        except OSError:
            self._events.fault("journal")


def _undone(batch: Batch) -> PendingWrites:
    """Return what undoes a batch that is in: nobody waited, its mails were accepted undecided."""
    owed = PendingWrites()
    for answer in batch.answers:
        owed.add(reverse(answer.effects))
    return owed
