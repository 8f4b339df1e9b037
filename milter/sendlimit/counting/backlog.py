"""What is still to be written: kept while the database is away, in doubt, or left by an earlier stop.

Nothing here is lost and nothing is written twice: the fence decides about a batch in doubt, and
an entry of the unbooked file has its id in er_committer once it is booked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendlimit.counting.in_flight import BatchState, InFlightBatch
from sendlimit.counting.pending import PendingWrites
from sendlimit.counting.unbooked_file import Entry, new_id

if TYPE_CHECKING:
    from sendlimit.counting.events import Events
    from sendlimit.counting.ledger import Ledger
    from sendlimit.counting.unbooked_file import UnbookedFile
    from sendlimit.store import Store


class Backlog:
    """What is still to be written; the committer's thread alone uses it.

    Attributes:
        pending: what the next batch writes.
        in_doubt: a batch that was sent when the connection was lost.
    """

    def __init__(self, file: UnbookedFile, ledger: Ledger, events: Events) -> None:
        self.pending = PendingWrites()
        self.in_doubt: InFlightBatch | None = None
        self._file = file
        self._ledger = ledger
        self._events = events
        self._entries: list[Entry] = []

    def load(self) -> None:
        """Read what an earlier stop left; it is taken over once the database answers."""
        try:
            self._entries = self._file.load()
        except ValueError as error:
            self._events.journal_unreadable(error)
        self._ledger.unbooked = sum(entry.pending.bookings for entry in self._entries)

    def take(self) -> PendingWrites:
        """Return what is pending, for a batch that writes it or gives it back by keep()."""
        pending, self.pending = self.pending, PendingWrites()
        return pending

    def keep(self, batch: InFlightBatch) -> None:
        """Keep what a batch should have written; in doubt, the fence decides about it."""
        batch.failed()
        if batch.state is BatchState.IN_DOUBT:
            self.in_doubt = batch
        else:
            self.pending.merge(batch.pending)

    def booked(self, pending: PendingWrites) -> None:
        """Note that this is in the database."""
        with self._ledger.mutex:
            self._ledger.unbooked -= pending.bookings
        if pending.unbooked:
            self._forget(pending.unbooked)

    def resolve(self, store: Store, committer: str) -> int:
        """Learn on a new connection what became of the batch in doubt.

        Returns:
            Its number if it was committed, else 0.

        Raises:
            StoreError: the database went away again; nothing is forgotten.
        """
        batch = self.in_doubt
        if batch is None:
            return 0
        is_committed = store.fence(committer).batch == batch.number
        self.in_doubt = None
        if not is_committed:
            batch.step(BatchState.ROLLED_BACK)
            self.pending.merge(batch.pending)
            return 0
        batch.step(BatchState.COMMITTED)
        self.booked(batch.pending)
        self.pending.merge(batch.undo())
        return batch.number

    def take_over(self, store: Store) -> None:
        """Make pending what an earlier stop left, unless it is booked already.

        Raises:
            StoreError: the database went away again; nothing is forgotten.
        """
        waiting = [entry for entry in self._entries if entry.id not in self.pending.unbooked]
        if not waiting:
            return
        booked = store.booked_entries([entry.id for entry in waiting])
        committed = {
            entry.id
            for entry in waiting
            if entry.unless is not None and store.fence(entry.unless[0]).batch == entry.unless[1]
        }
        for entry in waiting:
            if entry.id in booked | committed:
                with self._ledger.mutex:
                    self._ledger.unbooked -= entry.pending.bookings
            if entry.id not in booked:
                self.pending.merge(entry.instead if entry.id in committed else entry.pending)
        self._forget(booked)

    def save(self, committer: str) -> bool:
        """Write what is still pending to the unbooked file; return whether there is nothing."""
        taken = set(self.pending.unbooked)
        entries = []
        if self.in_doubt is not None:
            taken |= self.in_doubt.pending.unbooked
            unless = (committer, self.in_doubt.number)
            entries.append(Entry(new_id(), self.in_doubt.pending, unless, self.in_doubt.undo()))
        if self.pending:
            entries.append(Entry(new_id(), self.pending))
        entries += [entry for entry in self._entries if entry.id not in taken]
        self._write(entries)
        return not entries

    def _forget(self, ids: set[str]) -> None:
        """Drop entries that are booked from the file."""
        self._entries = [entry for entry in self._entries if entry.id not in ids]
        self._write(self._entries)

    def _write(self, entries: list[Entry]) -> None:
        """Write the file; a disk that is full must not stop the counting."""
        try:
            self._file.save(entries)
        except OSError:
            self._events.fault("journal")
