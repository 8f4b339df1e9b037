"""HTTP servers that answer a client of the API in the ways in which a broken one does."""

from __future__ import annotations

import contextlib
import shutil
import socket
import threading
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_ENDLESS = b"Connection: close\r\n\r\n"
_DRIP_S = 0.1
_FLOOD = b"[" * 65536


def answer(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    """Return a whole answer."""
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(head).encode() + body


class BrokenApi:
    """A server on a unix socket.

    Attributes:
        path: of the socket.
        requests: how many have come.
        waited_s: how long the client of each has waited until it hung up, or had its answer.
    """

    def __init__(
        self, path: Path, manner: str | bytes, owner: str, *, after_s: float = 0.0
    ) -> None:
        """Listen.

        Args:
            path: of the socket.
            manner: "hang", "drip" or "flood"; bytes: what it answers, b"": it hangs up.
            owner: the user who may connect.
            after_s: how long each answer takes.
        """
        self.path = path
        self.requests = 0
        self.waited_s: list[float] = []
        self._manner = manner
        self._after_s = after_s
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        shutil.chown(path, owner)
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        """Start serving."""
        self._thread.start()
        return self

    def __exit__(self, *_exc_info: object) -> None:
        """Stop serving."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                with client:
                    self._answer(client)

    def _answer(self, client: socket.socket) -> None:
        begun = time.monotonic()
        client.settimeout(10)
        if not client.recv(65536):
            return  # somebody only looked whether it listens
        self.requests += 1
        time.sleep(self._after_s)
        with contextlib.suppress(OSError):
            for part in self._parts():
                client.sendall(part)
        if self._manner == "hang":
            client.recv(1)
        self.waited_s.append(time.monotonic() - begun)

    def _parts(self) -> Iterator[bytes]:
        if isinstance(self._manner, bytes):
            yield self._manner
        elif self._manner == "drip":
            yield _HEAD + _ENDLESS
            while True:
                yield b" "
                time.sleep(_DRIP_S)
        elif self._manner == "flood":
            yield _HEAD + _ENDLESS
            while True:
                yield _FLOOD
