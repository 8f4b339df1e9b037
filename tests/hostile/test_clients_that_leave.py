"""Clients of the socket that leave, stall or give up where they should not."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bench.footprint import footprint

from support.rig.configuration import configuration
from support.rig.counters import Counters, in_sqlite
from support.rig.daemon import Sendlimit
from support.rig.milter_client import MilterClient, macro_packet, packet
from support.rig.process import running, wait_for

LIMIT = 4
LOGIN = "alice@example.org"
OTHER = "bob@example.org"
_MAIL = macro_packet(b"M", **{"{auth_authen}": LOGIN}) + packet(b"M", b"<a@example.net>\0")
_RCPT = macro_packet(b"R", i="4XyZ") + packet(b"R", b"<b@example.com>\0")
_END = macro_packet(b"E", i="4XyZ") + packet(b"E")


@pytest.fixture
def counters(folder: Path) -> Counters:
    """An empty store."""
    return in_sqlite(folder / "sendlimit.db")


@pytest.fixture
def settings(folder: Path, counters: Counters) -> dict[str, Any]:
    """A configuration that lets every mailbox send four mails a day."""
    limits = {"mailbox": {"messages_per_day": LIMIT, "recipients_per_message": 5}}
    return configuration(folder, folder / "milter.sock", counters.settings, limits=limits)


@pytest.fixture
def daemon(folder: Path, settings: dict[str, Any]) -> Iterator[Sendlimit]:
    """A running daemon."""
    with running(Sendlimit(folder, settings)) as daemon:
        yield daemon


def test_hung_up_at_every_octet(daemon: Sendlimit, folder: Path, counters: Counters) -> None:
    """Hung up after any octet but the last of a mail's end: nothing stays counted, nothing open."""
    conversation = macro_packet(b"C", j="x") + _MAIL + _RCPT + _END
    before = footprint(daemon.process.pid).descriptors
    for length in range(len(conversation)):
        with MilterClient(folder / "milter.sock") as client:
            client.send_raw(conversation[:length])

    wait_for(lambda: footprint(daemon.process.pid).descriptors <= before, 20, "closed connections")
    counters.wait_until_used(LOGIN, 0)
    with MilterClient(folder / "milter.sock") as client:
        kinds = [client.send_mail(LOGIN).kind for _ in range(LIMIT + 1)]
    assert kinds == ["continue"] * LIMIT + ["reply"]
    assert counters.used(LOGIN) == counters.used() == LIMIT


def test_abort_again_and_again(daemon: Sendlimit, folder: Path, counters: Counters) -> None:
    """Aborts without number free what their mail took, once; after its end they free nothing."""
    assert daemon.process.is_running
    with MilterClient(folder / "milter.sock") as client:
        assert client.send_mail(LOGIN).kind == "continue"
        client.send_raw(packet(b"A") * 50)
        assert client.mail(LOGIN).kind == "continue"
        client.send_raw(packet(b"A") * 50)
        assert [client.send_mail(LOGIN).kind for _ in range(2)] == ["continue"] * 2
        client.send_raw(packet(b"A") * 50 + packet(b"Q"))

    with MilterClient(folder / "milter.sock") as client:
        assert [client.send_mail(LOGIN).kind for _ in range(2)] == ["continue", "reply"]
    assert counters.used(LOGIN) == LIMIT


def test_mail_in_a_mail(daemon: Sendlimit, folder: Path, counters: Counters) -> None:
    """MAIL after MAIL without an end holds one message, not one each."""
    assert daemon.process.is_running
    with MilterClient(folder / "milter.sock") as client:
        assert {client.mail(LOGIN).kind for _ in range(LIMIT * 3)} == {"continue"}
        client.rcpt()
        assert client.end().kind == "continue"

    counters.wait_until_used(LOGIN, 1)


def test_without_negotiation(daemon: Sendlimit, folder: Path, counters: Counters) -> None:
    """A client that begins with MAIL, or goes on after QUIT, is limited as any other."""
    assert daemon.process.is_running
    kinds = []
    with MilterClient(folder / "milter.sock", negotiate=False) as client:
        for _ in range(LIMIT + 1):
            kinds.append(client.send_mail(LOGIN).kind)
            client.send_raw(packet(b"K"))

    assert kinds == ["continue"] * LIMIT + ["reply"]
    assert counters.used(LOGIN) == LIMIT
    assert not daemon.lines("Traceback|fault")


@pytest.mark.parametrize("way", ["half a packet", "answers not read"])
def test_stalled_clients(daemon: Sendlimit, folder: Path, way: str) -> None:
    """A dozen clients that stall, each in the worker that serves it, keep no other client waiting."""
    before = footprint(daemon.process.pid)
    stalled = []
    try:
        for number in range(12):
            client = MilterClient(folder / "milter.sock")
            stalled.append(client)
            assert client.mail(f"stalled{number}@example.org").kind == "continue"
            if way == "half a packet":
                client.send_raw(_RCPT[:-3])
            else:
                client.send_raw(_RCPT * 4000)
            with MilterClient(folder / "milter.sock", timeout_s=20) as other:
                answer = other.mail(OTHER)
                other.abort()
            assert answer.kind == "continue"
    finally:
        for client in stalled:
            client.close()

    def as_before() -> bool:
        after = footprint(daemon.process.pid)
        return after.descriptors <= before.descriptors + 3 and after.threads <= before.threads + 12

    wait_for(as_before, 20, "descriptors and threads as before")


def test_changed_limit(
    daemon: Sendlimit, folder: Path, settings: dict[str, Any], counters: Counters
) -> None:
    """A limit that is raised, lowered and raised again counts on: it gives nothing back."""
    kinds = []
    with MilterClient(folder / "milter.sock") as client:
        for limit in (LIMIT, LIMIT + 1, 1, LIMIT + 1, LIMIT + 2):
            settings["limits"] = {"mailbox": {"messages_per_day": limit}}
            daemon.write_config(settings)
            assert "config-loaded" in daemon.reload()
            kinds.append([client.send_mail(LOGIN).kind for _ in range(LIMIT + 1)].count("continue"))

    assert kinds == [LIMIT, 1, 0, 0, 1]
    assert counters.used(LOGIN) == LIMIT + 2
