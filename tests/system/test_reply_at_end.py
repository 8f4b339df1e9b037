"""reply.at = "end-of-message": the refusal waits until the mail has been transferred."""

from collections.abc import Iterator

import pytest

from support.rig.counters import Counters
from support.rig.daemon import Sendlimit
from support.rig.mailboxes import FreshDomain
from support.rig.postfix import PrivatePostfix
from support.rig.smtp import SmtpClient

pytestmark = [pytest.mark.postfix, pytest.mark.mariadb]

ELSEWHERE = "someone@example.com"
SETTINGS = {
    "limits": {"mailbox": {"messages_per_day": 2}},
    "reply": {"at": "end-of-message"},
}


@pytest.fixture
def client(daemon: Sendlimit, postfix: PrivatePostfix, domain: FreshDomain) -> Iterator[SmtpClient]:
    """A session of a mailbox that has used up its limit."""
    assert daemon.process.is_running
    with SmtpClient(postfix.submission_port, domain.alice) as client:
        assert [client.send_mail(domain.alice, ELSEWHERE).code for _ in range(2)] == [250, 250]
        yield client


def test_refused_at_the_end(
    client: SmtpClient, domain: FreshDomain, shared_store: Counters
) -> None:
    """MAIL, RCPT and DATA pass; the dot is answered with the refusal, each time, for nothing."""
    replies = [client.send_mail(domain.alice, [ELSEWHERE, domain.bob]) for _ in range(3)]

    assert {(reply.code, reply.enhanced, reply.stage) for reply in replies} == {(450, "4.7.1", ".")}
    assert f"2 of 2 messages sent by {domain.alice}" in replies[0].text
    client.quit()
    shared_store.wait_until_used(domain.alice, 2)


def test_given_up(client: SmtpClient, domain: FreshDomain, shared_store: Counters) -> None:
    """A refusal that was held is gone with its mail; the next mail is decided anew."""
    client.mail(domain.alice)
    client.rset()
    client.mail(domain.alice)
    client.rcpt(ELSEWHERE)
    client.command("EHLO again.example.net")

    assert client.send_mail(domain.alice, ELSEWHERE).code == 450
    shared_store.wait_until_used(domain.alice, 2)


def test_room_again(client: SmtpClient, daemon: Sendlimit, domain: FreshDomain) -> None:
    """A refusal held for one mail does not stick to the next."""
    assert client.send_mail(domain.alice, ELSEWHERE).code == 450
    assert daemon.command("usage", "reset", domain.alice, "--yes").exit_code == 0

    assert client.send_mail(domain.alice, ELSEWHERE).code == 250


def test_many_data(client: SmtpClient, domain: FreshDomain, shared_store: Counters) -> None:
    """BDAT is refused at its last chunk as DATA is at the dot."""
    client.mail(domain.alice)
    client.rcpt(ELSEWHERE)

    assert client.bdat(b"Subject: x\r\n\r\nx\r\n").code == 450
    shared_store.wait_until_used(domain.alice, 2)
