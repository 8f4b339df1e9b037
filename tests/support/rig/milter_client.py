"""Plays Postfix towards a milter, packet by packet, also as Postfix never would.

Source: libmilter's mfdef.h (commands, answers, protocol bits) and a sniffer between Postfix 3.7
and a milter (which macros come with which command).
"""

import socket
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_POSTFIX_ACTIONS = 0x1FF
_POSTFIX_PROTOCOL = 0x1FFFFF
_VERSION = 6
_NO_RCPT, _NR_RCPT = 0x8, 0x8000
_ANSWERS = {b"c": "continue", b"a": "accept", b"t": "tempfail", b"r": "reject", b"y": "reply"}


@dataclass(frozen=True)
class Answer:
    """What the milter answered: `continue`, `accept`, `tempfail`, `reject` or `reply` with text."""

    kind: str
    text: str = ""


class MilterClient:
    """One connection to a milter; negotiates at once unless told not to."""

    def __init__(
        self, address: Path | int, *, negotiate: bool = True, timeout_s: float = 30
    ) -> None:
        """Connect to a unix socket's path or a port of 127.0.0.1.

        Raises:
            OSError: nothing listens.
        """
        if isinstance(address, int):
            self._socket = socket.create_connection(("127.0.0.1", address), timeout_s)
        else:
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.settimeout(timeout_s)
            try:
                self._socket.connect(str(address))
            except OSError:
                self._socket.close()
                raise
        self.protocol = 0
        if negotiate:
            try:
                self.negotiate()
            except OSError:
                self.close()
                raise

    def __enter__(self) -> Self:
        """Use the connection in a `with`."""
        return self

    def __exit__(self, *_exc_info: object) -> None:
        """Close the connection without a word."""
        self.close()

    def close(self) -> None:
        """Close the connection without a word, as a killed smtpd does."""
        self._socket.close()

    def send_raw(self, octets: bytes) -> None:
        """Write bytes as they are."""
        self._socket.sendall(octets)

    def read_packet(self) -> tuple[bytes, bytes]:
        """Read one packet: its command and its body.

        Raises:
            ConnectionError: the milter hung up.
        """
        (length,) = struct.unpack("!I", self._read(4))
        packet = self._read(length)
        return packet[:1], packet[1:]

    def negotiate(self) -> None:
        """Offer what Postfix offers and learn what the milter wants."""
        self.send_raw(
            packet(b"O", struct.pack("!III", _VERSION, _POSTFIX_ACTIONS, _POSTFIX_PROTOCOL))
        )
        _, body = self.read_packet()
        self.protocol = struct.unpack("!III", body[:12])[2]

    def mail(self, login: str | bytes | None, sender: str | bytes = "<a@example.net>") -> Answer:
        """Send MAIL with its macros; without a login the session is not authenticated."""
        macros = macro_packet(b"C", j="mail.example.org", _="client [192.0.2.1]")
        auth = {} if login is None else {"{auth_type}": "PLAIN", "{auth_authen}": login}
        macros += macro_packet(b"M", **auth, **{"{mail_addr}": "a@example.net"})
        self.send_raw(macros + packet(b"M", _octets(sender) + b"\0"))
        return self.answer()

    def rcpt(self, recipient: str | bytes = "<b@example.com>") -> Answer:
        """Send RCPT; where the milter gives no answer, Postfix goes on."""
        if self.protocol & _NO_RCPT:
            return Answer("continue")
        self.send_raw(macro_packet(b"R", i="QUEUEID") + packet(b"R", _octets(recipient) + b"\0"))
        return Answer("continue") if self.protocol & _NR_RCPT else self.answer()

    def end(self) -> Answer:
        """Send end-of-message."""
        self.send_raw(macro_packet(b"E", i="QUEUEID") + packet(b"E"))
        return self.answer()

    def abort(self) -> None:
        """Give the mail up; twice, as Postfix does."""
        self.send_raw(packet(b"A") * 2)

    def quit(self) -> None:
        """End the session as Postfix does."""
        self.send_raw(packet(b"A") + packet(b"Q"))
        self.close()

    def answer(self) -> Answer:
        """Read the answer to a command."""
        command, body = self.read_packet()
        return Answer(_ANSWERS[command], body.rstrip(b"\0").decode())

    def send_mail(self, login: str | bytes | None, recipients: int = 1) -> Answer:
        """Do a whole mail up to the first command that is refused."""
        answer = self.mail(login)
        for _ in range(recipients if answer.kind == "continue" else 0):
            self.rcpt()
        return self.end() if answer.kind == "continue" else answer

    def _read(self, length: int) -> bytes:
        octets = b""
        while len(octets) < length:
            some = self._socket.recv(length - len(octets))
            if not some:
                raise ConnectionError("the milter hung up")
            octets += some
        return octets


def packet(command: bytes, body: bytes = b"") -> bytes:
    """Return the octets of one packet."""
    return struct.pack("!I", len(body) + 1) + command + body


def macro_packet(command: bytes, **macros: str | bytes) -> bytes:
    """Return the octets of the macros that go with a command."""
    body = b"".join(
        name.encode() + b"\0" + _octets(value) + b"\0" for name, value in macros.items()
    )
    return packet(b"D", command + body)


def _octets(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text
