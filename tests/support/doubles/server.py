"""Postfix's side of the milter protocol: calls a session as libmilter does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import Milter

from sendlimit.daemon.server_state import ServerState, SessionSettings
from sendlimit.daemon.session import Session
from sendlimit.rules.counting_settings import CountingSettings
from sendlimit.rules.reply import Wording
from support.counting_samples import ALICE, NOON, UTC, file_rules, key_of
from support.doubles.events import RecordingEvents
from support.doubles.immediate_ledger import ImmediateLedger
from support.doubles.milter_context import MilterContext

if TYPE_CHECKING:
    from sendlimit.rules.limit import Setting

_ALL_OFFERED = 0x1FFFFF
_DAY = "mailbox.messages_per_day"


class Server:
    """One mail server with one daemon behind it, which counts in memory."""

    def __init__(
        self, *limits: Setting, observe: bool = False, conduct: SessionSettings | None = None
    ) -> None:
        """Begin with these limits in the config file."""
        self.now = NOON
        self.events = RecordingEvents()
        self.ledger = ImmediateLedger(CountingSettings(file_rules(*limits), UTC, observe))
        conduct = conduct or SessionSettings(UTC, Wording())
        self.desk = ServerState(self.ledger, conduct, self.events, clock=lambda: self.now)

    def connect(
        self, login: str | bytes | None = ALICE.mailbox, offered: int = _ALL_OFFERED
    ) -> Connection:
        """Open a connection that is authenticated as this login."""
        connection = Connection(Session(self.desk), offered)
        connection.context.macros |= {"{client_addr}": "192.0.2.7", "i": "4WXYZ"}
        if login is not None:
            connection.context.macros["{auth_authen}"] = login
        return connection

    def used(self, name: str = _DAY, subject: str = ALICE.mailbox, at: int = NOON) -> int:
        """Return what a counter holds."""
        return self.ledger.drain().get(key_of(name, subject, at), 0)


class Connection:
    """One connection: calls the session as libmilter does."""

    def __init__(self, session: Session, offered: int) -> None:
        """Negotiate."""
        self.session = session
        self.context = MilterContext()
        session._setctx(self.context)
        self.options = [0x1FF, offered, 0, 0]
        assert session.negotiate(self.options) == Milter.CONTINUE

    def mail(self, reverse_path: bytes = b"<alice@example.org>") -> int:
        """MAIL FROM."""
        return self.session.envfrom_bytes(reverse_path, b"SIZE=100")

    def rcpt(self, times: int = 1) -> list[int]:
        """Return the answers to RCPT TO."""
        return [self.session.envrcpt_bytes(b"<bob@example.net>") for _ in range(times)]

    def send(self, recipients: int = 1) -> int:
        """Send a whole mail; return the first answer that is not CONTINUE, else that of its end."""
        answer = self.mail()
        if answer == Milter.CONTINUE:
            self.rcpt(recipients)
            answer = self.session.eom()
            if answer == Milter.TEMPFAIL:
                self.session.abort()
        return answer

    @property
    def last_text(self) -> str:
        """The text of the last reply."""
        return self.context.replies[-1][2]
