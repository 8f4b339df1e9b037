"""PyMySQL's connection with sending and receiving apart; the only file that knows its inside.

The daemon answers mail between the two (docs/design.md). PyMySQL has no public way for that, so
a few of its methods with an underscore are used; tests/contract would show if they changed.
LIMITS: one thread; errors are PyMySQL's own (see drivers).
"""

from __future__ import annotations

import socket
import struct
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from pymysql.connections import Connection
from pymysql.constants import COMMAND, CR
from pymysql.err import OperationalError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pymysql.connections import MySQLResult

    from sendlimit.store.rows import Row

# What PyMySQL raises when the bytes that it reads are not what the protocol says.
_MALFORMED = (AssertionError, IndexError, KeyError, TypeError, ValueError, struct.error)


class Result(NamedTuple):
    """What one statement returned.

    Attributes:
        rows: () when it returns none.
        affected: how many rows it found to change, or returned.
    """

    rows: Sequence[Row]
    affected: int


class PacketConnection(Connection):
    """One connection: a packet of statements goes out, the rows of each of them come in."""

    if TYPE_CHECKING:
        _result: MySQLResult | None

        def _execute_command(self, command: int, sql: str) -> None: ...
        def _read_query_result(self) -> int: ...
        def _force_close(self) -> None: ...

    def connect(self, sock: socket.socket | None = None) -> None:
        """Connect and log in.

        Raises:
            OperationalError: also when what answers is no MariaDB, and when the account's way to
                log in needs a library that is not installed.
        """
        if sock is None and isinstance(self.unix_socket, str):
            sock = self._unix_socket(self.unix_socket)
        with self._told(CR.CR_SERVER_HANDSHAKE_ERR):
            super().connect(sock)

    def _unix_socket(self, path: str) -> socket.socket:
        """Connect to a unix socket; PyMySQL would leave it open where that fails."""
        self._secure = True
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(self.connect_timeout)
            sock.connect(path)
        except OSError as error:
            sock.close()
            raise OperationalError(CR.CR_CONN_HOST_ERROR, str(error)) from error
        return sock

    def wait_for_answers(self, seconds: float) -> None:
        """Set how long each answer is waited for from now on, and each packet may take to leave."""
        self._read_timeout = self._write_timeout = seconds

    def fill(self, statement: str, params: Iterable[object]) -> str:
        """Put parameters into a statement as literals; "%%" becomes "%"."""
        return statement % tuple([self.escape(param) for param in params])

    def send(self, statements: str) -> None:
        """Send a packet of statements; receive() is due before anything else."""
        self._execute_command(COMMAND.COM_QUERY, statements)

    def receive(self) -> list[Result]:
        """Wait for the answer to a packet; return what each of its statements returned.

        Raises:
            pymysql.Error: of the first statement that failed; those after it were not executed.
        """
        results: list[Result] = []
        with self._told(CR.CR_MALFORMED_PACKET):
            while True:
                self._read_query_result()
                result: Any = self._result
                results.append(Result(result.rows or (), result.affected_rows))
                if not result.has_next:
                    return results

    @contextmanager
    def _told(self, number: int) -> Iterator[None]:
        """Close and raise what PyMySQL's callers expect where it raises something else."""
        try:
            yield
        except RuntimeError as error:
            self._force_close()
            # Else the server asked for a file of ours, which PyMySQL refuses.
            needs_library = "auth method" in str(error)
            remedy = "; use TLS or a unix socket, or another plugin" if needs_library else ""
            raise OperationalError(number, f"{error}{remedy}") from error
        except _MALFORMED as error:
            self._force_close()
            raise OperationalError(number, "the answer is not MariaDB's") from error
