"""A stolen login is suspended by the daemon itself, on every server that shares the database (R17)."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from support.notice_receivers import WebhookReceiver, webhook_receiver
from support.rig.configuration import configuration
from support.rig.counters import Counters
from support.rig.daemon import Sendlimit
from support.rig.milter_client import MilterClient, macro_packet, packet
from support.rig.process import running, wait_for

pytestmark = pytest.mark.mariadb

ALICE, BOB = "alice@example.org", "bob@example.org"
_SUSPENDED = "450 4.7.1 Sending is suspended for alice@example.org, please ask your administrator"


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    """A webhook receiver that takes everything."""
    with webhook_receiver() as receiver:
        yield receiver


class Server:
    """A daemon of its own on the shared store."""

    def __init__(self, folder: Path, store: Counters, **tables: object) -> None:
        """Describe it."""
        folder.mkdir(exist_ok=True)
        self.socket = folder / "milter.sock"
        self.daemon = Sendlimit(
            folder, configuration(folder, self.socket, store.settings, **tables)
        )

    def send(self, login: str, client: str) -> str:
        """Send a mail from a client's address; return what MAIL was answered, or that of its end."""
        with MilterClient(self.socket) as milter:
            milter.send_raw(
                macro_packet(b"C", j="mx.example.org", _=f"unknown [{client}]")
                + macro_packet(b"M", **{"{auth_authen}": login})
                + packet(b"M", b"<a@example.net>\0")
            )
            answer = milter.answer()
            if answer.kind == "continue":
                milter.rcpt()
                answer = milter.end()
            return answer.text or answer.kind


def test_many_clients(folder: Path, store: Counters, receiver: WebhookReceiver) -> None:
    """The tenth network suspends on each server; bob's mail goes on; a release lets alice send again.

    MariaDB is shared by two servers; an SQLite file has one daemon, which decides from memory.
    """
    tables = {
        "suspend": {"after_client_addresses": 10, "for": "released"},
        "notify": {"webhook_url": receiver.url, "command": ["/usr/bin/touch", str(folder / "ran")]},
        "limits": {"mailbox": {"messages_per_day": 1000}},
    }
    number = 2 if str(store.settings["url"]).startswith("mariadb") else 1
    servers = [Server(folder / str(place), store, **tables) for place in range(number)]
    one, last = servers[0], servers[-1]
    with ExitStack() as stack:
        for server in servers:
            stack.enter_context(running(server.daemon))
        passed = [one.send(ALICE, f"10.0.{number}.1") for number in range(10)]
        one.daemon.wait_for_lines("WARNING suspended")
        refused = [server.send(ALICE, "10.0.0.1") for server in servers]
        others = [server.send(BOB, "10.0.0.1") for server in servers]
        (post,) = receiver.wait_for(1)
        wait_for((folder / "ran").exists, 20, "the command")
        listed = one.daemon.command("suspensions")
        shown = one.daemon.command("show", ALICE)
        released = last.daemon.command("release", ALICE)
        again = [server.send(ALICE, "10.0.0.1") for server in servers]

    assert passed == ["continue"] * 10
    assert refused == [_SUSPENDED] * number
    assert others == ["continue"] * number
    assert again == ["continue"] * number
    document = post.document
    assert (document["event"], document["mailbox"], document["number"]) == ("suspended", ALICE, 10)
    assert document["clients"][0] == "10.0.9.1"
    assert (listed.exit_code, shown.exit_code, released.exit_code) == (0, 0, 0)
    assert re.search(r"alice@example\.org\s+\(released\)", listed.stdout)
    assert "is REFUSED: suspended" in " ".join(shown.stdout.split())
    store.wait_until_used(ALICE, 10 + number)


def test_many_refusals(folder: Path, store: Counters) -> None:
    """Refusals by the mailbox's own limit suspend it for a time; those by the server's limit do not."""
    tables = {
        "suspend": {"after_refusals": 5, "for": "1h"},
        "limits": {"mailbox": {"messages_per_day": 1}, "global": {"messages_per_day": 2}},
    }
    server = Server(folder, store, **tables)
    with running(server.daemon):
        server.send(BOB, "192.0.2.7")
        answers = [server.send(BOB, "192.0.2.7")[:20] for _ in range(4)]
        server.send(ALICE, "192.0.2.8")
        for _ in range(20):
            server.send("carol@example.org", "192.0.2.9")
        server.send(BOB, "192.0.2.7")
        server.daemon.command("limit", "set", "everyone", "global.messages_per_day", "100")
        server.send(BOB, "192.0.2.7")
        server.daemon.wait_for_lines("WARNING suspended")

    assert answers == ["450 4.7.1 Sending li"] * 4
    (line,) = server.daemon.lines("suspended ")
    assert "mailbox=bob@example.org reason=refusals number=5 clients=192.0.2.7 until=2" in line


def test_observe(folder: Path, store: Counters, receiver: WebhookReceiver) -> None:
    """In observe mode it is logged and told, the command is not run, and all mail passes (R12)."""
    server = Server(
        folder,
        store,
        mode="observe",
        suspend={"after_client_addresses": 2},
        notify={"webhook_url": receiver.url, "command": ["/usr/bin/touch", str(folder / "ran")]},
    )
    with running(server.daemon):
        answers = [server.send(ALICE, f"10.0.{number}.1") for number in range(6)]
        server.daemon.wait_for_lines("WARNING would-suspend mailbox=alice")
        (post,) = receiver.wait_for(1)
        server.daemon.stop()

    assert answers == ["continue"] * 6
    assert (post.document["event"], post.document["mode"]) == ("suspended", "observe")
    assert not (folder / "ran").exists()
    assert store.query("SELECT COUNT(*) FROM er_limit WHERE unit = 'messages'") == [(0,)]


def test_reload(folder: Path, store: Counters) -> None:
    """A reload switches the watch on and off; a suspension that is there stays."""
    server = Server(folder, store)
    with running(server.daemon):
        for number in range(5):
            server.send(ALICE, f"10.0.{number}.1")
        settings = configuration(folder, server.socket, store.settings)
        server.daemon.write_config(settings | {"suspend": {"after_client_addresses": 2}})
        assert "config-loaded" in server.daemon.reload()
        server.send(ALICE, "10.0.0.1")
        server.send(ALICE, "10.0.1.1")
        server.daemon.wait_for_lines("WARNING suspended")
        server.daemon.write_config(settings)
        assert "config-loaded" in server.daemon.reload()
        answers = [server.send(ALICE, "10.0.0.1"), server.send(BOB, "10.0.0.1")]

    assert answers == [_SUSPENDED, "continue"]


def test_the_program_runs_as_the_daemon(folder: Path, store: Counters) -> None:
    """`notify test` runs the command, and says what became of it."""
    server = Server(folder, store, notify={"command": ["/bin/false"]})
    with running(server.daemon):
        result = server.daemon.command("notify", "test")

    assert result.exit_code == 1
    assert result.stdout.split() == ["command", "exit", "code", "1"]
