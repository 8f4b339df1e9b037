"""The milter protocol as Postfix speaks it: as much as it takes to ask a daemon.

Source: libmilter's mfdef.h (commands, answers, protocol bits), version 6. A packet is its
length in 4 bytes, a command of one letter, and a body.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUT_S = 3.0
"""For each answer, besides the time that the daemon may take to decide."""

Address = str | tuple[str, int]

_VERSION, _ALL_ACTIONS, _ALL_STEPS = 6, 0x1FF, 0x1FFFFF
_LENGTH = struct.Struct("!I")
_LENGTH_MAX = 1 << 20  # Postfix takes no longer packets either
_NEGOTIATE, _MACROS, _MAIL, _ABORT, _QUIT = b"O", b"D", b"M", b"A", b"Q"
_PROGRESS = b"p"
_ANSWERS = {
    b"c": "continue",
    b"a": "accept",
    b"t": "refused",
    b"r": "refused",
    b"y": "refused",
    b"d": "refused",
}


class NoMilterError(OSError):
    """It answers, but not as a milter does."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the milter says to a command: "continue", "accept", or "refused" with its reply."""

    kind: str
    text: str = ""


class Conversation:
    """One connection to a milter, negotiated; lives as long as its socket."""

    def __init__(
        self, family: socket.AddressFamily, address: Address, timeout_s: float = TIMEOUT_S
    ) -> None:
        """Connect and negotiate as Postfix does.

        Raises:
            NoMilterError: what answers is no milter.
            OSError: nothing listens, or nothing answers in time.
        """
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.settimeout(timeout_s)
        try:
            self._socket.connect(address)
            self._negotiate()
        except BaseException:
            self.quit()
            raise

    def __enter__(self) -> Self:
        """Use the conversation in a `with`."""
        return self

    def __exit__(self, *_exc_info: object) -> None:
        """End the conversation."""
        self.quit()

    def mail(self, sender: str, macros: Mapping[str, str]) -> Answer:
        """Send MAIL FROM with its macros.

        Raises:
            OSError: the milter hung up, or does not answer in time.
        """
        named = b"".join(f"{name}\0{value}\0".encode() for name, value in macros.items())
        self._send(_MACROS, _MAIL + named)
        self._send(_MAIL, f"<{sender}>\0".encode())
        command, body = self._read_packet()
        while command == _PROGRESS:
            command, body = self._read_packet()
        if command not in _ANSWERS:
            raise NoMilterError(f"it answers MAIL with {command!r}")
        return Answer(_ANSWERS[command], body.rstrip(b"\0").decode(errors="backslashreplace"))

    def abort(self) -> None:
        """Give the mail up."""
        self._send(_ABORT)

    def quit(self) -> None:
        """End the conversation in good order, as far as the milter is still there."""
        try:
            self._send(_QUIT)
        except OSError:
            return
        finally:
            self._socket.close()

    def _negotiate(self) -> None:
        self._send(_NEGOTIATE, struct.pack("!III", _VERSION, _ALL_ACTIONS, _ALL_STEPS))
        if self._read_packet()[0] != _NEGOTIATE:
            raise NoMilterError(NoMilterError.__doc__)

    def _send(self, command: bytes, body: bytes = b"") -> None:
        self._socket.sendall(_LENGTH.pack(len(body) + 1) + command + body)

    def _read_packet(self) -> tuple[bytes, bytes]:
        (length,) = _LENGTH.unpack(self._read(_LENGTH.size))
        if not 0 < length <= _LENGTH_MAX:
            raise NoMilterError(NoMilterError.__doc__)
        packet = self._read(length)
        return packet[:1], packet[1:]

    def _read(self, length: int) -> bytes:
        octets = b""
        while len(octets) < length:
            some = self._socket.recv(length - len(octets))
            if not some:
                raise NoMilterError("it hung up")
            octets += some
        return octets
