"""The main job: a mailbox over its limit is refused at MAIL FROM, and no other is."""

import re

import pytest

from support.rig.counters import Counters
from support.rig.daemon import Sendlimit
from support.rig.mailboxes import FreshDomain
from support.rig.postfix import PrivatePostfix
from support.rig.process import wait_for
from support.rig.smtp import SmtpClient

pytestmark = [pytest.mark.postfix, pytest.mark.mariadb]

ELSEWHERE = "someone@example.com"
LOCAL = "alice@example.org"
SETTINGS = {"limits": {"mailbox": {"messages_per_day": 3}}}


@pytest.fixture(params=["submission", "smtp"])
def port(request: pytest.FixtureRequest, postfix: PrivatePostfix) -> int:
    """Both ports that take authenticated mail."""
    return postfix.submission_port if request.param == "submission" else postfix.smtp_port


@pytest.mark.usefixtures("daemon")
class TestLimit:
    """Three mails a day and mailbox."""

    def test_fourth_is_refused(
        self, port: int, domain: FreshDomain, shared_store: Counters
    ) -> None:
        """Three mails pass; the fourth is refused at once at MAIL, with the text, and is free."""
        with SmtpClient(port, domain.alice) as client:
            passed = [client.send_mail(domain.alice, ELSEWHERE) for _ in range(3)]
            refused = client.mail(domain.alice)

        assert [reply.code for reply in passed] == [250, 250, 250]
        assert (refused.code, refused.enhanced) == (450, "4.7.1")
        assert re.fullmatch(
            rf"Sending limit reached: 3 of 3 messages sent by {domain.alice} this day,"
            r" sending works again from \d{4}-\d\d-\d\d \d\d:\d\d UTC",
            refused.text,
        )
        assert shared_store.used(domain.alice) == 3

    def test_same_connection(self, port: int, domain: FreshDomain) -> None:
        """After a refusal the connection goes on: another refusal, RSET, and incoming mail's QUIT."""
        with SmtpClient(port, domain.alice) as client:
            for _ in range(3):
                client.send_mail(domain.alice, ELSEWHERE)

            replies = client.pipeline(
                f"MAIL FROM:<{domain.alice}>", f"RCPT TO:<{ELSEWHERE}>", "RSET",
                f"MAIL FROM:<{domain.alice}>", "NOOP",
            )  # fmt: skip
            assert [reply.code for reply in replies] == [450, 503, 250, 450, 250]
            assert client.quit().code == 221

    def test_next_mail_after_more_was_allowed(
        self, port: int, domain: FreshDomain, daemon: Sendlimit
    ) -> None:
        """A second MAIL on the connection that was refused is accepted once there is room."""
        with SmtpClient(port, domain.alice) as client:
            for _ in range(3):
                client.send_mail(domain.alice, ELSEWHERE)
            assert client.mail(domain.alice).code == 450
            done = daemon.command("usage", "reset", domain.alice, "--yes")
            assert done.exit_code == 0, done.stderr

            assert client.send_mail(domain.alice, ELSEWHERE).code == 250

    def test_other_mailbox(self, port: int, domain: FreshDomain) -> None:
        """A mailbox at its limit keeps no other from sending, in its domain or outside."""
        with SmtpClient(port, domain.alice) as client:
            for _ in range(3):
                client.send_mail(domain.alice, ELSEWHERE)
            assert client.mail(domain.alice).code == 450

        with SmtpClient(port, domain.bob) as client:
            assert client.send_mail(domain.bob, ELSEWHERE).code == 250

    def test_sender_makes_no_difference(self, port: int, domain: FreshDomain) -> None:
        """The login counts, whatever reverse path the client gives."""
        senders = [domain.alice, domain.bob, "", "someone@example.com"]
        with SmtpClient(port, domain.alice) as client:
            codes = [client.send_mail(sender, ELSEWHERE).code for sender in senders]

        assert codes == [250, 250, 250, 450]

    def test_capitals(self, port: int, domain: FreshDomain, shared_store: Counters) -> None:
        """A login in capitals is the same mailbox."""
        for login in (domain.alice, domain.alice.upper(), domain.alice.title()):
            with SmtpClient(port, login) as client:
                assert client.send_mail(domain.alice, ELSEWHERE).code == 250

        with SmtpClient(port, domain.alice.upper()) as client:
            assert client.mail(domain.alice).code == 450
        assert shared_store.used(domain.alice) == 3

    def test_new_connections(self, port: int, domain: FreshDomain) -> None:
        """The limit holds across connections and ports."""
        codes = []
        for _ in range(4):
            with SmtpClient(port, domain.alice) as client:
                codes.append(client.send_mail(domain.alice, ELSEWHERE).code)

        assert codes == [250, 250, 250, 450]


@pytest.mark.usefixtures("daemon")
class TestIncoming:
    """Mail of others for the mailboxes of this server."""

    def test_passes_uncounted(self, postfix: PrivatePostfix, shared_store: Counters) -> None:
        """Unauthenticated mail passes, more than any limit of it, and is not counted."""
        before = shared_store.used()
        with SmtpClient(postfix.smtp_port) as client:
            codes = [client.send_mail(ELSEWHERE, LOCAL).code for _ in range(6)]
            codes += [client.send_mail(LOCAL, LOCAL).code for _ in range(6)]

        assert codes == [250] * 12
        assert shared_store.used() == before

    def test_not_relayed(self, postfix: PrivatePostfix, shared_store: Counters) -> None:
        """Without a login the submission port refuses as before, and nothing is counted."""
        before = shared_store.used()
        with SmtpClient(postfix.submission_port) as client:
            reply = client.send_mail(LOCAL, ELSEWHERE)

        assert (reply.code, reply.stage) == (554, "RCPT")
        assert shared_store.used() == before

    def test_refused_mailbox_still_receives(
        self, postfix: PrivatePostfix, domain: FreshDomain
    ) -> None:
        """A mailbox at its limit is refused to send; mail with its address comes in."""
        with SmtpClient(postfix.smtp_port, domain.alice) as client:
            for _ in range(4):
                client.send_mail(domain.alice, ELSEWHERE)

        with SmtpClient(postfix.smtp_port) as client:
            assert client.send_mail(domain.alice, LOCAL).code == 250


def test_refusal_is_recorded(
    daemon: Sendlimit, postfix: PrivatePostfix, domain: FreshDomain, shared_store: Counters
) -> None:
    """Repeats of a refusal are one episode and a log line each, with mailbox, client and sender."""
    with SmtpClient(postfix.submission_port, domain.alice) as client:
        for _ in range(3):
            client.send_mail(domain.alice, ELSEWHERE)
        for _ in range(4):
            client.mail("odd@example.net")

    lines = daemon.wait_for_lines(f"refused mailbox={domain.alice}", count=4)
    assert "client=127.0.0.1 sender=odd@example.net scope=mailbox" in lines[0]
    assert "unit=messages window=day limit=3 used=3 resets_at=" in lines[0]

    def episodes() -> list[tuple[object, ...]]:
        return shared_store.query(
            "SELECT attempts, last_client_addr, last_sender FROM er_refusal WHERE subject = %s",
            domain.alice,
        )

    wait_for(lambda: episodes() == [(4, "127.0.0.1", "odd@example.net")], 10, "the episode")
