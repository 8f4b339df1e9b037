"""A daemon of a release before the lease: it counts in transactions, and knows no er_lease and no er_daemon."""

import contextlib
from collections.abc import Iterator

import pymysql
from pymysql.cursors import Cursor

from support.rig.mariadb import Database, PrivateMariaDB

_LATCH = """
INSERT INTO er_counter (scope, subject, unit, `window`, period_start, used)
VALUES ('global', '*', 'messages', 'ever', '1970-01-01 00:00:00', 1)
    ON DUPLICATE KEY UPDATE used = used + 1"""
_USED = "SELECT used FROM er_counter WHERE subject = %s AND `window` = 'day' FOR UPDATE"
_ADD = "UPDATE er_counter SET used = used + 1 WHERE subject = %s AND `window` = 'day'"
_BATCH = """
INSERT INTO er_committer (id, batch) VALUES ('old', %s)
    ON DUPLICATE KEY UPDATE batch = VALUES(batch), last_at = UTC_TIMESTAMP()"""


class OldRelease:
    """The transactions of one daemon of 0.1.0, a mail in each.

    Args:
        cursor: of a connection without autocommit.
        limit: messages a day of each mailbox, whose counter is there already.
    """

    def __init__(self, cursor: Cursor, limit: int) -> None:
        self._cursor = cursor
        self._limit = limit
        self._batch = 0

    def send(self, mailbox: str) -> bool:
        """Count a mail if there is room; tell whether there was."""
        run = self._cursor.execute
        self._batch += 1
        run("START TRANSACTION")
        run(_LATCH)
        run(_USED, (mailbox,))
        (used,) = self._cursor.fetchone() or (0,)
        passes: bool = used < self._limit
        if passes:
            run(_ADD, (mailbox,))
        run(_BATCH, (self._batch,))
        run("COMMIT")
        return passes


@contextlib.contextmanager
def old_release(server: PrivateMariaDB, database: Database, limit: int) -> Iterator[OldRelease]:
    """Connect one."""
    connection = pymysql.connect(
        user="root", unix_socket=str(server.socket), database=database.name
    )
    with contextlib.closing(connection), connection.cursor() as cursor:
        yield OldRelease(cursor, limit)
