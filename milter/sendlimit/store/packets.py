"""PyMySQL's connection with sending and receiving apart; the only file that knows its inside.

The daemon answers mail between the two (docs/design.md). PyMySQL has no public way for that, so
a few of its names with an underscore are used; tests/unit would show if they changed. Answers
are read here, too: what a batch returns is a few columns of the same kind each time, which
PyMySQL would describe anew for each answer.
LIMITS: one thread; errors are PyMySQL's own (see drivers).
Source: mariadb.com/kb/en/clientserver-protocol.
"""

from __future__ import annotations

import re
import socket
import ssl
import struct
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from pymysql.connections import Connection
from pymysql.constants import CLIENT, COMMAND, CR, FIELD_TYPE, SERVER_STATUS
from pymysql.err import OperationalError, raise_mysql_exception
from pymysql.protocol import FieldDescriptorPacket

from sendlimit.store.packet_reader import PacketReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sendlimit.store.rows import Row

# What is raised when the bytes that are read are not what the protocol says.
_MALFORMED = (AssertionError, IndexError, KeyError, TypeError, ValueError, struct.error)

_OK, _END, _ERROR, _FILE = 0x00, 0xFE, 0xFF, 0xFB
_END_MAX = 8
_WHOLE_PACKET = 2**24 - 1
"""A packet of this length goes on in the next one."""
_NULL = 0xFB
_LENGTHS = {0xFC: 2, 0xFD: 3, 0xFE: 8}
"""First byte of a longer length, and how many bytes follow."""
_BINARY = 63  # the "character set" of columns that are no text
_ESCAPED = re.compile(r"""[\x00\n\r\x1a"'\\]""").search

_CONVERTERS: dict[int, Callable[[bytes], object]] = dict.fromkeys(
    (
        FIELD_TYPE.TINY,
        FIELD_TYPE.SHORT,
        FIELD_TYPE.INT24,
        FIELD_TYPE.LONG,
        FIELD_TYPE.LONGLONG,
        FIELD_TYPE.YEAR,
        FIELD_TYPE.NEWDECIMAL,
    ),
    int,
) | dict.fromkeys((FIELD_TYPE.FLOAT, FIELD_TYPE.DOUBLE), float)
"""Sums are whole numbers; moments stay text (store.sqltime reads them)."""
_BYTES = frozenset(
    {
        FIELD_TYPE.BIT,
        FIELD_TYPE.BLOB,
        FIELD_TYPE.TINY_BLOB,
        FIELD_TYPE.MEDIUM_BLOB,
        FIELD_TYPE.LONG_BLOB,
        FIELD_TYPE.STRING,
        FIELD_TYPE.VAR_STRING,
    }
)


class Column(NamedTuple):
    """A column of an answer: its name, and what makes a value of its bytes."""

    name: str
    convert: Callable[[bytes], object]


class Result(NamedTuple):
    """What one statement returned.

    Attributes:
        rows: [] when it returns none.
        affected: how many rows it found to change, or returned.
        columns: names of the columns of the rows.
    """

    rows: list[Row]
    affected: int
    columns: tuple[str, ...] = ()


