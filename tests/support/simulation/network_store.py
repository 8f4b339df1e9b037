"""The ledger's store on a simulated server: each call sends a packet and waits for its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sendlimit.errors import StoreError, StoreUnavailable
from sendlimit.store import Census, Fenced, Loaded
from sendlimit.store.mariadb import EARLY_S
from support.doubles.store import steps_of
from support.simulation.server import ROLLED_BACK, Packet

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from sendlimit.rules.counting_settings import Publication
    from sendlimit.rules.limit import CounterKey, LimitName, Setting
    from sendlimit.store import Flush, Flushed, Writing
    from support.doubles.store import Tables
    from support.simulation.process import Process
    from support.simulation.server import Connection, Server

READ_S = 8.0


class NetworkStore:
    """One connection of one process.

    Args:
        server: the database.
        process: whose threads wait.

    Attributes:
        lost_early_answers: is told the additions of a batch whose answers were given and whose commit failed.
    """

    def __init__(self, server: Server, process: Process) -> None:
        self._server = server
        self._process = process
        self._connection: Connection | None = None
        self._began_at = 0.0
        self._began: dict[CounterKey, int] = {}
        self.lost_early_answers: Callable[[dict[CounterKey, int]], None] = lambda _sums: None

    may_lease = True

    def connect(self) -> None:
        """Connect, if the server is there."""
        self.close()
        self._process.sleep(0.1)
        if not self._server.is_up or self._process.is_cut_off:
            raise StoreUnavailable
        self._connection = self._server.connect(self._process)

    def close(self) -> None:
        """Close this side; the server may learn of it later, or execute what is on its way."""
        if self._connection is not None:
            self._connection.client_open = False
        self._connection = None

    def _call(
        self,
        work: Callable[[Tables], Any],
        *,
        latch: bool = False,
        goes_on: bool = False,
        commits: bool = True,
        on_sent: Callable[[], None] = lambda: None,
    ) -> Any:  # noqa: ANN401 - whatever the packet returns
        connection = self._connection
        if connection is None:
            raise StoreUnavailable
        packet = Packet(work, latch=latch, goes_on=goes_on, commits=commits and (latch or goes_on))
        connection.inbox.append(packet)
        on_sent()
        sent = self._process.uptime()

        def is_over() -> bool:
            closed = not connection.server_open and not self._process.is_cut_off
            return bool(connection.answers) or closed or self._process.uptime() - sent > READ_S

        self._process.wait(is_over)
        if not connection.answers:
            self.close()
            raise StoreUnavailable
        answer = connection.answers.pop(0)
        if isinstance(answer, StoreError):
            raise answer
        return answer

    def begin(
        self,
        additions: Mapping[CounterKey, int],
        subjects: Collection[str],
        steps: Collection[CounterKey] = (),
    ) -> Loaded:
        """Packet 1."""
        self._began_at = self._process.uptime()
        self._began = dict(additions)

        def work(tables: Tables) -> Loaded:
            usage = tables.used_in([*additions, *steps_of(steps)])
            tables.add(additions)
            settings = [row for row in tables.limits if row.subject in subjects]
            return Loaded(usage, settings, tables.lease)

        loaded: Loaded = self._call(work, latch=True, commits=False)
        self._process.may_stop("between the packets")
        return loaded

    def write(self, writing: Writing, on_sent: Callable[[], None] = lambda: None) -> None:
        """Packet 2."""
        is_young = self._process.uptime() - self._began_at < EARLY_S
        try:
            self._call(
                lambda tables: tables.write(writing),
                goes_on=True,
                on_sent=on_sent if is_young else lambda: None,
            )
        except StoreUnavailable:
            if is_young and self._process.is_at_fault:
                sums = {
                    key: amount + writing.corrections.get(key, 0)
                    for key, amount in self._began.items()
                }
                self.lost_early_answers(sums)
            raise

    def rollback(self) -> None:
        """Roll back."""
        try:
            self._call(lambda _tables: ROLLED_BACK, goes_on=True)
        except StoreError:
            self.close()

    def fence(self, committer: str) -> Fenced:
        """Read and write the own row."""

        def work(tables: Tables) -> Fenced:
            fences = tables.fences[committer] = tables.fences.get(committer, 0) + 1
            return Fenced(tables.batches.setdefault(committer, 0), fences)

        fenced: Fenced = self._call(work, latch=True)
        return fenced

    def flush(self, flush: Flush) -> Flushed:
        """One packet."""
        flushed: Flushed = self._call(lambda tables: tables.flush(flush), latch=True)
        if flushed.changes:
            self._process.may_stop("with a change read")
        return flushed

    def census(self) -> Census:
        """In the transaction that was begun."""

        def work(tables: Tables) -> Census:
            last = max((change.id for change in tables.changes), default=0)
            return Census(dict(tables.daemons), last)

        census: Census = self._call(work, goes_on=True, commits=False)
        return census

    def beat(self, daemon: str, _host: str) -> dict[str, int]:
        """Move the own row."""

        def work(tables: Tables) -> dict[str, int]:
            tables.daemons[daemon] = tables.daemons.get(daemon, 0) + 1
            return dict(tables.daemons)

        beats: dict[str, int] = self._call(work, latch=True)
        return beats

    def leave(self, daemon: str) -> None:
        """Remove the own row."""
        self._call(lambda tables: tables.daemons.pop(daemon, None), latch=True)

    def booked_record(self, committer: str) -> int | None:
        """In the transaction that was begun."""
        found: int | None = self._call(
            lambda tables: tables.records.get(committer), goes_on=True, commits=False
        )
        return found

    def booked_entries(self, entries: Collection[str]) -> set[str]:
        """Read."""
        found: set[str] = self._call(lambda tables: {e for e in entries if e in tables.batches})
        return found

    def names_in_force(self, now: int) -> frozenset[LimitName]:
        """Read."""
        del now
        names: frozenset[LimitName] = self._call(
            lambda tables: frozenset(row.name for row in tables.limits if row.max is not None)
        )
        return names

    def publish(self, publication: Publication) -> None:
        """Do nothing: no view is looked at."""

    def limits(self) -> list[Setting]:
        """Read."""
        rows: list[Setting] = self._call(lambda tables: list(tables.limits))
        return rows

    def limits_mark(self) -> object:
        """Read."""
        return self._call(lambda tables: tuple(tables.limits))

    def usage(self, keys: Collection[CounterKey]) -> dict[CounterKey, int]:
        """Read."""
        found: dict[CounterKey, int] = self._call(
            lambda tables: {key: tables.counters.get(key, 0) for key in keys}
        )
        return found

    def counters(
        self, name: LimitName, period_start: int, after: str | None, count: int
    ) -> list[tuple[str, int]]:
        """Read a chunk."""

        def work(tables: Tables) -> list[tuple[str, int]]:
            found = [
                (key.subject, used)
                for key, used in tables.counters.items()
                if (key.scope, key.unit, key.window) == name and key.period_start == period_start
            ]
            return sorted(row for row in found if row[0] > (after or ""))[:count]

        chunk: list[tuple[str, int]] = self._call(work)
        return chunk
