"""Hostile logins, addresses, dialogues and packets: the limit holds, the daemon lives on."""

import random
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from rig.configuration import configuration
from rig.counters import Counters
from rig.daemon import Sendlimit
from rig.mailboxes import FreshDomain
from rig.milter_client import MilterClient, macro_packet, packet
from rig.postfix import PrivatePostfix
from rig.process import running, wait_for
from rig.smtp import SmtpClient

pytestmark = [pytest.mark.postfix, pytest.mark.mariadb]

LIMIT = 3
ELSEWHERE = "someone@example.com"
MAX_REPLY = 990

LOGINS = {
    "single quote": "o'brien@example.org",
    "double quotes": 'say "hi"@example.org',
    "SQL": "x'; DROP TABLE er_counter; -- @example.org",
    "spaces": "two words@example.org",
    "blank at the end": "blank@example.org ",
    "percent": "100%@example.org",
    "format": "%s%n{used}{0}@example.org",
    "backslash": "back\\slash@example.org",
    "backslash at the end": "end@example.org\\",
    "tab": "tab\there@example.org",
    "line break": "line\r\nbreak@example.org",
    "controls": "\x01\x1b[31m\x7f@example.org",
    "sanitised byte": "b?d@example.org",
    "question marks": "???",
    "no domain": "nodomain",
    "no local part": "@example.org",
    "empty domain": "nobody@",
    "two domains": "a@b@example.org",
    "300 characters": "a" * 300 + "@example.org",
    "300 characters of domain": "a@" + "d" * 300 + ".org",
    "300 letters of four bytes": "\N{GRINNING FACE}" * 300,
    "umlaut": "j\N{LATIN SMALL LETTER U WITH DIAERESIS}rgen@example.org",
    "letter that grows in lower case": "\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}@example.org",
    "direction mark": "\N{RIGHT-TO-LEFT OVERRIDE}evil@example.org",
    "one character": "x",
    "the server's own subject": "*",
}

SENDERS: dict[str, str | bytes] = {
    "null": "<>",
    "without brackets": "a@example.net",
    "nothing": "",
    "long": "<" + "x" * 2000 + "@example.net>",
    "quoted": '<"a b\\"c"@example.net>',
    "route": "<@relay.example:a@example.net>",
    "not UTF-8": b"<\xff\xfe@example.net>",
    "controls": "<\x1b[2J\r\nfake-line mailbox=x@example.net>",
    "format": "<%s{used}@example.net>",
    "quotes": "<'\"; DROP TABLE er_refusal; -- @example.net>",
}


@pytest.fixture(scope="module")
def daemon(
    module_folder: Path, postfix: PrivatePostfix, shared_store: Counters
) -> Iterator[Sendlimit]:
    """A daemon that lets every mailbox send three mails a day."""
    settings = configuration(
        module_folder,
        postfix.milter_socket,
        shared_store.settings,
        limits={"mailbox": {"messages_per_day": LIMIT, "recipients_per_day": 500}},
    )
    with running(Sendlimit(module_folder, settings)) as daemon:
        yield daemon


@pytest.fixture
def milter(daemon: Sendlimit, postfix: PrivatePostfix) -> Iterator[MilterClient]:
    """A connection to the daemon's socket, as Postfix would have it."""
    assert daemon.process.is_running
    with MilterClient(postfix.milter_socket) as client:
        yield client


