"""The tables of a store as an admin sees them: made from sql/, read by plain SQL."""

import contextlib
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymysql
from pymysql.constants import CLIENT

from support.rig.mariadb import Database, PrivateMariaDB
from support.rig.process import wait_for

_TABLES = Path(__file__).parents[3] / "sql" / "mariadb"
_SETTLES_S = 60


@dataclass(frozen=True)
class Counters:
    """What a store has counted.

    Attributes:
        settings: the `[store]` table of a configuration that uses it.
        query: runs a statement that both databases understand, with %s for the parameters that
            follow, and returns its rows.
    """

    settings: Mapping[str, str]
    query: Callable[..., list[tuple[Any, ...]]]

    def used(self, subject: str = "*", *, unit: str = "messages", window: str = "day") -> int:
        """Return what a mailbox, a domain or "*" has used, all periods together."""
        found = self.query("SELECT subject, unit, `window`, used FROM er_counter WHERE used <> 0")
        return sum(row[3] for row in found if row[:3] == (subject, unit, window))

    def wait_until_used(self, subject: str, number: int, **what: str) -> None:
        """Wait until exactly so much is used: endings of mails reach the store a moment later.

        Raises:
            TimeoutError: it is another number; the message has all counters.
        """
        wait_for(
            lambda: self.used(subject, **what) == number,
            _SETTLES_S,
            f"{subject} has used {number}",
            lambda: "\n".join(
                str(row) for row in self.query("SELECT * FROM er_counter") if subject in row
            ),
        )


def in_mariadb(server: PrivateMariaDB, database: Database) -> Counters:
    """Make sendlimit's tables in an empty database."""
    connection = pymysql.connect(
        user="root",
        unix_socket=str(server.socket),
        database=database.name,
        autocommit=True,
        client_flag=CLIENT.MULTI_STATEMENTS,
    )
    with contextlib.closing(connection), connection.cursor() as cursor:
        for file in sorted(_TABLES.glob("*.sql")):
            cursor.execute(file.read_text())
            while cursor.nextset():
                pass

    def query(sql: str, *params: object) -> list[tuple[Any, ...]]:
        return server.query(sql, params, database=database.name)

    return Counters(database.store_settings, query)


def in_sqlite(file: Path) -> Counters:
    """Name the file in which the daemon makes its tables by itself."""

    def query(sql: str, *params: object) -> list[tuple[Any, ...]]:
        with contextlib.closing(sqlite3.connect(file, timeout=10)) as connection, connection:
            return connection.execute(sql.replace("%s", "?"), params).fetchall()

    return Counters({"url": f"sqlite:///{file}"}, query)
