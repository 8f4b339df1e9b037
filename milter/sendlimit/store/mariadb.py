"""The ledger's store on MariaDB: two packets a batch, one a flush; one connection, several hosts.

FAILURE: with the connection lost, the caller closes, connects again (the next host that
answers) and asks fence(). LIMITS: for one thread; the client library's errors end here.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sendlimit.errors import StoreError, StoreUnavailable
from sendlimit.store import Census, Fenced, Flush, Flushed, Loaded, Writing, rows
from sendlimit.store import statements as sql
from sendlimit.store.drivers import IDLE_TRANSACTION_S, mariadb_errors
from sendlimit.store.flush_packet import FlushPacket, add_statement
from sendlimit.store.servers import open_server
from sendlimit.store.sqltime import to_sql
from sendlimit.store.unreadable import ignored

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from sendlimit.rules.counting_settings import Publication
    from sendlimit.rules.limit import CounterKey, LimitName, Setting
    from sendlimit.store.location import MariaDBLocation
    from sendlimit.store.packets import PacketConnection
    from sendlimit.store.rows import Row
    from sendlimit.store.unreadable import Report

EARLY_S = IDLE_TRANSACTION_S / 2
"""How long before packet 2 packet 1 may have been sent, for answers before the commit is done."""
_OCTETS_A_SIGN = 4
"""At most, in UTF-8."""
_CHUNK = 500
"""Rows a statement, so that none is too large for the server's max_allowed_packet."""


