"""A milter that gives the answers that it is told to."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NEGOTIATED = b"O" + struct.pack("!III", 6, 0, 0)


def _packet(body: bytes) -> bytes:
    """The octets of one packet."""
    return struct.pack("!I", len(body)) + body


class ScriptedMilter(threading.Thread):
    """Takes one connection, answers MAIL as told, keeps all packets.

    Attributes:
        packets: what it was sent, each with its command first.
    """

    def __init__(self, path: Path, answers: list[bytes | None]) -> None:
        """Listen; answers: bodies to answer MAIL with, None hangs up."""
        super().__init__()
        self.packets: list[bytes] = []
        self._answers = answers
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen()

    def run(self) -> None:
        """Serve until the client leaves."""
        with self._server, self._server.accept()[0] as client, client.makefile("rb") as stream:
            while head := stream.read(4):
                body = stream.read(*struct.unpack("!I", head))
                self.packets.append(body)
                if body[:1] == b"O":
                    client.sendall(_packet(_NEGOTIATED))
                for answer in self._answers if body[:1] == b"M" else ():
                    if answer is None:
                        return
                    client.sendall(_packet(answer))


@contextmanager
def scripted_milter(path: Path, *answers: bytes | None) -> Iterator[ScriptedMilter]:
    """Run a milter for one connection."""
    milter = ScriptedMilter(path, list(answers))
    milter.start()
    yield milter
    milter.join(10)
