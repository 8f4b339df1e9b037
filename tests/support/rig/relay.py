"""A port of the loopback that leads to a server, and stops leading there when a test says so."""

import contextlib
import socket
import threading
from typing import Self

_CHUNK = 65536
_PATIENCE_S = 60


class Relay:
    """Hands on all connections to a server; a context manager.

    After hold_at() the connection whose client sends certain bytes is held as soon as the server
    has answered them: neither the answer nor anything else passes, as when a network is cut. The
    server does not hear of a client that leaves a held connection. cut() ends a connection at one
    packet of its client.

    Attributes:
        port: where it listens.
        is_held: set when a connection is held.
        is_cut: set when a connection was cut.
    """

    def __init__(self, server_port: int) -> None:
        """Take the port of the server on 127.0.0.1."""
        self._server_port = server_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.is_held = threading.Event()
        self.is_cut = threading.Event()
        self._lock = threading.Lock()
        self._packets_left = 0
        self._arrives = True
        self._is_released = threading.Event()
        self._hold_at: bytes | None = None
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> Self:
        """Begin to listen."""
        self._threads[0].start()
        return self

    def __exit__(self, *_exc_info: object) -> None:
        """End all connections."""
        self._is_released.set()
        for end in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        for thread in self._threads:
            thread.join(_PATIENCE_S)

    def hold_at(self, sent: bytes) -> None:
        """Hold the next connection on which these bytes are sent, after the server's answer."""
        self._hold_at = sent

    def cut_at(self, packet: int, *, arrives: bool) -> None:
        """End the connection whose client sends the packet of this number, on whichever it is.

        Args:
            packet: 1 is the next one.
            arrives: the server gets it, and its answer is lost; else it is lost itself.
        """
        with self._lock:
            self.is_cut.clear()
            self._packets_left, self._arrives = packet, arrives

    def _is_cut_here(self) -> bool:
        with self._lock:
            if not self._packets_left:
                return False
            self._packets_left -= 1
            return not self._packets_left

    def wait_until_held(self) -> None:
        """Wait until a connection is held.

        Raises:
            TimeoutError: none was.
        """
        if not self.is_held.wait(_PATIENCE_S):
            msg = f"nobody sent {self._hold_at!r}"
            raise TimeoutError(msg)

    def release(self) -> None:
        """Hand on what was held, and all that follows."""
        self._is_released.set()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._server_port), _PATIENCE_S)
            server.settimeout(None)
            self._sockets += [client, server]
            ends = (client, server, threading.Event())
            for target in (self._to_server, self._to_client):
                thread = threading.Thread(target=target, args=ends)
                self._threads.append(thread)
                thread.start()

    def _to_server(
        self, client: socket.socket, server: socket.socket, is_due: threading.Event
    ) -> None:
        with contextlib.suppress(OSError):
            while octets := client.recv(_CHUNK):
                if self._is_cut_here():
                    client.shutdown(socket.SHUT_RDWR)  # first, so that no answer comes through
                    if self._arrives:
                        server.sendall(octets)
                    self.is_cut.set()
                    break
                if self._hold_at is not None and self._hold_at in octets:
                    self._hold_at = None
                    is_due.set()
                server.sendall(octets)
        if is_due.is_set():
            self._is_released.wait(_PATIENCE_S)
        _end(server)

    def _to_client(
        self, client: socket.socket, server: socket.socket, is_due: threading.Event
    ) -> None:
        with contextlib.suppress(OSError):
            while octets := server.recv(_CHUNK):
                if is_due.is_set():
                    self.is_held.set()
                    self._is_released.wait(_PATIENCE_S)
                client.sendall(octets)
        _end(client)


def _end(connection: socket.socket) -> None:
    """Say that nothing more comes."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
