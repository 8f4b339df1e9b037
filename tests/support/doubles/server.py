"""One mail server with its sessions, driven step by step without libmilter."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sendlimit.daemon.server_state import ServerState, SessionSettings
from sendlimit.daemon.session import Session
from sendlimit.daemon.verdict import Answer, Verdict
from sendlimit.rules.reply import Reply, Wording
from support.counting_samples import ALICE, NOON, UTC, key_of
from support.doubles.daemon import SteppedDaemon

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sendlimit.rules.episode import Episode
    from sendlimit.rules.limit import CounterKey, Setting

_DAY = "mailbox.messages_per_day"
_NO_STATE_DIR = Path("/nonexistent")  # nothing is left unbooked
MACROS: Mapping[str, str] = {"{client_addr}": "192.0.2.7", "i": "4WXYZ"}


class Server:
    """One mail server with one daemon behind it, whose committer takes a step for each request.

    Attributes:
        daemon: counts; its tables are the database.
        events: what it reported.
        state: what its sessions share.
    """

    def __init__(
        self, *limits: Setting, observe: bool = False, settings: SessionSettings | None = None
    ) -> None:
        """Begin with these limits in the config file."""
        self.daemon = SteppedDaemon(_NO_STATE_DIR, *limits, observe=observe).start()
        self.events = self.daemon.events
        settings = settings or SessionSettings(UTC, Wording(), observe=observe)
        self.state = ServerState(
            self.daemon.ledger, settings, self.events, clock=lambda: self.daemon.now
        )

    def connect(
        self, login: str | bytes | None = ALICE.mailbox, *, noreply_offered: bool = True
    ) -> Connection:
        """Open a connection that is authenticated as this login."""
        connection = Connection(Session(self.state), noreply_offered=noreply_offered)
        connection.macros |= MACROS
        if login is not None:
            connection.macros["{auth_authen}"] = login
        return connection

    def database_away(self) -> None:
        """Let the daemon find out that the database does not answer."""
        self.daemon.store.away = True
        self.daemon.step()

    def database_back(self) -> None:
        """Let the daemon find out that it answers again."""
        self.daemon.store.away = False
        self.daemon.step()

    def counters(self) -> dict[CounterKey, int]:
        """Let the daemon write what no callback waits for; return the counters that are not 0."""
        self.daemon.step()
        return self.daemon.tables.used()

    def episodes(self) -> list[Episode]:
        """Let the daemon write what no callback waits for; return the episodes."""
        self.daemon.step()
        return [*self.daemon.tables.episodes.values()]

    def used(self, name: str = _DAY, subject: str = ALICE.mailbox, at: int = NOON) -> int:
        """Return what a counter holds."""
        return self.counters().get(key_of(name, subject, at), 0)


class Connection:
    """One connection of Postfix. A step returns the verdict, or the code of the reply.

    Attributes:
        macros: by their names; bytes may be something else than UTF-8.
        replies: what the client was told, in order.
        wanted: what the session negotiated.
    """

    def __init__(self, session: Session, *, noreply_offered: bool) -> None:
        """Negotiate."""
        self.macros: dict[str, str | bytes] = {}
        self.replies: list[Reply] = []
        self._session = session
        self.wanted = session.negotiate(noreply_offered=noreply_offered)

    def mail(self, reverse_path: bytes = b"<alice@example.org>") -> Verdict | str:
        """MAIL FROM."""
        return self._told(self._session.mail(reverse_path, self._macro))

    def rcpt(self, times: int = 1) -> list[Verdict | str]:
        """Return the answers to RCPT TO."""
        return [self._told(self._session.rcpt(self._macro)) for _ in range(times)]

    def end_of_message(self) -> Verdict | str:
        """The dot after DATA."""
        return self._told(self._session.end_of_message(self._macro))

    def abort(self) -> None:
        """RSET, a lost connection, or a refusal by another filter."""
        self._session.abort()

    def send(self, recipients: int = 1) -> Verdict | str:
        """Send a whole mail; return the first answer that is not CONTINUE, else that of its end."""
        answer = self.mail()
        if answer == Verdict.CONTINUE:
            self.rcpt(recipients)
            answer = self.end_of_message()
            self.abort()  # Postfix sends one after each mail
        return answer

    @property
    def last_text(self) -> str:
        """The text of the last reply."""
        return self.replies[-1].text

    def _macro(self, name: str) -> str | None:
        value = self.macros.get(name)
        return value.decode() if isinstance(value, bytes) else value

    def _told(self, answer: Answer) -> Verdict | str:
        if isinstance(answer, Reply):
            self.replies.append(answer)
            return answer.code
        return answer
