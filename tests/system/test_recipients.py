"""Limits on recipients: counted at end-of-message, all or none (R9)."""

from collections.abc import Iterator

import pytest

from support.rig.counters import Counters
from support.rig.daemon import Sendlimit
from support.rig.mailboxes import FreshDomain
from support.rig.postfix import PrivatePostfix
from support.rig.smtp import Reply, SmtpClient

pytestmark = [pytest.mark.postfix, pytest.mark.mariadb]

A_DAY = 10
A_MESSAGE = 6
SETTINGS = {
    "limits": {"mailbox": {"recipients_per_day": A_DAY, "recipients_per_message": A_MESSAGE}}
}


@pytest.fixture
def client(daemon: Sendlimit, postfix: PrivatePostfix, domain: FreshDomain) -> Iterator[SmtpClient]:
    """A session of the domain's first mailbox."""
    assert daemon.process.is_running
    with SmtpClient(postfix.submission_port, domain.alice) as client:
        yield client


def send_to(client: SmtpClient, number: int) -> Reply:
    """Send a mail to so many recipients; the first refusal ends it."""
    reply = client.send_mail("me@example.org", [f"r{n}@example.com" for n in range(number)])
    if not reply.is_ok:
        client.rset()
    return reply


def outcome(reply: Reply) -> tuple[int, str]:
    """Return code and stage."""
    return reply.code, reply.stage


class TestADay:
    """Ten recipients a day."""

    def test_eleventh(
        self, client: SmtpClient, domain: FreshDomain, shared_store: Counters
    ) -> None:
        """Ten of ten pass, in mails of any size; the eleventh is refused at MAIL, uncounted."""
        assert [send_to(client, number).code for number in (1, 3, 6)] == [250, 250, 250]

        refused = send_to(client, 1)
        assert (*outcome(refused), refused.enhanced) == (450, "MAIL", "4.7.1")
        assert f"10 of 10 recipients sent by {domain.alice} this day" in refused.text
        shared_store.wait_until_used(domain.alice, 10, unit="recipients")
        shared_store.wait_until_used(domain.alice, 3)

    def test_beyond_what_is_left(
        self, client: SmtpClient, domain: FreshDomain, shared_store: Counters
    ) -> None:
        """A recipient beyond what is left is refused at RCPT; given up, nothing is counted."""
        send_to(client, 6)
        send_to(client, 2)

        assert outcome(send_to(client, 3)) == (450, "RCPT")
        client.quit()
        shared_store.wait_until_used(domain.alice, 8, unit="recipients")
        shared_store.wait_until_used(domain.alice, 2)

    def test_sent_to_those_that_were_let_through(
        self, client: SmtpClient, domain: FreshDomain, shared_store: Counters
    ) -> None:
        """A client that sends the mail to the recipients before the refused one is charged for those."""
        send_to(client, 6)
        send_to(client, 2)
        client.mail("me@example.org")
        codes = [client.rcpt(f"r{n}@example.com").code for n in range(3)]

        assert codes == [250, 250, 450]
        assert client.data().code == 250
        shared_store.wait_until_used(domain.alice, 10, unit="recipients")
        shared_store.wait_until_used(domain.alice, 3)

    def test_two_sessions(
        self,
        client: SmtpClient,
        postfix: PrivatePostfix,
        domain: FreshDomain,
        shared_store: Counters,
    ) -> None:
        """Two sessions see the same room; the second to end is refused at the end, for nothing."""
        send_to(client, 3)
        with SmtpClient(postfix.smtp_port, domain.alice) as other:
            for session in (client, other):
                session.mail("me@example.org")
                assert [session.rcpt(f"r{n}@example.com").code for n in range(5)] == [250] * 5
            first, second = client.data(), other.data()
            other.quit()

        assert outcome(first) == (250, ".")
        assert (*outcome(second), second.enhanced) == (450, ".", "4.7.1")
        assert "8 of 10 recipients" in second.text
        shared_store.wait_until_used(domain.alice, 8, unit="recipients")
        shared_store.wait_until_used(domain.alice, 2)

    def test_refused_by_postfix(
        self, client: SmtpClient, domain: FreshDomain, shared_store: Counters
    ) -> None:
        """A recipient that Postfix refuses is none."""
        client.mail("me@example.org")
        assert client.rcpt("a b c").code == 501
        client.rcpt("r@example.com")
        client.data()

        shared_store.wait_until_used(domain.alice, 1, unit="recipients")

    def test_same_recipient_twice(
        self, client: SmtpClient, domain: FreshDomain, shared_store: Counters
    ) -> None:
        """Each RCPT that was accepted counts, also of an address that was named before."""
        client.send_mail("me@example.org", ["r@example.com"] * 4)

        shared_store.wait_until_used(domain.alice, 4, unit="recipients")


class TestAMessage:
    """Six recipients a message."""

    def test_one_too_many(
        self, client: SmtpClient, domain: FreshDomain, shared_store: Counters
    ) -> None:
        """The seventh recipient of a mail is refused at RCPT with its own text, for nothing."""
        refused = send_to(client, 7)

        assert (*outcome(refused), refused.enhanced) == (450, "RCPT", "4.7.1")
        assert refused.text == (
            f"Too many recipients: one mail of {domain.alice} may go to {A_MESSAGE} at most"
        )
        client.quit()
        shared_store.wait_until_used(domain.alice, 0, unit="recipients")
        shared_store.wait_until_used(domain.alice, 0)

    def test_next_mail(self, client: SmtpClient) -> None:
        """A refused mail does not bear on the next one of the connection."""
        assert outcome(send_to(client, 7)) == (450, "RCPT")
        assert outcome(send_to(client, 6)) == (250, ".")

    def test_pipelined(
        self, client: SmtpClient, domain: FreshDomain, shared_store: Counters
    ) -> None:
        """All commands at once change nothing: six pass, the others are refused."""
        recipients = [f"RCPT TO:<r{n}@example.com>" for n in range(9)]
        replies = client.pipeline("MAIL FROM:<me@example.org>", *recipients, "DATA")
        client.send_raw(b"x\r\n.\r\n")

        assert [reply.code for reply in replies] == [250] * 7 + [450] * 3 + [354]
        assert client.read_reply(".").code == 250
        shared_store.wait_until_used(domain.alice, 6, unit="recipients")
