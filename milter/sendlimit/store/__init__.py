"""What the ledger needs from a database, in the ledger's own words.

A store holds one connection and is used by one thread. Every error that it raises is a
StoreError: StoreConflict when the transaction is known to be rolled back and can be done
again, StoreUnavailable when the connection is gone and the outcome may be unknown.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from sendlimit.rules.counting_settings import Publication
    from sendlimit.rules.episode import Episode
    from sendlimit.rules.limit import CounterKey, LimitName, Setting

SCHEMA_VERSION = 8
"""The version of the tables that this release reads and writes: the last file in sql/."""

COMMITTERS_KEPT_S = 30 * 86_400
"""How long a row of er_committer stays after its last writing: what a crash journal of this age has
without one is booked already, or never was to be."""

STILL_S = 4.0
"""How long a holder's beat has stood still when it counts as stopped: the 3 s that a flush lets it
grant, and 1 s for clocks that drift."""

OLD_RELEASE = "committer "
"""Among the beats stands before the id of a committer that writes batches and never beats: its
release knows no lease. Its batch is its beat."""
OLD_RELEASE_SEEN_S = 5
"""How long after its last batch it is among them; less than a daemon that was killed has been silent
when its row of er_daemon is removed."""


class LeaseRow(NamedTuple):
    """The row of er_lease.

    Attributes:
        holder: id of the daemon start that holds it; "": it is free.
        beat: goes up with each transaction that writes the row.
        seen_change: the last row of er_change that the holder follows.
    """

    holder: str
    beat: int
    seen_change: int


class Loaded(NamedTuple):
    """What packet 1 of a batch brings.

    Attributes:
        usage: the counters as they were before this batch added to them, and the other steps of
            those whose steps were asked for.
        settings: the rows of er_limit of the subjects asked for, ended boosts too.
        lease: read behind the latch; None on Galera, where no daemon takes it.
    """

    usage: dict[CounterKey, int]
    settings: list[Setting]
    lease: LeaseRow | None = None

    def with_steps(self, steps: Mapping[CounterKey, int]) -> Loaded:
        """Return the same with further steps of rolling windows."""
        # The steps were read after the additions: a counter that was added to keeps its value from before.
        return self._replace(usage={**steps, **self.usage})


@dataclass(frozen=True, slots=True)
class Writing:
    """What packet 2 of a batch writes and commits.

    Attributes:
        committer: the id of the ledger, unique per process start.
        batch: its number, one more than the last.
        corrections: per counter, what packet 1 added too much or too little; a negative one
            never takes a counter below 0 and never makes a row.
        episodes: refusals to merge into er_refusal.
        unbooked: ids of entries of an unbooked file that are in the additions.
        journal: last record of the committer's journal that is in the additions.
        replayed: the same of journals that earlier starts left, by their token.
        holder: who holds the lease from now on, "": it is free; None: the row stays as it is.
        seen_change: for the new holder's row.
        gone: daemons whose rows are removed.
    """

    committer: str
    batch: int
    corrections: Mapping[CounterKey, int] = field(default_factory=dict)
    episodes: Sequence[Episode] = ()
    unbooked: Sequence[str] = ()
    journal: int = 0
    replayed: Mapping[str, int] = field(default_factory=dict)
    holder: str | None = None
    seen_change: int = 0
    gone: Sequence[str] = ()


class ChangeRow(NamedTuple):
    """A row of er_change: a change by people that the holder has to follow.

    Attributes:
        subject: whose limits or counters: "*", a domain or a mailbox.
    """

    id: int
    subject: str


@dataclass(frozen=True, slots=True)
class Flush:
    """What the holder of the lease writes, and reads with it, in one transaction of one packet.

    It is committed only if er_lease has this holder and this beat, and the committer's own row
    these fences; else it is rolled back.

    Attributes:
        committer: id of the holder.
        batch: number for its row in er_committer, one more than the last.
        journal: the last record of the journal whose amount is in additions.
        fences: of its row, as known.
        beat: of er_lease, as it wrote it last; the row has one more afterwards.
        applied_change: for er_lease.seen_change.
        seen_change: rows of er_change after this one are returned.
        additions: negative ones never take a counter below 0 and never make a row.
        read: counters to return, too.
        subjects: whose rows of er_limit to return.
        episodes: refusals to merge into er_refusal.
        let_go: free the lease.
        host: of this daemon, for its row of er_daemon.
        steps: running steps of rolling windows whose other steps to return (R19).
    """

    committer: str
    batch: int
    journal: int
    fences: int
    beat: int
    applied_change: int = 0
    seen_change: int = 0
    additions: Mapping[CounterKey, int] = field(default_factory=dict)
    read: Collection[CounterKey] = ()
    subjects: Collection[str] = ()
    episodes: Sequence[Episode] = ()
    let_go: bool = False
    host: str = ""
    steps: Collection[CounterKey] = ()


class Flushed(NamedTuple):
    """What a committed flush returns.

    Attributes:
        usage: the counters of additions, of read and of all steps, as they are now, without the
            latch; 0 where there is no row.
        settings: the rows of er_limit asked for, ended boosts too.
        changes: in the order of their ids.
        beats: all rows of er_daemon by id, and committers of old releases.
    """

    usage: Mapping[CounterKey, int]
    settings: Sequence[Setting]
    changes: Sequence[ChangeRow]
    beats: Mapping[str, int]


class Census(NamedTuple):
    """Who else there is, read in the transaction that takes the lease.

    Attributes:
        beats: all rows of er_daemon by id, and committers of old releases.
        last_change: the last id of er_change, 0 without any.
    """

    beats: dict[str, int]
    last_change: int


class Fenced(NamedTuple):
    """The committer's own row, behind a fence.

    Attributes:
        batch: the number of its last batch or flush that was committed, 0 before the first.
        fences: what the next flush has to know.
    """

    batch: int
    fences: int


class Store(Protocol):
    """One connection to a database, for the ledger's thread alone."""

    def connect(self) -> None:
        """Connect and compare the schema's version.

        Raises:
            StoreUnavailable: no server answers, or not with these credentials.
            SchemaError: the tables are missing, older or newer.
        """

    def close(self) -> None:
        """Drop the connection and what was not committed; never raises."""

    def begin(
        self,
        additions: Mapping[CounterKey, int],
        subjects: Collection[str],
        steps: Collection[CounterKey] = (),
    ) -> Loaded:
        """Begin a transaction, add to the counters, load them and the settings (packet 1).

        Adding and loading in one statement is cheaper than loading first (docs/design.md).

        Args:
            additions: amounts >= 0, the latch first: that locks it before all others.
            subjects: whose rows of er_limit to load.
            steps: running steps of rolling windows whose other steps to load, behind the latch.
        """

    def write(self, writing: Writing, on_sent: Callable[[], None] = lambda: None) -> None:
        """Write and commit the transaction that begin() began (packet 2).

        Args:
            writing: what is written.
            on_sent: called when the commit is on its way, if from then on only a failure of
                the database can undo it: the way to its disk need not be waited for. A store
                that can't say so never calls it.
        """

    def rollback(self) -> None:
        """End the transaction that begin() began without writing; never raises."""

    def fence(self, committer: str) -> Fenced:
        """Return the committer's own row.

        When it returns, no earlier transaction of this committer can still commit: it takes
        the latch, which such a transaction would hold, and writes the committer's own row, so
        that a Galera node refuses what another node still had on its way. It adds to fences, so
        that a flush that has not begun yet is refused. A row of er_lease that was removed is made.
        """

    # the lease

    @property
    def may_lease(self) -> bool:
        """Whether a daemon may be alone on this database: one host, and no Galera node."""

    def flush(self, flush: Flush) -> Flushed:
        """Write what the holder of the lease has counted, in one packet.

        Raises:
            LeaseLost: rolled back, as the lease or the fences are not as the flush says.
            StoreConflict: rolled back, and nothing is said of the lease.
            StoreError: in doubt.
        """

    def census(self) -> Census:
        """Read who else there is, in the transaction that begin() began."""

    def beat(self, daemon: str, host: str) -> dict[str, int]:
        """Move the daemon's own row, in a transaction of its own; return all beats."""

    def leave(self, daemon: str) -> None:
        """Remove the daemon's own row; its committer is not taken for one of an old release."""

    def booked_record(self, committer: str) -> int | None:
        """Return the last record of a committer's journal that is booked; None: it has no row."""

    # what the holder reads, between its flushes

    def limits(self) -> list[Setting]:
        """Return all rows of er_limit, ended boosts too."""

    def limits_mark(self) -> object:
        """Return what is equal to an earlier one only as long as er_limit has not changed."""

    def usage(self, keys: Collection[CounterKey]) -> dict[CounterKey, int]:
        """Return counters; 0 where there is no row."""

    def counters(
        self, name: LimitName, period_start: int, after: str | None, count: int
    ) -> list[tuple[str, int]]:
        """Return (subject, used) of the counters of a name in a period, ordered by subject.

        Args:
            name: of the counters.
            period_start: seconds since 1970.
            after: the subjects after this one; None: all.
            count: at most so many.
        """

    def booked_entries(self, entries: Collection[str]) -> set[str]:
        """Return which of these entries of an unbooked file have been booked."""

    def names_in_force(self, now: int) -> frozenset[LimitName]:
        """Return the names that any row of er_limit limits at the moment."""

    def publish(self, publication: Publication) -> None:
        """Tell the views the file's limits and the running day, if that has changed."""
