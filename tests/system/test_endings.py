"""Every way in which a mail can end: afterwards exactly the accepted mails are counted (R8)."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.rig.configuration import configuration
from support.rig.counters import Counters
from support.rig.daemon import Sendlimit
from support.rig.dovecot import PrivateDovecot
from support.rig.mailboxes import FreshDomain
from support.rig.odd_postfix import PICKY_SOCKET, SIZE_LIMIT, OddPostfix
from support.rig.postfix import PrivatePostfix
from support.rig.process import Process, accepts_connections, running
from support.rig.smtp import MESSAGE, ConnectionLostError, SmtpClient

pytestmark = [pytest.mark.postfix, pytest.mark.mariadb]

ELSEWHERE = "someone@example.com"
LOCAL = "alice@example.org"


@pytest.fixture(scope="module")
def odd_postfix(module_folder: Path, dovecot: PrivateDovecot) -> Iterator[OddPostfix]:
    """The Postfix, with a picky milter before and behind sendlimit on two of its services."""
    postfix = OddPostfix(module_folder / "postfix", dovecot.sasl_path)
    socket = postfix.milter_socket.with_name(PICKY_SOCKET)
    picky = Process(
        "picky milter",
        [
            sys.executable,
            Path(__file__).parents[1] / "support" / "rig" / "picky_milter.py",
            f"unix:{socket}",
        ],
        module_folder / "picky.log",
    )
    picky.start()
    try:
        picky.wait_until(lambda: accepts_connections(socket), 30, "listens")
        with running(postfix):
            yield postfix
    finally:
        picky.kill()


@pytest.fixture(scope="module")
def daemon(
    module_folder: Path, odd_postfix: OddPostfix, shared_store: Counters
) -> Iterator[Sendlimit]:
    """A daemon that counts messages and recipients and refuses nothing here."""
    settings = configuration(
        module_folder,
        odd_postfix.milter_socket,
        shared_store.settings,
        limits={"mailbox": {"messages_per_day": 1000, "recipients_per_day": 1000}},
    )
    with running(Sendlimit(module_folder, settings)) as daemon:
        yield daemon


@dataclass(frozen=True)
class Ending:
    """One way to end a mail.

    Attributes:
        name: for the test's id.
        play: what the client does; returns the code of its last reply, 0 when it hung up.
        last_code: what that must be.
        messages: how many messages are counted afterwards.
        recipients: how many recipients are counted afterwards.
        service: of OddPostfix.
    """

    name: str
    play: Callable[[SmtpClient, str], int]
    last_code: int
    messages: int
    recipients: int | None = None
    service: str = "submission"


def commands(*lines: str) -> Callable[[SmtpClient, str], int]:
    """Send lines one by one; `MAIL` and `RCPT` stand for the usual ones."""
    usual = {"RCPT": f"RCPT TO:<{ELSEWHERE}>"}

    def play(client: SmtpClient, mailbox: str) -> int:
        reply = None
        for line in lines:
            full = usual.get(line, line).replace("MAILBOX", mailbox)
            if full == "MAIL":
                full = f"MAIL FROM:<{mailbox}>"
            reply = client.command(full)
        assert reply is not None
        return reply.code

    return play


def mail(
    *recipients: str, sender: str | None = None, message: bytes = MESSAGE
) -> Callable[[SmtpClient, str], int]:
    """Send a whole mail, whatever RCPT is answered."""

    def play(client: SmtpClient, mailbox: str) -> int:
        reply = client.mail(mailbox if sender is None else sender)
        for recipient in recipients or (ELSEWHERE,):
            if reply.is_ok or reply.stage == "RCPT":
                reply = client.rcpt(recipient)
        return client.data(message).code if reply.stage == "RCPT" else reply.code

    return play


def hang_up_after(*lines: str, then: bytes = b"") -> Callable[[SmtpClient, str], int]:
    """Send lines, then some octets, then close the connection without reading."""

    def play(client: SmtpClient, mailbox: str) -> int:
        commands(*lines)(client, mailbox)
        client.send_raw(then)
        client.close()
        return 0

    return play


def both(*plays: Callable[[SmtpClient, str], int]) -> Callable[[SmtpClient, str], int]:
    """Do several things on one connection; the last code counts."""

    def play(client: SmtpClient, mailbox: str) -> int:
        return [one(client, mailbox) for one in plays][-1]

    return play


def chunks(client: SmtpClient, mailbox: str) -> int:
    """Send a mail in two chunks."""
    client.mail(mailbox)
    client.rcpt(ELSEWHERE)
    client.bdat(b"Subject: chunks\r\n\r\n", last=False)
    return client.bdat(b"Hello.\r\n").code


def wait_for_timeout(client: SmtpClient, mailbox: str) -> int:
    """Begin a mail and say nothing more until Postfix gives up."""
    client.mail(mailbox)
    return client.read_reply("timeout").code


def _headers(line: bytes) -> bytes:
    return line + b"\r\n" + MESSAGE


ENDINGS = [
    Ending("sent", mail(), 250, 1, 1),
    Ending("two mails on one connection", both(mail(), mail()), 250, 2, 2),
    Ending("three recipients", mail("a@example.com", "b@example.com", "c@example.com"), 250, 1, 3),
    Ending("BDAT", chunks, 250, 1, 1),
    Ending("RSET after MAIL", commands("MAIL", "RSET"), 250, 0),
    Ending("RSET after RCPT", commands("MAIL", "RCPT", "RSET", "NOOP"), 250, 0),
    Ending("RSET twice", commands("MAIL", "RSET", "RSET", "MAIL", "RSET", "RSET"), 250, 0),
    Ending("RSET, then a mail", both(commands("MAIL", "RSET"), mail()), 250, 1, 1),
    Ending("a mail, then RSET", both(mail(), commands("RSET", "RSET")), 250, 1, 1),
    Ending("a mail, then MAIL and RSET", both(mail(), commands("MAIL", "RSET")), 250, 1, 1),
    Ending("QUIT after MAIL", commands("MAIL", "QUIT"), 221, 0),
    Ending("QUIT after RCPT", commands("MAIL", "RCPT", "QUIT"), 221, 0),
    Ending("EHLO after MAIL", commands("MAIL", "EHLO again.example.net"), 250, 0),
    Ending("HELO after MAIL, then a mail", both(commands("MAIL", "HELO x"), mail()), 250, 1, 1),
    Ending("MAIL twice", commands("MAIL", "MAIL"), 503, 0),
    Ending("MAIL twice, then sent", both(commands("MAIL", "MAIL", "RCPT"), lambda c, _: c.data().code), 250, 1, 1),
    Ending("hung up after MAIL", hang_up_after("MAIL"), 0, 0),
    Ending("hung up after RCPT", hang_up_after("MAIL", "RCPT"), 0, 0),
    Ending("hung up in mid-DATA", hang_up_after("MAIL", "RCPT", "DATA", then=b"Subject: x\r\n\r\nhal"), 0, 0),
    Ending("hung up after the dot", hang_up_after("MAIL", "RCPT", "DATA", then=b"Subject: x\r\n\r\nx\r\n.\r\n"), 0, 1, 1),
    Ending("timed out after MAIL", wait_for_timeout, 421, 0, service="impatient"),
    Ending("DATA without RCPT", commands("MAIL", "DATA"), 554, 0),
    Ending("all recipients refused", commands("MAIL", "RCPT TO:<refused@example.com>", "QUIT"), 221, 0),
    Ending("all recipients refused, then DATA", mail("refused@example.com", "refused@example.com"), 554, 0),
    Ending("one recipient of two refused", mail("refused@example.com", ELSEWHERE), 250, 1, 1),
    Ending("bad recipient syntax", mail("a b c", ELSEWHERE), 250, 1, 1),
    Ending("SIZE= over the limit", commands(f"MAIL FROM:<MAILBOX> SIZE={SIZE_LIMIT * 2}"), 552, 0),
    Ending("too big", mail(message=MESSAGE + b"x" * 998 + b"\r\n" + (b"y" * 998 + b"\r\n") * 40), 552, 0),
    Ending("unknown option", commands("MAIL FROM:<MAILBOX> WHAT=ever"), 555, 0),
    Ending("bad sender syntax", commands("MAIL FROM:", "NOOP"), 250, 0),
    Ending("header refused", mail(message=_headers(b"X-Refuse: yes")), 550, 0),
    Ending("body refused", mail(message=MESSAGE + b"refuse this line\r\n"), 550, 0),
    Ending("refused at end-of-data by Postfix", mail("too-late@example.com"), 554, 0),
    Ending("held by a header", mail(message=_headers(b"X-Hold: yes")), 250, 1, 1),
    Ending("held by its recipient", mail("held@example.com"), 250, 1, 1),
    # Accepted for the client, but sent nowhere.
    Ending("discarded by a header", mail(message=_headers(b"X-Discard: yes")), 250, 0),
    Ending("discarded by its recipient", mail("discarded@example.com"), 250, 0),
    Ending("queue full", commands("MAIL"), 452, 0, service="full"),
    Ending("sender not his own", mail(sender="owned@example.org"), 554, 0, service="late-login"),
    Ending("sender not his own, said at MAIL", mail(sender="owned@example.org"), 553, 0, service="early-login"),
    Ending("8-bit sender without SMTPUTF8", commands("MAIL FROM:<b\N{LATIN SMALL LETTER U WITH DIAERESIS}@example.org>", "QUIT"), 221, 0, service="unicode"),
    Ending("filter before refuses MAIL", mail(sender="refuse-at-mail@example.org"), 550, 0, service="before"),
    Ending("filter before refuses RCPT", mail("refuse-me@example.com"), 554, 0, service="before"),
    Ending("filter before refuses DATA", mail(sender="refuse-at-data@example.org"), 550, 0, service="before"),
    Ending("filter before refuses the end", mail(sender="refuse-at-end@example.org"), 550, 0, service="before"),
    Ending("filter before discards", mail(sender="discard-at-end@example.org"), 250, 0, service="before"),
    Ending("filter behind refuses MAIL", mail(sender="refuse-at-mail@example.org"), 550, 0, service="behind"),
    Ending("filter behind refuses RCPT", mail("refuse-me@example.com"), 554, 0, service="behind"),
    Ending("filter behind refuses DATA", mail(sender="refuse-at-data@example.org"), 550, 0, service="behind"),
    # Nothing comes after end-of-message: why sendlimit stands last.
    Ending("filter behind refuses the end", mail(sender="refuse-at-end@example.org"), 550, 1, service="behind"),
    # A proxy filter takes the mail away before end-of-message: why it does not go together.
    Ending("before-queue proxy", mail(LOCAL), 250, 0, service="proxied"),
]  # fmt: skip


@pytest.mark.usefixtures("daemon")
class TestEnding:
    """One ending of a mail each, on a mailbox that has sent two mails before."""

    @pytest.mark.parametrize("ending", ENDINGS, ids=lambda ending: ending.name)
    def test_counts_what_was_accepted(
        self, ending: Ending, odd_postfix: OddPostfix, domain: FreshDomain, shared_store: Counters
    ) -> None:
        """The mail counts when it was accepted; otherwise nothing of it is left."""
        port = odd_postfix.ports[ending.service]
        send_two(odd_postfix, domain.alice)

        with SmtpClient(port, domain.alice) as client:
            assert ending.play(client, domain.alice) == ending.last_code

        recipients = ending.messages if ending.recipients is None else ending.recipients
        settled(odd_postfix, domain, shared_store)
        shared_store.wait_until_used(domain.alice, 2 + ending.messages)
        shared_store.wait_until_used(domain.alice, 2 + recipients, unit="recipients")
        shared_store.wait_until_used(domain.name, 2 + ending.messages + 1)

    def test_killed_smtpd(
        self, odd_postfix: OddPostfix, domain: FreshDomain, shared_store: Counters
    ) -> None:
        """A reservation is given back when Postfix itself dies in the middle of a mail."""
        send_two(odd_postfix, domain.alice)
        with SmtpClient(odd_postfix.submission_port, domain.alice) as client:
            client.mail(domain.alice)
            shared_store.wait_until_used(domain.alice, 3)
            odd_postfix.kill_smtp_servers()
            with pytest.raises(ConnectionLostError):
                client.rcpt(ELSEWHERE)

        shared_store.wait_until_used(domain.alice, 2)

    def test_show(
        self,
        daemon: Sendlimit,
        odd_postfix: OddPostfix,
        domain: FreshDomain,
        shared_store: Counters,
    ) -> None:
        """`show` says what was accepted, after all kinds of endings."""
        send_two(odd_postfix, domain.alice)
        with SmtpClient(odd_postfix.submission_port, domain.alice) as client:
            commands("MAIL", "RSET", "MAIL", "RCPT", "RSET")(client, domain.alice)
            mail(message=_headers(b"X-Refuse: yes"))(client, domain.alice)
            mail()(client, domain.alice)
        shared_store.wait_until_used(domain.alice, 3)

        shown = daemon.command("show", domain.alice, "--json")
        assert shown.exit_code == 0, shown.stderr
        assert '"used": 3' in shown.stdout


def send_two(postfix: PrivatePostfix, mailbox: str) -> None:
    """Send two mails, so that too much given back would be seen."""
    with SmtpClient(postfix.submission_port, mailbox) as client:
        assert [client.send_mail(mailbox, ELSEWHERE).code for _ in range(2)] == [250, 250]
        client.quit()


def settled(postfix: PrivatePostfix, domain: FreshDomain, store: Counters) -> None:
    """Send a mail of another mailbox: what was given back before it is in the store with it."""
    with SmtpClient(postfix.submission_port, domain.bob) as client:
        assert client.send_mail(domain.bob, ELSEWHERE).code == 250
        client.quit()
    store.wait_until_used(domain.bob, 1)
