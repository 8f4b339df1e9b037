"""The ledger's store on MariaDB: two packets a batch, one connection, several hosts.

FAILURE: with the connection lost, the caller closes, connects again (the next host that
answers) and asks fence(). LIMITS: for one thread; the client library's errors end here.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from sendlimit.errors import StoreError, StoreUnavailable
from sendlimit.store import Loaded, Writing, rows
from sendlimit.store import statements as sql
from sendlimit.store.drivers import mariadb_errors
from sendlimit.store.servers import open_server
from sendlimit.store.sqltime import to_sql

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from sendlimit.rules.counting_settings import Publication
    from sendlimit.rules.limit import CounterKey, LimitName, Scope, Unit
    from sendlimit.rules.window import Window
    from sendlimit.store.location import MariaDBLocation
    from sendlimit.store.packets import PacketConnection
    from sendlimit.store.rows import Row

_CHUNK = 500
"""Rows a statement, so that none is too large for the server's max_allowed_packet."""


def _add(additions: Mapping[CounterKey, int]) -> str:
    """Return the statement that adds to counters and returns what they are then.

    Only the subjects are parameters: they alone come from outside, and each parameter costs.
    """
    return sql.MariaDB.ADD.format(
        rows=",".join(
            [
                f"{_row(key.scope, key.unit, key.window, key.period_start)}{amount:d})"
                for key, amount in additions.items()
            ]
        )
    )


@lru_cache(maxsize=4096)
def _row(scope: Scope, unit: Unit, window: Window, period_start: int) -> str:
    """Return the start of a row of er_counter, with a placeholder for the subject."""
    return f"('{scope}',%s,'{unit}','{window}','{to_sql(period_start)}',"


class MariaDBStore:
    """The store of one ledger on one or several MariaDB servers."""

    def __init__(self, location: MariaDBLocation, password: str = "") -> None:
        """Take where to connect to; connects later."""
        self._location = location
        self._password = password
        self._connection: PacketConnection | None = None
        self._where = str(location)
        self._is_node = True

    def connect(self) -> None:
        """Connect to the first host that answers with the right tables and takes writes."""
        self.close()
        server = open_server(self._location, self._password)
        self._connection, self._where = server.connection, server.where
        if server.problem is not None:
            self.close()
            raise server.problem
        with mariadb_errors(self._where):
            self._run(sql.KEEP_LATCH)
            self._is_node = any(row[1] == "ON" for row in self._rows(sql.MariaDB.IS_NODE))

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
        connection.send(connection.fill(statements, params))
        return [result.rows for result in connection.receive()]

    def _rows(self, statement: str, params: Iterable[object] = ()) -> Sequence[Row]:
        """Run one statement; return its rows."""
        return self._run(statement, params)[0]

    def begin(self, additions: Mapping[CounterKey, int], subjects: Collection[str]) -> Loaded:
        """Load the settings, begin, add: one packet.

        Nothing follows the statement that takes the first lock: a Galera node that rolls the
        transaction back between two statements of a packet says so to neither of them.
        """
        statements: list[str] = []
        params: list[object] = []
        if subjects:
            statements.append(sql.SETTINGS.format(subjects=rows.placeholders([*subjects])))
            params.extend(subjects)
        statements.extend(("START TRANSACTION", _add(additions)))
        params.extend(key.subject for key in additions)
        with mariadb_errors(self._where):
            *before, after = self._run(";".join(statements), params)
        settings = before[0] if subjects else ()
        return rows.loaded(additions, after, settings)

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
            statements.append(_add(more))
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
            params.extend((entry, 1))
        statements.extend((sql.MariaDB.BATCH, "COMMIT"))
        params.extend((writing.committer, writing.batch))
        with mariadb_errors(self._where):
            self._send(sql.MariaDB.AS_ONE.format(statements=";".join(statements)), params, on_sent)

    def _send(self, statement: str, params: Iterable[object], on_sent: Callable[[], None]) -> None:
        """Send one packet, call on_sent if this server decides alone, then wait for the answer."""
        connection = self._opened()
        connection.send(connection.fill(statement, params))
        if not self._is_node:
            on_sent()
        connection.receive()

    def rollback(self) -> None:
        """Roll back, or drop the connection when even that fails."""
        try:
            with mariadb_errors(self._where):
                self._run("ROLLBACK")
        except StoreError:
            self.close()

    def fence(self, committer: str) -> int:
        """Take the latch, write the own row, read the batch number, commit."""
        with mariadb_errors(self._where):
            self._run("START TRANSACTION")
            self._rows(sql.MariaDB.LATCH)
            self._run(sql.MariaDB.FENCE, (committer,))
            batch = self._rows(sql.OWN_BATCH, (committer,))[0][0]
            self._run("COMMIT")
        return int(batch)

    def booked_entries(self, entries: Collection[str]) -> set[str]:
        """Return which of these have a row in er_committer."""
        with mariadb_errors(self._where):
            statement = sql.BOOKED_ENTRIES.format(ids=rows.placeholders([*entries]))
            return {row[0] for row in self._rows(statement, [*entries])}

    def names_in_force(self, now: int) -> frozenset[LimitName]:
        """Return the names that any row limits at the moment."""
        with mariadb_errors(self._where):
            found = self._rows(sql.NAMES_IN_FORCE, (to_sql(now),))
        return frozenset(rows.limit_name(row) for row in found)

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
