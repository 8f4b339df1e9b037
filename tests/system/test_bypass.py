"""Every trick to send more than the limit is tried, and does not work."""

from collections.abc import Iterator

import pytest

from support.rig.counters import Counters
from support.rig.daemon import Sendlimit
from support.rig.mailboxes import FreshDomain
from support.rig.milter_client import MilterClient, packet
from support.rig.postfix import PrivatePostfix
from support.rig.smtp import SmtpClient

pytestmark = [pytest.mark.postfix, pytest.mark.mariadb]

LIMIT = 3
SETTINGS = {"limits": {"mailbox": {"messages_per_day": LIMIT, "recipients_per_day": 500}}}
ELSEWHERE = "someone@example.com"


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
        replies = client.pipeline(f"MAIL FROM:<{domain.alice}>", f"RCPT TO:<{ELSEWHERE}>", "DATA")
        # DATA is the last of a group (RFC 2920): Postfix 3.9 hangs up on what comes early.
        again = [client.command("DATA") for _ in range(2)]

        assert [reply.code for reply in (*replies, *again)] == [450, 503, 503, 503, 503]
        assert shared_store.used(domain.alice) == LIMIT

    @pytest.mark.parametrize(
        "parameter", ["AUTH=<>", "AUTH=bob@example.org", "SIZE=1 BODY=8BITMIME"]
    )
    def test_parameters(
        self, client: SmtpClient, domain: FreshDomain, shared_store: Counters, parameter: str
    ) -> None:
        """A parameter of MAIL, such as the name of another mailbox, changes nothing."""
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
