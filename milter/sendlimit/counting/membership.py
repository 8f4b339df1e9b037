"""Entering, taking the lease, leaving: a daemon's transactions beside others on one database.

Each is two packets under the latch: the row of the lease is read, and what follows from it is
written and committed. The committer's thread uses it. FAILURE: a StoreError leaves the state as
it is; what a lost answer leaves open is found by the next reading of the row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendlimit.counting.lease import BEAT_S, Claim, LeaseState, claim_of
from sendlimit.counting.stretches import CLOSE_AT
from sendlimit.rules.limit import LATCH
from sendlimit.store import COMMITTERS_KEPT_S, Writing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sendlimit.counting.committer_row import CommitterRow
    from sendlimit.counting.events import Events
    from sendlimit.counting.ledger import Ledger
    from sendlimit.counting.left_journals import LeftJournal, LeftStretch
    from sendlimit.store import Store


class Membership:
    """One daemon beside others; the committer's thread alone uses it.

    Args:
        row: the committer's own.
        ledger: whose lease and memory.
        store: the database.
        events: is told what could not be read of a left journal.
        left: journals of earlier starts with this state_dir, still to be booked.
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
        events: Events,
        left: Sequence[LeftJournal],
        host: str,
        clock: Callable[[], float],
        uptime: Callable[[], float],
    ) -> None:
        self._row = row
        self._ledger = ledger
        self._lease = ledger.lease
        self._store = store
        self._events = events
        self._left = list(left)
        self._host = host
        self._clock = clock
        self._uptime = uptime
        self._beat_at = 0.0

    def enter(self) -> None:
        """Find out, on a new connection, who decides: away becomes sole again, or shared, or stays.

        Raises:
            StoreError: the database went away again.
        """
        lease = self._lease
        self._row.fences = self._store.fence(self._row.id).fences
        claim, beat = self._begin()
        if claim is Claim.HELD:
            self._store.rollback()
            self.beat()
            return
        sent = self._uptime()
        if claim is Claim.MINE:
            self._write(holder=lease.daemon, seen_change=lease.applied_change)
            with self._ledger.mutex:
                lease.kept(sent, beat + 1)
            return
        self._write(holder="" if claim is Claim.CLEAR else None, gone=sorted(lease.ended))
        with self._ledger.mutex:
            lease.joined()
        self.beat()

    def beat(self) -> None:
        """Show that this daemon lives, and see who else does, once a second.

        Raises:
            StoreError: the database is away.
        """
        now = self._uptime()
        if now < self._beat_at:
            return
        beats = self._store.beat(self._lease.daemon, self._host)
        self._beat_at = now + BEAT_S
        self._lease.look_at_others(beats, self._uptime())

    @property
    def beat_in_s(self) -> float:
        """How long until the next beat is due."""
        return max(0.0, self._beat_at - self._uptime())

    def replay(self) -> bool:
        """Book what earlier starts left in their journals; return whether all is booked.

        Raises:
            StoreError: the database is away; what was booked is known when it is back.
        """
        while self._left:
            journal = self._left[0]
            if not self._replay(journal):
                return False
            for problem in journal.damage:
                self._events.journal_unreadable(ValueError(problem))
            journal.remove()
            self._left.pop(0)
        return True

    def _replay(self, journal: LeftJournal) -> bool:
        """Book one journal, a stretch in a transaction; return False while another daemon holds the lease."""
        while True:
            claim, _ = self._begin()
            if claim is Claim.HELD:
                self._store.rollback()
                return False
            booked = self._store.booked_record(journal.token)
            not_before = int(self._clock()) - COMMITTERS_KEPT_S if booked is None else 0
            stretch = journal.next_stretch(booked or 0, CLOSE_AT, not_before)
            if stretch is None:
                self._store.rollback()
                return True
            self._write(
                holder="" if claim is Claim.CLEAR else None,
                replayed=(journal.token, stretch),
            )

    def take(self) -> None:
        """Take the lease if it is free and no other daemon lives.

        Raises:
            StoreError: the database is away; if the lease is taken all the same, the next batch
                clears it.
        """
        lease, store = self._lease, self._store
        if lease.state is not LeaseState.SHARED or not lease.alone(self._uptime()):
            return
        claim, beat = self._begin()
        census = store.census()
        if claim is Claim.HELD or not lease.as_seen(census.beats):
            store.rollback()
            return
        sent = self._uptime()
        self._write(
            holder=lease.daemon,
            seen_change=census.last_change,
            gone=sorted(census.beats.keys() - {lease.daemon}),
        )
        limits = store.limits()
        with self._ledger.mutex:
            lease.taken(sent, beat + 1, census.last_change)
            self._ledger.memory.begin(int(self._clock()), limits)

    def leave(self) -> None:
        """Remove this daemon's row, so that others need not wait for it.

        Raises:
            StoreError: the database is away.
        """
        self._store.leave(self._lease.daemon)

    def _begin(self) -> tuple[Claim, int]:
        """Begin a transaction; return what the lease's row means, and its beat."""
        sent = self._uptime()
        row = self._store.begin({LATCH: 0}, ()).lease
        claim = claim_of(self._lease, row, sent, self._uptime())
        return claim, 0 if row is None else row.beat

    def _write(
        self,
        holder: str | None,
        seen_change: int = 0,
        gone: Sequence[str] = (),
        replayed: tuple[str, LeftStretch] | None = None,
    ) -> None:
        """Write and commit what _begin() began."""
        self._store.write(
            Writing(
                self._row.id,
                self._row.next(),
                {} if replayed is None else replayed[1].additions,
                replayed={} if replayed is None else {replayed[0]: replayed[1].last},
                holder=holder,
                seen_change=seen_change,
                gone=gone,
            )
        )
