"""A server that speaks as much of MariaDB's protocol as a test needs, and says what it is told to.

Source: mariadb.com/kb/en/connection, com_query; protocol 4.1.
"""

from __future__ import annotations

import socket
import struct
import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

OK = b"\x00\x00\x00\x02\x00\x00\x00"
_CAPABILITIES = 0x0008_A201  # protocol 4.1, transactions, secure connection, plugin auth
_GREETING = (
    b"\x0a10.11.0-MariaDB\x00" + struct.pack("<I", 1) + b"12345678\x00"
    + struct.pack("<HBHHB", _CAPABILITIES & 0xFFFF, 45, 2, _CAPABILITIES >> 16, 21)
    + bytes(10) + b"123456789012\x00mysql_native_password\x00"
)  # fmt: skip

_PATIENCE_S = 10


def failure(number: int, text: str) -> bytes:
    """Return an error packet."""
    return b"\xff" + struct.pack("<H", number) + b"#HY000" + text.encode()


class SpeakingServer:
    """Takes one connection after the other on a port of the loopback; a context manager.

    Attributes:
        port: where it listens.
        heard: what clients sent: the login, then each command with its first byte.
    """

    def __init__(
        self,
        answer: Callable[[bytes], bytes] = lambda _: OK,
        *,
        greeting: bytes = _GREETING,
        after_login: bytes = OK,
    ) -> None:
        """Take what is said: at once, after the login, and to each packet that follows it."""
        self._answer = answer
        self._greeting = greeting
        self._after_login = after_login
        self.heard: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        """Start."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End, whatever a client is doing."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with client:
                client.settimeout(_PATIENCE_S)
                try:
                    self._converse(client)
                except OSError:
                    continue

    def _converse(self, client: socket.socket) -> None:
        """Greet, let log in, answer until the client leaves."""
        _send(client, 0, self._greeting)
        if packet := _receive(client):
            self.heard.append(packet[1])
            _send(client, packet[0] + 1, self._after_login)
        while packet := _receive(client):
            self.heard.append(packet[1])
            _send(client, packet[0] + 1, self._answer(packet[1]))


def _send(client: socket.socket, number: int, content: bytes) -> None:
    client.sendall(struct.pack("<I", len(content))[:3] + bytes([number]) + content)


def _receive(client: socket.socket) -> tuple[int, bytes] | None:
    """Return the number and the content of a packet; None: the client has left."""
    head = client.recv(4, socket.MSG_WAITALL)
    if len(head) < 4:
        return None
    length = int.from_bytes(head[:3], "little")
    return head[3], client.recv(length, socket.MSG_WAITALL)