def _boot_time() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class MariaDBStore:
    """The store of one ledger on one or several MariaDB servers; it connects later.

    Args:
        location: the servers and the database.
        password: asked for each connection, because it may have been changed.
        clock: seconds that go on while this host is suspended.
    """

    def __init__(
        self,
        location: MariaDBLocation,
        password: Callable[[], str] = str,
        clock: Callable[[], float] = _boot_time,
        report: Report = ignored,
    ) -> None:
        self._location = location
        self._password = password
        self._clock = clock
        self._report = report
        self._begun_at = 0.0
        self._connection: PacketConnection | None = None
        self._where = str(location)
        self._is_node = True
        self._packet_max = 0

    def connect(self) -> None:
        """Connect to the first host that answers with the right tables and takes writes."""
        self.close()
        server = open_server(self._location, self._password())
        self._connection, self._where = server.connection, server.where
        if server.problem is not None:
            self.close()
            raise server.problem
        with mariadb_errors(self._where):
            self._run(sql.KEEP_LATCH)
            self._run(sql.MariaDB.KEEP_LEASE)
            self._is_node = any(row[1] == "ON" for row in self._rows(sql.MariaDB.IS_NODE))
            self._packet_max = self._rows(sql.MariaDB.PACKET_MAX)[0][0]

    def close(self) -> None:
        """Drop the connection; what was not committed is gone."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _opened(self) -> PacketConnection:
        if self._connection is None:
            raise StoreUnavailable
        return self._connection

    def _run(self, statements: str, params: Iterable[object] = ()) -> list[Sequence[Row]]:
        """Send one packet; return the rows of each of its statements."""
        connection = self._opened()
        connection.send(self._fitting(connection.fill(statements, params)))
        return [result.rows for result in connection.receive()]

    def _fitting(self, statements: str) -> str:
        """Return the same.

        Raises:
            StoreError: the server would hang up without a word, each time.
        """
        most = self._packet_max
        if most and len(statements) * _OCTETS_A_SIGN > most:
            octets = len(statements.encode()) + 1
            if octets > most:
                problem = f"what is to be written has {octets} octets, more than its max_allowed_packet of {most}"
                raise StoreError(f"{self._where}: {problem}: set that to 16M")
        return statements

    def _rows(self, statement: str, params: Iterable[object] = ()) -> Sequence[Row]:
        """Run one statement; return its rows."""
        return self._run(statement, params)[0]

    def begin(
        self,
        additions: Mapping[CounterKey, int],
        subjects: Collection[str],
        steps: Collection[CounterKey] = (),
    ) -> Loaded:
        """Load the settings, begin, add: one packet.

        On a Galera node nothing follows the statement that takes the first lock: if it rolls the
        transaction back between two statements of a packet, it says so to neither of them.
        """
        statements: list[str] = []
        params: list[object] = []
        if subjects:
            statements.append(sql.SETTINGS.format(subjects=rows.placeholders([*subjects])))
            params.extend(subjects)
        statements.extend(("START TRANSACTION", add_statement(additions)))
        params.extend(key.subject for key in additions)
        if not self._is_node:
            statements.append(sql.MariaDB.LEASE)
            if steps:
                statements.append(rows.steps_query(steps))
                params.extend(rows.steps_params(steps))
        with mariadb_errors(self._where):
            self._begun_at = self._clock()
            found = self._run(";".join(statements), params)
            if steps and self._is_node:
                found += self._run(rows.steps_query(steps), rows.steps_params(steps))
        settings = found.pop(0) if subjects else ()
        lease = None if self._is_node else found[2]
        loaded = rows.loaded(additions, found[1], settings, lease, self._report)
        if not steps:
            return loaded
        return loaded.with_steps(rows.steps_of(steps, found[-1], self._report))

    def write(self, writing: Writing, on_sent: Callable[[], None] = lambda: None) -> None:
        """Write and commit: one packet, and one statement for the reason that begin() gives.

        A single server does it to the end once it has the packet, whatever becomes of us, and
        every other batch waits for the latch until then. Not so a Galera node: others may refuse
        the commit.
        """
        statements: list[str] = []
        params: list[object] = []
        more, back = rows.split(writing.corrections)
        if more:
            statements.append(add_statement(more))
            params.extend(key.subject for key in more)
        for key, amount in back.items():
            statements.append(sql.MariaDB.GIVE_BACK)
            params.extend((amount, *rows.key_params(key)))
        if writing.episodes:
            values = ",".join([sql.TWELVE] * len(writing.episodes))
            statements.append(sql.MariaDB.EPISODES.format(rows=values))
            for episode in writing.episodes:
                params.extend(rows.episode_params(episode))
        for entry in writing.unbooked:
            statements.append(sql.MariaDB.BATCH)
            params.extend((entry, 1, 0))
        for token, record in writing.replayed.items():
            statements.append(sql.MariaDB.REPLAYED)
            params.extend((token, record))
        if writing.gone:
            statements.append(sql.FORGET_DAEMONS.format(ids=rows.placeholders(writing.gone)))
            params.extend(writing.gone)
        if writing.holder is not None:
            statements.append(sql.SET_LEASE if writing.holder else sql.FREE_LEASE)
            params.extend((writing.holder, writing.seen_change) if writing.holder else ())
        statements.extend((sql.MariaDB.BATCH, "COMMIT"))
        params.extend((writing.committer, writing.batch, writing.journal))
        with mariadb_errors(self._where):
            self._send(sql.MariaDB.AS_ONE.format(statements=";".join(statements)), params, on_sent)

    def _send(self, statement: str, params: Iterable[object], on_sent: Callable[[], None]) -> None:
        """Send one packet, call on_sent if the commit is certain, then wait for the answer.

        It is certain where this server decides alone and still has the transaction: the server
        ends it when IDLE_TRANSACTION_S lie between the packets. The clock is read after sending,
        because this process may be stopped at any moment.
        """
        connection = self._opened()
        connection.send(self._fitting(connection.fill(statement, params)))
        if not self._is_node and self._clock() - self._begun_at < EARLY_S:
            on_sent()
        connection.receive()

    def rollback(self) -> None:
        """Roll back, or drop the connection when even that fails."""
        try:
            with mariadb_errors(self._where):
                self._run("ROLLBACK")
        except StoreError:
            self.close()

    def fence(self, committer: str) -> Fenced:
        """Take the latch, write the own row, read it, commit."""
        with mariadb_errors(self._where):
            self._run("START TRANSACTION")
            self._rows(sql.MariaDB.LATCH)
            self._run(sql.MariaDB.KEEP_LEASE)
            self._run(sql.MariaDB.FENCE, (committer,))
            row = self._rows(sql.OWN_BATCH, (committer,))[0]
            self._run("COMMIT")
        return Fenced(*row)

    @property
    def may_lease(self) -> bool:
        """Whether there is one host, which is no Galera node as far as is known."""
        return len(self._location.hosts) == 1 and not self._is_node

    def flush(self, flush: Flush) -> Flushed:
        """One compound statement, so that a stopped process never holds the latch."""
        packet = FlushPacket(flush)
        with mariadb_errors(self._where):
            return packet.read(self._run(packet.statement, packet.params), self._report)

    def census(self) -> Census:
        """Read er_daemon and the last change, behind the latch."""
        with mariadb_errors(self._where):
            beats, last = self._run(f"{sql.MariaDB.LOCKED_BEATS};{sql.LAST_CHANGE}")
        return Census({row[0]: row[1] for row in beats}, last[0][0])

    def beat(self, daemon: str, host: str) -> dict[str, int]:
        """Move the own row and read all, in one packet."""
        statements = (sql.MariaDB.TAKE_LATCH, sql.MariaDB.BEAT, sql.MariaDB.BEATS)
        statement = sql.MariaDB.FLUSH.format(statements=";".join(statements))
        with mariadb_errors(self._where):
            found = self._run(statement, (0, daemon, host))
        return {row[0]: row[1] for row in found[0]}

    def leave(self, daemon: str) -> None:
        """Remove the own row of er_daemon, behind which er_committer's would be of an old release."""
        statements = (sql.MariaDB.HAS_LEFT, sql.FORGET_DAEMONS.format(ids="%s"))
        with mariadb_errors(self._where):
            self._run(";".join(statements), (daemon, daemon))

    def booked_record(self, committer: str) -> int | None:
        """Return the number in the row of er_committer."""
        with mariadb_errors(self._where):
            found = self._rows(sql.BOOKED_RECORD, (committer,))
        return found[0][0] if found else None

    def limits(self) -> list[Setting]:
        """Return all rows of er_limit."""
        with mariadb_errors(self._where):
            return rows.settings(self._rows(sql.LIMITS), self._report)

    def limits_mark(self) -> object:
        """Return their number and a checksum."""
        with mariadb_errors(self._where):
            return self._rows(sql.MariaDB.LIMITS_MARK)[0]

    def usage(self, keys: Collection[CounterKey]) -> dict[CounterKey, int]:
        """Return counters as they are."""
        if not keys:
            return {}
        with mariadb_errors(self._where):
            found = self._rows(rows.usage_query(keys), rows.keys_params(keys))
        return rows.usage_of(keys, found, self._report)

    def counters(
        self, name: LimitName, period_start: int, after: str | None, count: int
    ) -> list[tuple[str, int]]:
        """Read a chunk of a period."""
        params = rows.chunk_params(name, period_start, after, count)
        with mariadb_errors(self._where):
            return rows.amounts(self._rows(sql.MariaDB.COUNTERS, params), self._report)

    def booked_entries(self, entries: Collection[str]) -> set[str]:
        """Return which of these have a row in er_committer."""
        with mariadb_errors(self._where):
            statement = sql.BOOKED_ENTRIES.format(ids=rows.placeholders([*entries]))
            return {row[0] for row in self._rows(statement, [*entries])}

    def names_in_force(self, now: int) -> frozenset[LimitName]:
        """Return the names that any row limits at the moment."""
        with mariadb_errors(self._where):
            found = self._rows(sql.NAMES_IN_FORCE, (to_sql(now),))
        return rows.names(found, self._report)

    def publish(self, publication: Publication) -> None:
        """Write what has changed of the file's limits and the days."""
        limits, days = rows.published_limits(publication), rows.published_days(publication)
        with mariadb_errors(self._where):
            if sorted(self._rows(sql.PUBLISHED_LIMITS)) != limits:
                self._replace(sql.FORGET_LIMITS, sql.PUBLISH_LIMIT, limits)
            if sorted(self._rows(sql.PUBLISHED_DAYS)) != days:
                self._replace(sql.FORGET_DAYS, sql.PUBLISH_DAY, days)

    def _replace(self, forget: str, insert: str, new: Sequence[Row]) -> None:
        """Replace a table's rows in one transaction."""
        head, _, row = insert.rpartition(" VALUES ")
        self._run("START TRANSACTION")
        self._run(forget)
        for start in range(0, len(new), _CHUNK):
            chunk = new[start : start + _CHUNK]
            values = ",".join([row] * len(chunk))
            self._run(f"{head} VALUES {values}", [value for one in chunk for value in one])
        self._run("COMMIT")
