"""Anything at all on the milter socket: the daemon lives on and counts right."""

import random
import struct
from pathlib import Path

import pytest

from support.rig.counters import Counters
from support.rig.daemon import Sendlimit
from support.rig.mailboxes import FreshDomain
from support.rig.milter_client import MilterClient, macro_packet, packet
from support.rig.postfix import PrivatePostfix
from support.rig.process import wait_for

pytestmark = [pytest.mark.postfix, pytest.mark.mariadb]

LIMIT = 3
SETTINGS = {"limits": {"mailbox": {"messages_per_day": LIMIT, "recipients_per_day": 500}}}


def _mail(login: str) -> bytes:
    return macro_packet(b"M", **{"{auth_authen}": login}) + packet(b"M", b"<a@example.net>\0")


_OPTIONS = packet(b"O", struct.pack("!III", 6, 0x1FF, 0x1FFFFF))
RUBBISH = {
    "nothing": b"",
    "text": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "zero length": struct.pack("!I", 0) * 3,
    "giant length": struct.pack("!I", 0xFFFFFFFF) + b"M" * 100,
    "half a length": b"\0\0",
    "half a packet": struct.pack("!I", 1000) + b"Ohalf",
    "short options": packet(b"O", b"\0\0\0\6"),
    "options of version 0": packet(b"O", struct.pack("!III", 0, 0, 0)),
    "options of a far version": packet(b"O", struct.pack("!III", 9999, 2**32 - 1, 2**32 - 1)),
    "options twice": _OPTIONS * 2,
    "no options": _mail("rubbish@example.org"),
    "unknown command": _OPTIONS + packet(b"?", b"x" * 50),
    "every byte as command": _OPTIONS + b"".join(packet(bytes([n])) for n in range(256)),
    "MAIL without sender": _OPTIONS + macro_packet(b"M", **{"{auth_authen}": "rubbish@example.org"}) + packet(b"M"),
    "MAIL without NUL": _OPTIONS + packet(b"M", b"<a@example.net>"),
    "RCPT first": _OPTIONS + packet(b"R", b"<b@example.com>\0"),
    "end first": _OPTIONS + packet(b"E"),
    "aborts": _OPTIONS + packet(b"A") * 20,
    "macros without values": _OPTIONS + packet(b"D", b"M{auth_authen}\0") + packet(b"M", b"<a>\0"),
    "macros of nothing": _OPTIONS + packet(b"D"),
    "macros of a strange command": _OPTIONS + packet(b"D", b"\xffx\0y\0"),
    "thousand macros": _OPTIONS + packet(b"D", b"M" + b"n\0v\0" * 1000) + packet(b"M", b"<a>\0"),
    "MAIL thrice": _OPTIONS + _mail("rubbish@example.org") * 3,
    "MAIL and gone": _OPTIONS + _mail("rubbish@example.org"),
    "MAIL, quit": _OPTIONS + _mail("rubbish@example.org") + packet(b"Q"),
    "MAIL, new connection": _OPTIONS + _mail("rubbish@example.org") + packet(b"K"),
    "large body": _OPTIONS + _mail("rubbish@example.org") + packet(b"B", b"x" * 60000) + packet(b"A"),
}  # fmt: skip


class TestPackets:
    """Anything at all on the socket."""

    @pytest.mark.parametrize("octets", RUBBISH.values(), ids=RUBBISH)
    def test_rubbish(
        self,
        daemon: Sendlimit,
        postfix: PrivatePostfix,
        domain: FreshDomain,
        shared_store: Counters,
        octets: bytes,
    ) -> None:
        """The daemon lives on, answers the next session, and keeps no reservation."""
        with MilterClient(postfix.milter_socket, negotiate=False) as client:
            client.send_raw(octets)

        with MilterClient(postfix.milter_socket) as client:
            assert client.send_mail(domain.alice).kind == "continue"
        shared_store.wait_until_used("rubbish@example.org", 0)
        assert daemon.process.is_running
        assert not daemon.lines("^Traceback|fault")

    def test_noise(self, daemon: Sendlimit, postfix: PrivatePostfix, domain: FreshDomain) -> None:
        """A hundred sessions of noise, half of them after a good beginning, change nothing."""
        noise = random.Random(7)  # noqa: S311 - the same noise in every run
        for number in range(100):
            with MilterClient(postfix.milter_socket, negotiate=False) as client:
                start = _OPTIONS if number % 2 else b""
                command = bytes([noise.choice(b"OCHMRTLNBEADQKU")])
                client.send_raw(start + packet(command, noise.randbytes(noise.randrange(300))))

        with MilterClient(postfix.milter_socket) as client:
            kinds = [client.send_mail(domain.alice).kind for _ in range(LIMIT + 1)]
        assert kinds == ["continue"] * LIMIT + ["reply"]
        assert daemon.process.is_running

    def test_silent_connections(
        self, daemon: Sendlimit, postfix: PrivatePostfix, domain: FreshDomain
    ) -> None:
        """Three hundred connections that say nothing keep no mail waiting, and leave nothing."""
        descriptors = Path(f"/proc/{daemon.process.pid}/fd")
        before = len(list(descriptors.iterdir()))
        silent = [MilterClient(postfix.milter_socket, negotiate=False) for _ in range(300)]
        try:
            with MilterClient(postfix.milter_socket) as client:
                assert client.send_mail(domain.alice).kind == "continue"
        finally:
            for client in silent:
                client.close()

        wait_for(lambda: len(list(descriptors.iterdir())) <= before + 5, 20, "closed connections")
