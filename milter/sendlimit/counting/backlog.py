"""What is still to be written: kept while the database is away, in doubt, or left by an earlier stop.

Nothing here is lost and nothing is written twice: the fence decides about a batch in doubt, and
an entry of the unbooked file has its id in er_committer once it is booked. What is counted without
a request is in the ledger's stretches, and in the journal where there is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendlimit.counting.in_flight import BatchState, InFlightBatch
from sendlimit.counting.pending import PendingWrites
from sendlimit.counting.unbooked_file import UnbookedEntry, new_id
from sendlimit.rules.limit import Charge

if TYPE_CHECKING:
    from collections.abc import Callable

    from sendlimit.counting.committer_row import CommitterRow
    from sendlimit.counting.events import Events
    from sendlimit.counting.ledger import Ledger
    from sendlimit.counting.stretches import Stretch
    from sendlimit.counting.unbooked_file import UnbookedFile
    from sendlimit.store import Store


class Backlog:
    """What is still to be written; the committer's thread alone uses it.

    Attributes:
        pending: what the next batch writes besides a stretch.
        in_doubt: a batch that was sent when the connection was lost.
        bookings: how many mails have been booked that were accepted undecided.
    """

    def __init__(
        self, file: UnbookedFile, ledger: Ledger, events: Events, clock: Callable[[], float]
    ) -> None:
        self.pending = PendingWrites()
        self.in_doubt: InFlightBatch | None = None
        self._file = file
        self._ledger = ledger
        self._events = events
        self._clock = clock
        self.bookings = 0
        self._entries: list[UnbookedEntry] = []

    def load(self) -> None:
        """Read what an earlier stop left; it is taken over once the database answers."""
        try:
            self._entries = self._file.load()
        except ValueError as error:
            self._events.journal_unreadable(error)
        with self._ledger.mutex:
            self._ledger.unbooked += sum(entry.pending.bookings for entry in self._entries)

    def __bool__(self) -> bool:
        """Say whether there is anything to write."""
        return bool(self.pending) or bool(self._ledger.stretches)

    def take(self) -> PendingWrites:
        """Return what is pending besides stretches, for a batch that writes it or gives it back."""
        pending, self.pending = self.pending, PendingWrites()
        return pending

    def take_stretch(self) -> Stretch:
        """Return the oldest stretch, for a transaction that books it or gives it back."""
        with self._ledger.mutex:
            return self._ledger.stretches.take(self._ledger.journal.number)

    def keep(self, batch: InFlightBatch) -> None:
        """Keep what a batch should have written; in doubt, the fence decides about it."""
        batch.failed()
        if batch.state is BatchState.IN_DOUBT:
            self.in_doubt = batch
        else:
            self.give_back(batch)

    def give_back(self, batch: InFlightBatch) -> None:
        """Make pending again what a batch was to write that is not committed and never will be."""
        with self._ledger.mutex:
            self._ledger.stretches.give_back()
        pending = batch.pending
        if not pending.unbooked:
            self.count(pending)  # answers that were given early: they belong into the journal
            pending.additions = {}
        self.pending.merge(pending)

    def count(self, pending: PendingWrites) -> None:
        """Count additions of the committer's own making."""
        if pending.additions:
            charges = [Charge(key, amount) for key, amount in pending.additions.items()]
            self._ledger.count(charges, int(self._clock()))

    def booked(self, batch: InFlightBatch) -> None:
        """Note that what a batch wrote without a request is in the database."""
        self.booked_stretch(batch.stretch)
        self.bookings += batch.pending.bookings
        with self._ledger.mutex:
            self._ledger.unbooked -= batch.pending.bookings
        if batch.pending.unbooked:
            self._forget(batch.pending.unbooked)

    def booked_stretch(self, stretch: Stretch) -> None:
        """Note that the stretch in flight is in the database."""
        ledger = self._ledger
        self.bookings += stretch.bookings
        with ledger.mutex:
            ledger.unbooked -= stretch.bookings
            ledger.stretches.booked()
            ledger.journal.advance(stretch.last)

    def resolve(self, store: Store, row: CommitterRow) -> None:
        """Learn on a new connection what became of the batch in doubt.

        Raises:
            StoreError: the database went away again; nothing is forgotten.
        """
        batch = self.in_doubt
        if batch is None:
            return
        fenced = store.fence(row.id)
        row.fences = fenced.fences
        self.in_doubt = None
        if fenced.batch != batch.number:
            batch.step(BatchState.ROLLED_BACK)
            self.give_back(batch)
            return
        batch.step(BatchState.COMMITTED)
        self.booked(batch)
        self.count(batch.undo())

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

    def save(self, committer: str, more: UnbookedEntry | None = None) -> bool:
        """Write what is still pending to the unbooked file; what is in the journal stays there.

        Args:
            committer: whose batch may be in doubt.
            more: what else is in doubt.

        Returns:
            Whether nothing is pending.
        """
        left, is_all_booked = self._ledger.left_over()
        taken = set(self.pending.unbooked)
        entries = [] if more is None else [more]
        if self.in_doubt is not None:
            taken |= self.in_doubt.pending.unbooked
            unless = (committer, self.in_doubt.number)
            pending = self.in_doubt.pending
            pending.merge(not_in_journal(self.in_doubt.stretch))
            entries.append(UnbookedEntry(new_id(), pending, unless, self.in_doubt.undo()))
        for stretch in left:
            self.pending.merge(not_in_journal(stretch))
        if self.pending:
            entries.append(UnbookedEntry(new_id(), self.pending))
        entries += [entry for entry in self._entries if entry.id not in taken]
        self._write(entries)
        return is_all_booked and not entries

    def _forget(self, ids: set[str]) -> None:
        """Drop entries that are booked from the file."""
        self._entries = [entry for entry in self._entries if entry.id not in ids]
        self._write(self._entries)

    def _write(self, entries: list[UnbookedEntry]) -> None:
        """Write the file; a disk that is full must not stop the counting."""
        try:
            self._file.save(entries)
        except OSError:
            self._events.fault("journal")


def not_in_journal(stretch: Stretch) -> PendingWrites:
    """Return what the unbooked file has to keep of a stretch: the journal may keep the amounts."""
    additions = {} if stretch.is_recorded else dict(stretch.sums)
    return PendingWrites(additions, bookings=stretch.bookings)
