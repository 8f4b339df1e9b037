"""A raw SMTP client for what smtplib cannot do, and a way to send many mails at once."""

import base64
import re
import select
import socket
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from support.rig.dovecot import PASSWORD

MESSAGE = b"Subject: test\r\n\r\nHello.\r\n"
"""The message that is sent when a test does not care."""

_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?: |$)")
_OK = range(200, 400)
_GREETS_S = 45


@dataclass(frozen=True)
class Reply:
    """A reply of the server.

    Attributes:
        code: 3 digits.
        enhanced: `4.7.1`, or empty when there is none.
        text: the words after it; lines of a longer reply joined by newlines.
        stage: the command that was answered, for example `MAIL`; `.` is the end of the data.
    """

    code: int
    enhanced: str
    text: str
    stage: str

    @property
    def is_ok(self) -> bool:
        """True for 2xx and 3xx."""
        return self.code in _OK


class ConnectionLostError(Exception):
    """The server ended the connection where a reply was due; the dialogue is the message."""


class SmtpClient:
    """One SMTP session, opened and greeted with EHLO by the constructor.

    `dialogue` has all lines so far, `C: ` and `S: ` before them. Replies are returned, never
    raised, except that AUTH and the greeting must succeed when the constructor does them.
    """

    def __init__(  # noqa: PLR0913 - what a client may be
        self,
        port: int,
        login: str | None = None,
        password: str = PASSWORD,
        *,
        helo: str = "client.example.net",
        timeout_s: float = 60,
        source: str = "",
    ) -> None:
        """Connect to a port of 127.0.0.1, say EHLO, and AUTH when there is a login.

        Args:
            port: to connect to.
            login: whom to log in as.
            password: of the login.
            helo: what it calls itself.
            timeout_s: how long it waits for a reply.
            source: address to come from, within 127.0.0.0/8.

        Raises:
            ConnectionLostError: the server hung up or refused the greeting or the login.
        """
        self.dialogue: list[str] = []
        self._helo = helo
        own = (source, 0) if source else None
        self._socket = self._connected(port, timeout_s, own)
        self._replies = self._socket.makefile("rb")
        try:
            self._demand(self.read_reply("connect"))
            self._demand(self.ehlo())
            if login is not None:
                self._demand(self.auth(login, password))
        except BaseException:
            self.close()
            raise

    @staticmethod
    def _connected(port: int, timeout_s: float, own: tuple[str, int] | None) -> socket.socket:
        """Connect; once more if no greeting comes, as Postfix may miss a client while a process of its ends."""
        address = ("127.0.0.1", port)
        connection = socket.create_connection(address, timeout_s, own)
        if select.select([connection], [], [], _GREETS_S)[0]:
            return connection
        connection.close()
        return socket.create_connection(address, timeout_s, own)

    def __enter__(self) -> Self:
        """Use the session in a `with`."""
        return self

    def __exit__(self, *_exc_info: object) -> None:
        """Close the connection without QUIT."""
        self.close()

    def close(self) -> None:
        """Close the connection without QUIT, as a client that crashes does."""
        self._replies.close()
        self._socket.close()

    def send(self, *lines: str | bytes) -> None:
        """Write these lines at once, without waiting for replies."""
        encoded = [line.encode() if isinstance(line, str) else line for line in lines]
        self.dialogue += [f"C: {line.decode(errors='backslashreplace')}" for line in encoded]
        self.send_raw(b"".join(line + b"\r\n" for line in encoded))

    def send_raw(self, octets: bytes) -> None:
        """Write bytes as they are; they do not enter the dialogue."""
        try:
            self._socket.sendall(octets)
        except OSError as exc:
            raise ConnectionLostError(self._transcript()) from exc

    def read_reply(self, stage: str) -> Reply:
        """Read one reply of one or more lines.

        Args:
            stage: what is answered, for the Reply.

        Raises:
            ConnectionLostError: the server hung up instead.
        """
        texts: list[str] = []
        while True:
            try:
                line = self._replies.readline().decode(errors="backslashreplace").rstrip("\r\n")
            except OSError as exc:
                raise ConnectionLostError(self._transcript()) from exc
            if not line:
                raise ConnectionLostError(self._transcript())
            self.dialogue.append(f"S: {line}")
            texts.append(line[4:])
            if line[3:4] != "-":
                break
        enhanced = _ENHANCED.match(texts[0])
        code = enhanced[1] if enhanced else ""
        text = "\n".join(text.removeprefix(code).lstrip() if code else text for text in texts)
        return Reply(int(line[:3]), code, text, stage)

    def command(self, line: str | bytes) -> Reply:
        """Send one line and read its reply."""
        return self.pipeline(line)[0]

    def pipeline(self, *lines: str | bytes) -> list[Reply]:
        """Send lines in one write and read one reply for each."""
        self.send(*lines)
        return [self.read_reply(_verb(line)) for line in lines]

    def ehlo(self) -> Reply:
        """Say EHLO."""
        return self.command(f"EHLO {self._helo}")

    def auth(self, login: str, password: str = PASSWORD) -> Reply:
        """Log in by AUTH PLAIN."""
        secret = base64.b64encode(f"\0{login}\0{password}".encode()).decode()
        return self.command(f"AUTH PLAIN {secret}")

    def mail(self, sender: str, *parameters: str) -> Reply:
        """Begin a mail transaction; parameters as in `SIZE=1000`."""
        return self.command(" ".join([f"MAIL FROM:<{sender}>", *parameters]))

    def rcpt(self, recipient: str) -> Reply:
        """Name one recipient."""
        return self.command(f"RCPT TO:<{recipient}>")

    def data(self, message: bytes = MESSAGE) -> Reply:
        """Send DATA and, when asked for it, the message; return the last reply."""
        reply = self.command("DATA")
        if not reply.is_ok:
            return reply
        self.send_raw(re.sub(rb"(?m)^\.", b"..", message) + b".\r\n")
        self.dialogue.append(f"C: <{len(message)} bytes>")
        return self.read_reply(".")

    def bdat(self, chunk: bytes, *, last: bool = True) -> Reply:
        """Send a chunk of the message by BDAT."""
        line = f"BDAT {len(chunk)}{' LAST' if last else ''}"
        self.dialogue.append(f"C: {line}")
        self.send_raw(line.encode() + b"\r\n" + chunk)
        return self.read_reply("BDAT")

    def rset(self) -> Reply:
        """Give the mail transaction up."""
        return self.command("RSET")

    def quit(self) -> Reply:
        """Say QUIT and close the connection."""
        reply = self.command("QUIT")
        self.close()
        return reply

    def send_mail(
        self, sender: str, recipients: str | Sequence[str], message: bytes = MESSAGE
    ) -> Reply:
        """Do a whole mail transaction, up to the first command that is refused.

        Returns:
            The refusal (its `stage` says where), or the reply to the end of the data.
        """
        reply = self.mail(sender)
        if not reply.is_ok:
            return reply
        for recipient in [recipients] if isinstance(recipients, str) else recipients:
            reply = self.rcpt(recipient)
            if not reply.is_ok:
                return reply
        return self.data(message)

    def _demand(self, reply: Reply) -> None:
        if not reply.is_ok:
            raise ConnectionLostError(self._transcript())

    def _transcript(self) -> str:
        return "\n".join(["connection lost or refused after:", *self.dialogue])