class TestLogin:
    """What an attacker can choose as a login."""

    @pytest.mark.parametrize("login", LOGINS.values(), ids=LOGINS)
    def test_limit_holds(self, milter: MilterClient, daemon: Sendlimit, login: str) -> None:
        """Three mails pass, the fourth is refused in one clean line; the log has clean lines."""
        answers = [milter.send_mail(login) for _ in range(LIMIT + 1)]

        assert [answer.kind for answer in answers] == ["continue"] * LIMIT + ["reply"]
        text = answers[-1].text
        assert text.startswith("450 4.7.1 ")
        assert text.isprintable()
        assert len(text.encode()) <= MAX_REPLY
        assert all(line.isprintable() for line in daemon.lines())
        assert not daemon.lines("^Traceback|fault|^ERROR")

    def test_counted_apart(self, milter: MilterClient, shared_store: Counters) -> None:
        """Logins that only look alike are counted apart; only case makes no difference."""
        alike = ["strasse@alike.example", "stra\N{LATIN SMALL LETTER SHARP S}e@alike.example",
                 "strasse@alike.example ", "str\N{LATIN SMALL LETTER A WITH ACUTE}sse@alike.example"]  # fmt: skip
        for login in [*alike, "STRASSE@Alike.Example"]:
            assert milter.send_mail(login).kind == "continue"

        assert [shared_store.used(login) for login in alike] == [2, 1, 1, 1]

    def test_long_logins_apart(self, milter: MilterClient) -> None:
        """Two long logins that differ at their end only have a limit each."""
        for login in ("l" * 300 + "1@example.org", "l" * 300 + "2@example.org"):
            kinds = [milter.send_mail(login).kind for _ in range(LIMIT + 1)]
            assert kinds == ["continue"] * LIMIT + ["reply"]

    def test_not_utf8(self, milter: MilterClient, daemon: Sendlimit) -> None:
        """A login that is no text, which Postfix never sends, is let through and reported."""
        assert milter.mail(b"\xff\xfe@example.org").kind == "accept"
        assert daemon.wait_for_lines("accepted-on-failure mailbox=.* reason=.*UTF-8")

    def test_empty(self, milter: MilterClient, shared_store: Counters) -> None:
        """An empty login is none: accepted, not counted."""
        before = shared_store.used()

        assert milter.mail("").kind == "accept"
        assert shared_store.used() == before


class TestSender:
    """What an attacker can choose as a reverse path."""

    @pytest.mark.parametrize("sender", SENDERS.values(), ids=SENDERS)
    def test_limit_holds(
        self, milter: MilterClient, daemon: Sendlimit, domain: FreshDomain, sender: str | bytes
    ) -> None:
        """The login's limit holds; the refusal is logged in one clean line and recorded."""
        kinds = []
        for _ in range(LIMIT + 1):
            kinds.append(milter.mail(domain.alice, sender).kind)
            if kinds[-1] == "continue":
                milter.rcpt()
                milter.end()

        assert kinds == ["continue"] * LIMIT + ["reply"]
        (line,) = daemon.wait_for_lines(f"^INFO refused mailbox={domain.alice} ")
        assert line.isprintable()
        assert not daemon.lines("^fake-line|Traceback|fault")


