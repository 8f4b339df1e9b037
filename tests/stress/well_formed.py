"""Clients that send well while others do not, and what they must be counted for."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from support.rig.milter_client import MilterClient

MAILBOXES = ("clean0@honest.example", "clean1@honest.example", "clean2@honest.example")
"""What they log in as; without a limit."""


class FuzzError(Exception):
    """A check of the daemon failed; the message says how to do it again."""


@dataclass
class WellFormedClients:
    """Clients that send well, and what they must be counted for.

    Attributes:
        socket: of the daemon.
        sent: mails whose end was answered with CONTINUE, by mailbox.
    """

    socket: Path
    sent: Counter[str] = field(default_factory=Counter)

    def mail(self, login: str, ending: str) -> None:
        """Send a mail on a connection of its own and end it: `end`, `abort` or `close`."""
        with self.begun(login) as client:
            if ending == "end":
                self.end(client, login)
            elif ending == "abort":
                client.abort()

    def begun(self, login: str) -> MilterClient:
        """Begin a mail to two recipients, which is let through."""
        client = MilterClient(self.socket)
        answers = [client.mail(login), client.rcpt(), client.rcpt()]
        demand([answer.kind for answer in answers] == ["continue"] * 3, f"{login}: {answers}")
        return client

    def end(self, client: MilterClient, login: str) -> None:
        """End it."""
        answer = client.end()
        demand(answer.kind == "continue", f"{login}: end-of-message: {answer}")
        self.sent[login] += 1


def demand(is_so: object, otherwise: str) -> None:
    """Insist on a fact.

    Raises:
        FuzzError: it is not so.
    """
    if not is_so:
        raise FuzzError(otherwise)