def many_mails(  # noqa: PLR0913 - the parts of a mail
    n: int,
    connections: int,
    port: int,
    login: str | None = None,
    *,
    sender: str = "alice@example.org",
    recipients: str | Sequence[str] = "someone@example.com",
    message: bytes = MESSAGE,
) -> Counter[str]:
    """Send n mails over several connections at once.

    A connection is opened again after every refusal, so that Postfix's limits for clients that
    make errors (slow from the 11th, 421 at the 21st) do not mix with what is tested.

    Returns:
        How many mails had which outcome, for example `{"250 2.0.0": 90, "450 4.7.1": 10}`;
        `lost` counts mails whose connection ended or was refused.
    """
    unsent = iter(range(n))
    outcomes: Counter[str] = Counter()
    lock = threading.Lock()

    def take_one() -> bool:
        with lock:
            return next(unsent, None) is not None

    def send_share() -> None:
        client: SmtpClient | None = None
        while take_one():
            try:
                client = client or SmtpClient(port, login)
                reply = client.send_mail(sender, recipients, message)
                outcome = f"{reply.code} {reply.enhanced}"
            except (ConnectionLostError, OSError):
                outcome = "lost"
            with lock:
                outcomes[outcome] += 1
            if client and not outcome.startswith("2"):
                client.close()
                client = None
        if client:
            client.quit()

    threads = [threading.Thread(target=send_share) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def _verb(line: str | bytes) -> str:
    text = line.decode(errors="backslashreplace") if isinstance(line, bytes) else line
    return text.split(" ", 1)[0].upper()