class TestDialogue:
    """Tricks of an SMTP client that has reached its limit."""

    @pytest.fixture
    def client(
        self, daemon: Sendlimit, postfix: PrivatePostfix, domain: FreshDomain
    ) -> Iterator[SmtpClient]:
        """A session of a mailbox that has sent all it may."""
        assert daemon.process.is_running
        with SmtpClient(postfix.submission_port, domain.alice) as client:
            for _ in range(LIMIT):
                assert client.send_mail(domain.alice, ELSEWHERE).code == 250
            yield client

    def test_repeated_data(
        self, client: SmtpClient, domain: FreshDomain, shared_store: Counters
    ) -> None:
        """Repeating DATA gets nothing through."""
        replies = client.pipeline(
            f"MAIL FROM:<{domain.alice}>", f"RCPT TO:<{ELSEWHERE}>", "DATA", "DATA", "DATA"
        )

        assert [reply.code for reply in replies] == [450, 503, 503, 503, 503]
        assert shared_store.used(domain.alice) == LIMIT

    @pytest.mark.parametrize(
        "parameter", ["AUTH=<>", "AUTH=bob@example.org", "SIZE=1 BODY=8BITMIME"]
    )
    def test_parameters(
        self, client: SmtpClient, domain: FreshDomain, shared_store: Counters, parameter: str
    ) -> None:
        """A parameter of MAIL, such as the name of somebody else, changes nothing."""
        before = shared_store.used("bob@example.org")

        assert client.mail(domain.alice, parameter).code == 450
        assert shared_store.used("bob@example.org") == before

    def test_postmaster(self, client: SmtpClient, domain: FreshDomain) -> None:
        """Mail to postmaster is refused as any other."""
        assert client.send_mail(domain.alice, "postmaster@example.org").code == 450
        assert client.send_mail(domain.alice, "postmaster").code == 450

    @pytest.mark.parametrize(
        "sender", ["", "postmaster@example.org", "bob@example.org", "x" * 200 + "@example.net"]
    )
    def test_sender(self, client: SmtpClient, sender: str) -> None:
        """Another reverse path changes nothing."""
        assert client.mail(sender).code == 450

    def test_greeting_again(self, client: SmtpClient, domain: FreshDomain) -> None:
        """Another EHLO, a long one too, changes nothing."""
        for greeting in ("EHLO other.example.net", "HELO x", "EHLO " + "h" * 1500):
            client.command(greeting)
            assert client.mail(domain.alice).code == 450

    def test_long_greeting(
        self, postfix: PrivatePostfix, domain: FreshDomain, daemon: Sendlimit
    ) -> None:
        """A session that begins with a long greeting is limited as any other."""
        assert daemon.process.is_running
        with SmtpClient(postfix.submission_port, domain.bob, helo="h" * 1500) as client:
            codes = [client.send_mail(domain.bob, ELSEWHERE).code for _ in range(LIMIT + 1)]

        assert codes == [250] * LIMIT + [450]

    def test_foreign_auth_parameter(
        self,
        daemon: Sendlimit,
        postfix: PrivatePostfix,
        domain: FreshDomain,
        shared_store: Counters,
    ) -> None:
        """A stranger can't use up a mailbox's limit by naming it in AUTH=."""
        with SmtpClient(postfix.smtp_port) as stranger:
            for _ in range(LIMIT + 2):
                assert stranger.mail("x@example.com", f"AUTH={domain.alice}").code == 250
                assert stranger.rcpt("alice@example.org").code == 250
                assert stranger.data().code == 250

        assert daemon.process.is_running
        assert shared_store.used(domain.alice) == 0

    def test_thousand_recipients(
        self,
        daemon: Sendlimit,
        postfix: PrivatePostfix,
        domain: FreshDomain,
        shared_store: Counters,
    ) -> None:
        """One mail to a thousand recipients: no more than the limit of 500 get it."""
        assert daemon.process.is_running
        with SmtpClient(postfix.submission_port, domain.alice) as client:
            client.mail(domain.alice)
            codes = [client.rcpt(f"r{number}@example.com").code for number in range(510)]
            assert client.data().code == 250
            client.quit()

        assert codes == [250] * 500 + [450] * 10
        shared_store.wait_until_used(domain.alice, 500, unit="recipients")

    def test_thousand_recipients_at_once(
        self, milter: MilterClient, domain: FreshDomain, shared_store: Counters
    ) -> None:
        """RCPT after RCPT without a look at the answers ends the same way."""
        milter.mail(domain.alice)
        milter.send_raw(packet(b"R", b"<r@example.com>\0") * 1000)
        kinds = [milter.answer().kind for _ in range(1000)]

        assert kinds == ["continue"] * 500 + ["reply"] * 500
        assert milter.end().kind == "continue"
        shared_store.wait_until_used(domain.alice, 500, unit="recipients")


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
        """Three hundred connections that say nothing keep nobody waiting, and leave nothing."""
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

    def test_other_user(self, daemon: Sendlimit, postfix: PrivatePostfix) -> None:
        """A user outside Postfix's group can't connect to the socket."""
        connect = (
            "use IO::Socket::UNIX; IO::Socket::UNIX->new(Peer => $ARGV[0]) or die $!; print 'in'"
        )
        argv = ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"]
        done = subprocess.run(
            [*argv, "perl", "-e", connect, postfix.milter_socket],
            capture_output=True, text=True, check=False,
        )  # fmt: skip

        assert daemon.process.is_running
        assert (done.stdout, "Permission denied" in done.stderr) == ("", True)
