"""The ledger's store on SQLite: the embedded default, for one daemon.

It makes and upgrades its own tables. FAILURE: a file that is locked by another process, or
is gone, is a store that is down. LIMITS: for one thread.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from sendlimit.errors import DatabaseInUse, LeaseLost, StoreConflict, StoreError, StoreUnavailable
from sendlimit.rules.limit import LATCH
from sendlimit.store import Census, ChangeRow, Fenced, Flush, Flushed, Loaded, Writing, rows
from sendlimit.store import statements as sql
from sendlimit.store.connection import SQLiteConnection
from sendlimit.store.migrations import upgrade
from sendlimit.store.sqlite_lock import lock_for_daemon
from sendlimit.store.sqltime import to_sql
from sendlimit.store.unreadable import as_text, ignored

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from sendlimit.rules.counting_settings import Publication
    from sendlimit.rules.episode import Episode
    from sendlimit.rules.limit import CounterKey, LimitName, Setting
    from sendlimit.store.location import SQLiteLocation
    from sendlimit.store.rows import Row
    from sendlimit.store.unreadable import Report


class SQLiteStore:
    """The store of one ledger in one file."""

    def __init__(self, location: SQLiteLocation, report: Report = ignored) -> None:
        self._location = location
        self._report = report
        self._is_claimed = False
        self._lock: int | None = None
        self._connection: SQLiteConnection | None = None
        self._file: tuple[int, int] | None = None

    def claim(self) -> None:
        """Have the file for this process alone from now on; a folder that is missing may come later.

        Raises:
            DatabaseInUse: another daemon has it.
        """
        self._is_claimed = True
        with suppress(StoreUnavailable):
            self._take_lock()

    def release(self) -> None:
        """Let others have the file."""
        if self._lock is not None:
            os.close(self._lock)
        self._lock = None

    def _take_lock(self) -> None:
        if self._is_claimed and self._lock is None:
            self._lock = lock_for_daemon(self._location)

    def connect(self) -> None:
        """Open the file, make or upgrade its tables."""
        self.close()
        try:
            self._take_lock()
        except DatabaseInUse as error:
            raise StoreUnavailable(str(error)) from error
        connection = SQLiteConnection(self._location)
        try:
            rows.check_version(upgrade(connection, self._location), self._location)
            connection.execute(sql.KEEP_LATCH)
            connection.execute(sql.SQLite.KEEP_LEASE)
            self._file = _identity(self._location.path)
        except StoreConflict as error:
            connection.close()
            raise StoreUnavailable(str(error)) from error
        except StoreError:
            connection.close()
            raise
        self._connection = connection

    def close(self) -> None:
        """Close the file; an open transaction is rolled back."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _open(self) -> SQLiteConnection:
        """Return the connection, if the file at the path is still the one that was opened.

        SQLite goes on writing to a file that was removed, where no other process sees it.
        """
        if self._connection is None:
            raise StoreUnavailable
        if _identity(self._location.path) != self._file:
            raise StoreUnavailable(f"{self._location}: the file was removed or replaced")
        return self._connection

    def begin(
        self,
        additions: Mapping[CounterKey, int],
        subjects: Collection[str],
        steps: Collection[CounterKey] = (),
    ) -> Loaded:
        """Begin (which locks the database), add, load."""
        connection = self._open()
        connection.begin()
        after = [
            connection.execute(sql.SQLite.ADD, row)[0] for row in rows.addition_params(additions)
        ]
        settings: list[Row] = []
        if subjects:
            statement = sql.SETTINGS.format(subjects=rows.placeholders([*subjects]))
            settings = connection.execute(statement, [*subjects])
        lease = connection.execute(sql.LEASE)
        loaded = rows.loaded(additions, after, settings, lease, self._report)
        return loaded.with_steps(self._steps(connection, steps)) if steps else loaded

    def write(self, writing: Writing, on_sent: Callable[[], None] = lambda: None) -> None:  # noqa: ARG002
        """Write and commit; never calls on_sent: the commit is this process's own work."""
        connection = self._open()
        more, back = rows.split(writing.corrections)
        for row in rows.addition_params(more):
            connection.execute(sql.SQLite.ADD, row)
        self._give_back(connection, back, writing.episodes)
        for entry in writing.unbooked:
            connection.execute(sql.SQLite.BATCH, (entry, 1, 0))
        for replayed in writing.replayed.items():
            connection.execute(sql.SQLite.REPLAYED, replayed)
        for daemon in writing.gone:
            connection.execute(sql.FORGET_DAEMONS.format(ids="%s"), (daemon,))
        if writing.holder:
            connection.execute(sql.SET_LEASE, (writing.holder, writing.seen_change))
        elif writing.holder is not None:
            connection.execute(sql.FREE_LEASE)
        connection.execute(sql.SQLite.BATCH, (writing.committer, writing.batch, writing.journal))
        connection.commit()

    def rollback(self) -> None:
        """Roll back, or close the file when even that fails."""
        try:
            self._open().rollback()
        except StoreError:
            self.close()

    @staticmethod
    def _give_back(
        connection: SQLiteConnection, back: Mapping[CounterKey, int], episodes: Iterable[Episode]
    ) -> None:
        for key, amount in back.items():
            connection.execute(sql.SQLite.GIVE_BACK, (amount, *rows.key_params(key)))
        for episode in episodes:
            connection.execute(sql.SQLite.EPISODES, rows.episode_params(episode))

    def fence(self, committer: str) -> Fenced:
        """Read the own row; this connection is the only one that could write it."""
        connection = self._open()
        connection.begin()
        connection.execute(sql.SQLite.KEEP_LEASE)
        connection.execute(sql.SQLite.FENCE, (committer,))
        row = connection.execute(sql.OWN_BATCH, (committer,))[0]
        connection.commit()
        return Fenced(*row)

    @property
    def may_lease(self) -> bool:
        """True: the file is locked for one daemon."""
        return True

    def flush(self, flush: Flush) -> Flushed:
        """One transaction; whoever has edited the lease's row meanwhile has the same effect as on MariaDB."""
        connection = self._open()
        connection.begin()
        try:
            flushed = self._flush(connection, flush)
        except LeaseLost:
            connection.rollback()
            raise
        connection.commit()
        return flushed

    def _flush(self, connection: SQLiteConnection, flush: Flush) -> Flushed:
        connection.execute(
            sql.MOVE_LEASE,
            (
                "" if flush.let_go else flush.committer,
                flush.applied_change,
                flush.committer,
                flush.beat,
            ),
        )
        if not connection.affected():
            raise LeaseLost
        connection.execute(
            sql.SQLite.FLUSHED, (flush.batch, flush.journal, flush.committer, flush.fences)
        )
        if not connection.affected():
            raise LeaseLost
        more, back = rows.split(flush.additions)
        usage = {
            key: connection.execute(sql.SQLite.ADD, row)[0][0]
            for key, row in zip(more, rows.addition_params(more), strict=True)
        }
        self._give_back(connection, back, flush.episodes)
        connection.execute(sql.SQLite.BEAT, (flush.committer, flush.host))
        read = [*back, *flush.read]
        usage.pop(LATCH, None)
        settings: list[Row] = []
        if flush.subjects:
            statement = sql.SETTINGS.format(subjects=rows.placeholders([*flush.subjects]))
            settings = connection.execute(statement, [*flush.subjects])
        return Flushed(
            usage
            | self.usage([key for key in read if key != LATCH])
            | self._steps(connection, flush.steps),
            rows.settings(settings, self._report),
            [ChangeRow(*row) for row in connection.execute(sql.CHANGES, (flush.seen_change,))],
            self._beats(connection),
        )

    def _steps(
        self, connection: SQLiteConnection, running: Iterable[CounterKey]
    ) -> dict[CounterKey, int]:
        """Return the steps of rolling windows; each window by itself, as SQLite takes few parameters."""
        usage: dict[CounterKey, int] = {}
        for key in running:
            found = connection.execute(rows.steps_query([key]), rows.steps_params([key]))
            usage |= rows.steps_of([key], found, self._report)
        return usage

    @staticmethod
    def _beats(connection: SQLiteConnection) -> dict[str, int]:
        return {as_text(row[0]): row[1] for row in connection.execute(sql.SQLite.BEATS)}

    def census(self) -> Census:
        """Read er_daemon and the last change."""
        connection = self._open()
        return Census(self._beats(connection), connection.execute(sql.LAST_CHANGE)[0][0])

    def beat(self, daemon: str, host: str) -> dict[str, int]:
        """Move the own row, read all."""
        connection = self._open()
        connection.execute(sql.SQLite.BEAT, (daemon, host))
        return self._beats(connection)

    def leave(self, daemon: str) -> None:
        """Remove the own row of er_daemon, behind which er_committer's would be of an old release."""
        self._open().execute(sql.SQLite.HAS_LEFT, (daemon,))
        self._open().execute(sql.FORGET_DAEMONS.format(ids="%s"), (daemon,))

    def booked_record(self, committer: str) -> int | None:
        """Return the number in the row of er_committer."""
        found = self._open().execute(sql.BOOKED_RECORD, (committer,))
        return found[0][0] if found else None

    def limits(self) -> list[Setting]:
        """Return all rows of er_limit."""
        return rows.settings(self._open().execute(sql.LIMITS), self._report)

    def limits_mark(self) -> object:
        """Return the rows themselves: reading them takes no packet."""
        return self._open().execute(sql.LIMITS)

    def usage(self, keys: Collection[CounterKey]) -> dict[CounterKey, int]:
        """Return counters as they are; each by itself, as SQLite takes few parameters."""
        connection = self._open()
        found = [
            row
            for key in keys
            for row in connection.execute(rows.usage_query([key]), rows.keys_params([key]))
        ]
        return rows.usage_of(keys, found, self._report)

    def counters(
        self, name: LimitName, period_start: int, after: str | None, count: int
    ) -> list[tuple[str, int]]:
        """Read a chunk of a period."""
        params = rows.chunk_params(name, period_start, after, count)
        found = self._open().execute(sql.SQLite.COUNTERS, params)
        return rows.amounts(found, self._report)

    def booked_entries(self, entries: Collection[str]) -> set[str]:
        """Return which of these have a row in er_committer."""
        statement = sql.BOOKED_ENTRIES.format(ids=rows.placeholders([*entries]))
        return {row[0] for row in self._open().execute(statement, [*entries])}

    def names_in_force(self, now: int) -> frozenset[LimitName]:
        """Return the names that any row limits at the moment."""
        found = self._open().execute(sql.NAMES_IN_FORCE, (to_sql(now),))
        return rows.names(found, self._report)

    def publish(self, publication: Publication) -> None:
        """Write what has changed of the file's limits and the days."""
        connection = self._open()
        limits, days = rows.published_limits(publication), rows.published_days(publication)
        if sorted(connection.execute(sql.PUBLISHED_LIMITS)) != limits:
            self._replace(connection, sql.FORGET_LIMITS, sql.PUBLISH_LIMIT, limits)
        if sorted(connection.execute(sql.PUBLISHED_DAYS)) != days:
            self._replace(connection, sql.FORGET_DAYS, sql.PUBLISH_DAY, days)

    @staticmethod
    def _replace(
        connection: SQLiteConnection, forget: str, insert: str, new: Iterable[Row]
    ) -> None:
        """Replace a table's rows in one transaction."""
        connection.begin()
        connection.execute(forget)
        for row in new:
            connection.execute(insert, row)
        connection.commit()


def _identity(path: str) -> tuple[int, int] | None:
    """Return what tells one file from another at the same path; None: there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - on the way of every batch
    except OSError:
        return None
    return found.st_dev, found.st_ino
