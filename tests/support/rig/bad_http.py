"""Servers on a unix socket that answer HTTP badly, or not at all."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

Behaviour = Callable[[socket.socket], None]
"""What is done with a connection after its request was read; a closed one raises OSError."""

_PAUSE_S = 0.05


def says(body: bytes, status: str = "200 OK", headers: str = "") -> Behaviour:
    """Answer every request with the same."""
    head = f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
    return lambda client: client.sendall(head.encode() + body)


def says_late(body: bytes, after_s: float) -> Behaviour:
    """Answer every request after a time."""

    def answer(client: socket.socket) -> None:
        threading.Event().wait(after_s)
        says(body)(client)

    return answer


def hangs(client: socket.socket) -> None:
    """Never answer; end when the client does."""
    client.recv(1)


def drips(client: socket.socket) -> None:
    """Send a byte now and then, for ever."""
    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        client.sendall(b" ")
        threading.Event().wait(_PAUSE_S)


def floods(client: socket.socket) -> None:
    """Send for ever, as fast as it goes."""
    client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        client.sendall(b" " * 65536)


def hangs_up(client: socket.socket) -> None:
    """Close at once."""
    client.close()


class BadServer:
    """A server with one behaviour; it counts the requests."""

    def __init__(self, path: Path, behaviour: Behaviour) -> None:
        """Listen; `serving` takes the connections."""
        self.requests = 0
        self._behaviour = behaviour
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._listener.settimeout(0.1)
        self._is_ending = False

    def run(self) -> None:
        """Take connections until the end."""
        while not self._is_ending:
            with contextlib.suppress(TimeoutError):
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=[client], daemon=True).start()
        self._listener.close()

    def end(self) -> None:
        """Take no connection any more."""
        self._is_ending = True

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            client.settimeout(20)
            if client.recv(65536):
                self.requests += 1
                self._behaviour(client)


@contextlib.contextmanager
def serving(path: Path, behaviour: Behaviour) -> Iterator[BadServer]:
    """Run a bad server while the block runs."""
    server = BadServer(path, behaviour)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server
    finally:
        server.end()
        thread.join()
        path.unlink()
