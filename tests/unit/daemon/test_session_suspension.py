"""Suspended logins in the milter session, and what of it is watched: rule R17."""

import pytest

from sendlimit.counting.events import Events
from sendlimit.daemon.server_state import SessionSettings
from sendlimit.daemon.suspender import Suspender
from sendlimit.daemon.verdict import Verdict
from sendlimit.rules.limit import SUSPENSION, Setting
from sendlimit.rules.mailbox import Sender
from sendlimit.rules.reply import Wording
from sendlimit.store.connection import open_connection
from sendlimit.store.location import SQLiteLocation
from support.counting_samples import ALICE, UTC, setting
from support.doubles.server import Server

_DAY = "mailbox.messages_per_day"


def test_a_suspended_login() -> None:
    """R17: from the next mail on each is refused with the text that has no number, and is recorded."""
    server = Server()
    connection = server.connect()
    assert connection.send() == Verdict.CONTINUE
    server.daemon.tables.limits = [Setting(ALICE.mailbox, SUSPENSION, 0)]

    assert [connection.send(), connection.send()] == ["450", "450"]
    assert connection.last_text == (
        "Sending is suspended for alice@example.org, please ask your administrator"
    )
    assert server.used() == 1
    (episode,) = server.episodes()
    assert (episode.attempts, episode.key.window) == (2, SUSPENSION.window)


class Seen(Suspender):
    """Keeps what it is told."""

    def __init__(self, *, watches_clients: bool) -> None:
        """Begin with nothing seen."""
        super().__init__(lambda: open_connection(SQLiteLocation(":memory:")), Events())
        self.watches_clients = watches_clients
        self.seen: list[tuple[str, str, str]] = []

    def refused(self, sender: Sender, client: str) -> None:
        """Keep it."""
        self.seen.append(("refused", sender.mailbox, client))

    def sent(self, sender: Sender, client: str) -> None:
        """Keep it."""
        self.seen.append(("sent", sender.mailbox, client))


@pytest.mark.parametrize("watches_clients", [True, False])
def test_what_is_watched(*, watches_clients: bool) -> None:
    """R17: mail that passes and refusals of the mailbox are told, those by wider limits are not."""
    server = Server(setting("*", _DAY, 1), setting("*", "global.messages_per_day", 3))
    server.state.suspender = seen = Seen(watches_clients=watches_clients)
    for login in (ALICE.mailbox, ALICE.mailbox, "bob@example.org", "carol@example.net", "dave"):
        server.connect(login).send()

    sent = [("sent", name, "192.0.2.7") for name in (ALICE.mailbox, "bob@example.org", "carol@example.net")]  # fmt: skip
    refused = ("refused", ALICE.mailbox, "192.0.2.7")
    expected = [sent[0], refused, *sent[1:]] if watches_clients else [refused]
    assert seen.seen == expected


def test_refusals_of_a_suspended_login_are_not_watched() -> None:
    """R17: a login that is suspended and tries on is not suspended a second time for it."""
    server = Server()
    server.state.suspender = seen = Seen(watches_clients=True)
    server.daemon.tables.limits = [Setting(ALICE.mailbox, SUSPENSION, 0)]
    server.connect().send()

    assert seen.seen == []


@pytest.mark.parametrize("at_end", [False, True])
def test_suspension_that_is_not_written_yet(*, at_end: bool) -> None:
    """R17: it holds in this daemon at once, with the same text, also while the database is away; nobody else is touched."""
    server = Server(settings=SessionSettings(UTC, Wording(), refuse_at_end=at_end))
    server.state.suspender = seen = Seen(watches_clients=True)
    seen.waiting.add(ALICE.mailbox)
    server.database_away()
    alice, bob = server.connect(), server.connect("bob@example.org")

    assert alice.mail() == ("continue" if at_end else "450")
    if at_end:
        alice.rcpt()
        assert alice.end_of_message() == "450"
    assert alice.last_text.startswith("Sending is suspended for alice@example.org")
    assert bob.send() == Verdict.CONTINUE
    assert seen.seen == [("sent", "bob@example.org", "192.0.2.7")]
    server.database_back()
    assert server.used() == 0
    (episode,) = server.episodes()
    assert (episode.key.subject, episode.key.window) == (ALICE.mailbox, SUSPENSION.window)

    seen.waiting.clear()
    alice.abort()
    assert alice.send() == Verdict.CONTINUE
