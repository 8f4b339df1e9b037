"""A database that fails when the test wants it to."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sendlimit.errors import LeaseLost, StoreError, StoreUnavailable
from sendlimit.rules.rolling import step_keys
from sendlimit.store import Census, Fenced, Flushed, LeaseRow, Loaded

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from sendlimit.rules.counting_settings import Publication
    from sendlimit.rules.episode import Episode
    from sendlimit.rules.limit import CounterKey, LimitName, Setting
    from sendlimit.store import ChangeRow, Flush, Writing


@dataclass
class Tables:
    """What is committed; outlives connections and daemons.

    Attributes:
        clamped: by how much counters would have been below 0.
        handed_over: the holder has freed the lease itself.
    """

    counters: dict[CounterKey, int] = field(default_factory=dict)
    limits: list[Setting] = field(default_factory=list)
    batches: dict[str, int] = field(default_factory=dict)
    records: dict[str, int] = field(default_factory=dict)
    fences: dict[str, int] = field(default_factory=dict)
    lease: LeaseRow = field(default_factory=lambda: LeaseRow("", 0, 0))
    daemons: dict[str, int] = field(default_factory=dict)
    changes: list[ChangeRow] = field(default_factory=list)
    episodes: dict[CounterKey, Episode] = field(default_factory=dict)
    published: Publication | None = None
    clamped: dict[CounterKey, int] = field(default_factory=dict)
    handed_over: bool = False

    def add(self, amounts: Mapping[CounterKey, int]) -> None:
        """Add to counters; what is given back never makes a row or one below 0."""
        for key, amount in amounts.items():
            total = self.counters.get(key, 0) + amount
            if total < 0:
                self.clamped[key] = self.clamped.get(key, 0) - total
            if amount >= 0 or key in self.counters:
                self.counters[key] = max(0, total)

    def write(self, writing: Writing) -> None:
        """Take what packet 2 of a batch writes."""
        self.add(writing.corrections)
        self.record(writing.episodes)
        self.batches |= dict.fromkeys(writing.unbooked, 1)
        self.batches[writing.committer] = writing.batch
        for committer, record in {writing.committer: writing.journal, **writing.replayed}.items():
            self.records[committer] = max(record, self.records.get(committer, 0))
            self.batches.setdefault(committer, 0)
        for daemon in writing.gone:
            self.daemons.pop(daemon, None)
        if writing.holder is not None:
            seen = writing.seen_change if writing.holder else self.lease.seen_change
            self.lease = LeaseRow(writing.holder, self.lease.beat + 1, seen)

    def flush(self, flush: Flush) -> Flushed:
        """Take a flush, if lease and fences are as it says.

        Raises:
            LeaseLost: they are not; nothing has changed.
        """
        lease, own = self.lease, flush.committer
        if (lease.holder, lease.beat) != (own, flush.beat):
            raise LeaseLost
        if own not in self.batches or self.fences.get(own, 0) != flush.fences:
            raise LeaseLost
        self.add(flush.additions)
        self.record(flush.episodes)
        self.batches[own] = flush.batch
        self.records[own] = max(flush.journal, self.records.get(own, 0))
        self.daemons[own] = self.daemons.get(own, 0) + 1
        self.lease = LeaseRow("" if flush.let_go else own, lease.beat + 1, flush.applied_change)
        self.handed_over = flush.let_go
        return Flushed(
            self.used_in([*flush.additions, *flush.read, *steps_of(flush.steps)]),
            [row for row in self.limits if row.subject in flush.subjects],
            [change for change in self.changes if change.id > flush.seen_change],
            dict(self.daemons),
        )

    def record(self, episodes: Iterable[Episode]) -> None:
        """Merge episodes."""
        for episode in episodes:
            known = self.episodes.setdefault(episode.key, episode)
            if known is not episode:
                known.merge(episode)

    def used_in(self, keys: Iterable[CounterKey]) -> dict[CounterKey, int]:
        """Return counters, 0 where there is no row."""
        return {key: self.counters.get(key, 0) for key in keys}

    def used(self) -> dict[CounterKey, int]:
        """Return the counters that are not 0."""
        return {key: used for key, used in self.counters.items() if used}


def steps_of(running: Iterable[CounterKey]) -> list[CounterKey]:
    """Return all steps of rolling windows."""
    return [key for one in running for key in step_keys(one)]


def _nothing() -> None:
    """Do nothing."""


class ScriptedStore:
    """One connection to Tables; each verb fails as often as it was told to.

    Attributes:
        verbs: what was called, in order.
        away: the database does not answer.
        sends_first: a write says that its commit is on its way, as a single MariaDB server does.
        may_lease: whether a daemon may be alone on the tables.
        before: what to do first when a verb is called; "on_sent" and "after on_sent" are around that call.
    """

    def __init__(self, tables: Tables | None = None) -> None:
        """Take the tables; connects later."""
        self.tables = tables or Tables()
        self.verbs: list[str] = []
        self.away = False
        self.sends_first = False
        self.may_lease = False
        self.before: dict[str, Callable[[], object]] = {}
        self._faults: dict[str, list[tuple[BaseException, bool]]] = defaultdict(list)
        self._open = False
        self._began: dict[CounterKey, int] | None = None

    def fail(self, verb: str, *errors: BaseException, applied: bool = False) -> None:
        """Let the next calls of a verb raise these, applied: after their work was done."""
        self._faults[verb] += [(error, applied) for error in errors]

    def forget_faults(self) -> None:
        """Fail no more."""
        self._faults.clear()

    def connect(self) -> None:
        """Connect."""
        self.close()
        self._called("connect")
        self._open = True

    def close(self) -> None:
        """Drop the connection and what was not committed."""
        self._open = False
        self._began = None

    def begin(
        self,
        additions: Mapping[CounterKey, int],
        subjects: Collection[str],
        steps: Collection[CounterKey] = (),
    ) -> Loaded:
        """Begin, add, load."""
        self._called("begin")
        assert self._began is None, "a transaction in a transaction"
        assert all(amount >= 0 for amount in additions.values())
        self._began = dict(additions)
        usage = self.tables.used_in([*additions, *steps_of(steps)])
        settings = [row for row in self.tables.limits if row.subject in subjects]
        return Loaded(usage, settings, self.tables.lease)

    def write(self, writing: Writing, on_sent: Callable[[], None] = _nothing) -> None:
        """Write and commit."""
        if self.sends_first:
            self.before.get("on_sent", _nothing)()
            on_sent()
            self.before.get("after on_sent", _nothing)()
        late = self._called("write")
        assert self._began is not None, "nothing was begun"
        self.tables.add(self._began)
        self.tables.write(writing)
        self._began = None
        if late is not None:
            raise late

    def rollback(self) -> None:
        """End the transaction without writing."""
        self.verbs.append("rollback")
        self._began = None

    def fence(self, committer: str) -> Fenced:
        """Return the committer's row."""
        self._called("fence")
        fences = self.tables.fences[committer] = self.tables.fences.get(committer, 0) + 1
        return Fenced(self.tables.batches.setdefault(committer, 0), fences)

    def flush(self, flush: Flush) -> Flushed:
        """Write as the holder of the lease."""
        late = self._called("flush")
        flushed = self.tables.flush(flush)
        if late is not None:
            raise late
        return flushed

    def census(self) -> Census:
        """Return who else there is."""
        self._called("census")
        last = max((change.id for change in self.tables.changes), default=0)
        return Census(dict(self.tables.daemons), last)

    def beat(self, daemon: str, _host: str) -> dict[str, int]:
        """Move the own row."""
        self._called("beat")
        self.tables.daemons[daemon] = self.tables.daemons.get(daemon, 0) + 1
        return dict(self.tables.daemons)

    def leave(self, daemon: str) -> None:
        """Remove the own row."""
        self._called("leave")
        self.tables.daemons.pop(daemon, None)

    def booked_record(self, committer: str) -> int | None:
        """Return what is booked of a journal."""
        self._called("booked_record")
        return self.tables.records.get(committer)

    def limits(self) -> list[Setting]:
        """Return all rows."""
        self._called("limits")
        return list(self.tables.limits)

    def limits_mark(self) -> object:
        """Return the rows themselves."""
        self._called("limits_mark")
        return tuple(self.tables.limits)

    def usage(self, keys: Collection[CounterKey]) -> dict[CounterKey, int]:
        """Return counters."""
        self._called("usage")
        return self.tables.used_in(keys)

    def counters(
        self, name: LimitName, period_start: int, after: str | None, count: int
    ) -> list[tuple[str, int]]:
        """Return a chunk of a period."""
        self._called("counters")
        found = [
            (key.subject, used)
            for key, used in self.tables.counters.items()
            if (key.scope, key.unit, key.window) == name and key.period_start == period_start
        ]
        return sorted(row for row in found if row[0] > (after or ""))[:count]

    def booked_entries(self, entries: Collection[str]) -> set[str]:
        """Return which are booked."""
        self._called("booked_entries")
        return {entry for entry in entries if entry in self.tables.batches}

    def names_in_force(self, now: int) -> frozenset[LimitName]:
        """Return the names that any row limits."""
        self._called("names_in_force")
        return frozenset(
            row.name
            for row in self.tables.limits
            if row.max is not None and (row.valid_until is None or row.valid_until > now)
        )

    def publish(self, publication: Publication) -> None:
        """Keep what the views would be told."""
        self._called("publish")
        self.tables.published = publication

    def _called(self, verb: str) -> BaseException | None:
        """Note a call; raise what it was told to, or return what is to be raised after its work."""
        self.verbs.append(verb)
        if verb in self.before:
            self.before[verb]()
        if self.away or (not self._open and verb != "connect"):
            self.close()
            raise StoreUnavailable
        if not self._faults[verb]:
            return None
        error, applied = self._faults[verb].pop(0)
        if isinstance(error, StoreError):
            self._open = not isinstance(error, StoreUnavailable)
        if applied:
            return error
        if isinstance(error, StoreError):
            self._began = None
        raise error
