"""A database that fails when the test wants it to."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sendlimit.errors import StoreConflict, StoreError, StoreUnavailable
from sendlimit.store import Loaded

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from sendlimit.rules.counting_settings import Publication
    from sendlimit.rules.episode import Episode
    from sendlimit.rules.limit import CounterKey, LimitName, Setting
    from sendlimit.store import Writing


@dataclass
class Tables:
    """What is committed; outlives connections and daemons."""

    counters: dict[CounterKey, int] = field(default_factory=dict)
    limits: list[Setting] = field(default_factory=list)
    batches: dict[str, int] = field(default_factory=dict)
    episodes: dict[CounterKey, Episode] = field(default_factory=dict)
    published: Publication | None = None

    def add(self, amounts: Mapping[CounterKey, int]) -> None:
        """Add to counters; what is given back never makes a row or one below 0."""
        for key, amount in amounts.items():
            if amount >= 0 or key in self.counters:
                self.counters[key] = max(0, self.counters.get(key, 0) + amount)

    def used(self) -> dict[CounterKey, int]:
        """Return the counters that are not 0."""
        return {key: used for key, used in self.counters.items() if used}


def _nothing() -> None:
    """Do nothing."""


class ScriptedStore:
    """One connection to Tables; each verb fails as often as it was told to.

    Attributes:
        verbs: what was called, in order.
        away: the database does not answer.
        sends_first: a write says that its commit is on its way, as a single MariaDB server does.
        before: what to do first when a verb is called; "on_sent" and "after on_sent" are around that call.
    """

    def __init__(self, tables: Tables | None = None) -> None:
        """Take the tables; connects later."""
        self.tables = tables or Tables()
        self.verbs: list[str] = []
        self.away = False
        self.sends_first = False
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

    def begin(self, additions: Mapping[CounterKey, int], subjects: Collection[str]) -> Loaded:
        """Begin, add, load."""
        self._called("begin")
        assert self._began is None, "a transaction in a transaction"
        assert all(amount >= 0 for amount in additions.values())
        self._began = dict(additions)
        usage = {key: self.tables.counters.get(key, 0) for key in additions}
        return Loaded(usage, [row for row in self.tables.limits if row.subject in subjects])

    def write(self, writing: Writing, on_sent: Callable[[], None] = _nothing) -> None:
        """Write and commit."""
        if self.sends_first:
            self.before.get("on_sent", _nothing)()
            on_sent()
            self.before.get("after on_sent", _nothing)()
        late = self._called("write")
        assert self._began is not None, "nothing was begun"
        self.tables.add(self._began)
        self.tables.add(writing.corrections)
        for episode in writing.episodes:
            known = self.tables.episodes.setdefault(episode.key, episode)
            if known is not episode:
                known.merge(episode)
        self.tables.batches |= dict.fromkeys(writing.unbooked, 1)
        self.tables.batches[writing.committer] = writing.batch
        self._began = None
        if late is not None:
            raise late

    def rollback(self) -> None:
        """End the transaction without writing."""
        self.verbs.append("rollback")
        self._began = None

    def fence(self, committer: str) -> int:
        """Return the committer's last batch."""
        self._called("fence")
        return self.tables.batches.setdefault(committer, 0)

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
            self._open = isinstance(error, StoreConflict)
        if applied:
            return error
        if isinstance(error, StoreError):
            self._began = None
        raise error