class PacketConnection(Connection):
    """One connection: a packet of statements goes out, the rows of each of them come in."""

    if TYPE_CHECKING:
        _sock: socket.socket
        _read_timeout: float | None
        _write_timeout: float | None
        _rfile: PacketReader
        _next_seq_id: int
        server_capabilities: int

        def _execute_command(self, command: int, sql: str) -> None: ...
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

    def _get_server_information(self) -> None:
        """Read the greeting; older releases of PyMySQL go on unencrypted where it offers no TLS."""
        super()._get_server_information()  # type: ignore[misc]
        if self.ssl and not self.server_capabilities & CLIENT.SSL:
            raise OperationalError(CR.CR_SSL_CONNECTION_ERROR, "the server offers no TLS")

    def wait_for_answers(self, seconds: int) -> None:
        """Set how long each answer is waited for from now on, and each packet may take to leave.

        Called once, after the login.

        The kernel keeps the time: Python would ask it twice for each answer, and each question
        lets other threads run, after which the interpreter has to be waited for again.
        """
        self._rfile.close()
        self._rfile = PacketReader(self._sock.recv)
        if isinstance(self._sock, ssl.SSLSocket):
            # It would ask the kernel for ever.
            self._read_timeout = self._write_timeout = seconds
            return
        self._read_timeout = self._write_timeout = self._current_timeout = None
        self._sock.settimeout(None)
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            self._sock.setsockopt(socket.SOL_SOCKET, option, struct.pack("@ll", seconds, 0))

    def fill(self, statement: str, params: Iterable[object]) -> str:
        """Put parameters into a statement as literals; "%%" becomes "%"."""
        literal = self._literal
        return statement % tuple([literal(param) for param in params])

    def _literal(self, value: object) -> str:
        if isinstance(value, str) and not _ESCAPED(value):
            return f"'{value}'"
        return self.escape(value)

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
                first = self._packet()
                if first[0] == _FILE:
                    raise RuntimeError("the server asks for a file of this host")
                result, status = (
                    _executed(first) if first[0] == _OK else self._selected(_length(first, 0)[0])
                )
                results.append(result)
                if not status & SERVER_STATUS.SERVER_MORE_RESULTS_EXISTS:
                    return results

    def _selected(self, count: int) -> tuple[Result, int]:
        """Read the columns and rows of an answer; return the server's status, too."""
        columns = [_column(self._packet()) for _ in range(count)]
        self._packet()  # the end of the columns
        converters = [column.convert for column in columns]
        are_numbers = converters == [int]
        rows: list[Row] = []
        while True:
            if are_numbers:
                self._next_seq_id = self._rfile.numbers(self._next_seq_id, rows)
            packet = self._packet()
            if _is_end(packet):
                break
            rows.append(_row(packet, converters))
        names = tuple(column.name for column in columns)
        return Result(rows, len(rows), names), int.from_bytes(packet[3:5], "little")

    def _packet(self) -> bytes:
        """Read one packet."""
        try:
            number, content = self._rfile.packet()
        except (OSError, EOFError) as error:
            self._force_close()
            reason = str(error) or "the server ended it"
            raise OperationalError(CR.CR_SERVER_LOST, reason) from error
        if number != self._next_seq_id:
            # What a server says unasked before it ends the connection has number 0.
            self._force_close()
            raise OperationalError(CR.CR_SERVER_LOST, "the server ended it")
        self._next_seq_id = (number + 1) % 256
        if len(content) == _WHOLE_PACKET:
            content += self._packet()
        if content[0] == _ERROR:
            raise_mysql_exception(content)
        return content

    @contextmanager
    def _told(self, number: int) -> Iterator[None]:
        """Close and raise what PyMySQL's callers expect where it raises something else."""
        try:
            yield
        except RuntimeError as error:
            self._force_close()
            needs_library = "auth method" in str(error)
            remedy = "; use TLS or a unix socket, or another plugin" if needs_library else ""
            raise OperationalError(number, f"{error}{remedy}") from error
        except _MALFORMED as error:
            self._force_close()
            raise OperationalError(number, "the answer is not MariaDB's") from error


def _executed(packet: bytes) -> tuple[Result, int]:
    """Read the answer of a statement without rows; return the server's status, too."""
    affected, at = _length(packet, 1)
    _, at = _length(packet, at)  # the id of the last row
    return Result([], affected), int.from_bytes(packet[at : at + 2], "little")


def _is_end(packet: bytes) -> bool:
    return packet[0] == _END and len(packet) <= _END_MAX


def _row(packet: bytes, converters: Sequence[Callable[[bytes], object]]) -> Row:
    values: list[Any] = []
    at = 0
    for convert in converters:
        length = packet[at]
        at += 1
        if length == _NULL:
            values.append(None)
            continue
        if length > _NULL:
            length, at = _length(packet, at - 1)
        values.append(convert(packet[at : at + length]))
        at += length
    return tuple(values)


def _length(packet: bytes, at: int) -> tuple[int, int]:
    """Read a number of variable size; return it and where it ends."""
    first = packet[at]
    size = _LENGTHS.get(first)
    if size is None:
        return first, at + 1
    return int.from_bytes(packet[at + 1 : at + 1 + size], "little"), at + 1 + size


@lru_cache(maxsize=1024)
def _column(definition: bytes) -> Column:
    """Read the definition of a column, which is the same bytes for the same statement."""
    field: Any = FieldDescriptorPacket(definition, "utf-8")
    if field.charsetnr == _BINARY and field.type_code in _BYTES:
        return Column(field.name, bytes)
    return Column(field.name, _CONVERTERS.get(field.type_code, bytes.decode))
