"""Ways past a limit that work elsewhere, each with its name: the limit holds.

Further ones stand in tests/system: test_bypass.py (at the limit: DATA again, AUTH= of
another mailbox, long HELO, a thousand recipients), test_limits_at_mail.py (capitals, ports) and
test_exact_under_load.py (many connections at once).
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.rig.configuration import configuration
from support.rig.counters import Counters, in_sqlite
from support.rig.daemon import Sendlimit
from support.rig.dovecot import PrivateDovecot
from support.rig.postfix import RECOMMENDED_MILTERS, PrivatePostfix
from support.rig.process import running
from support.rig.smtp import SmtpClient

pytestmark = pytest.mark.postfix

LIMIT = 3
ELSEWHERE = "someone@example.com"
HELD = [250] * LIMIT + [450]

SENDERS = {
    "bang": "a!b@example.net",
    "equals sign": "a=b@example.net",
    "bounce address": "prvs=0123456789=a@example.net",
    "bounce of a list": "list-bounces+a=b.example@example.net",
    "percent hack": "a%b.example@example.net",
    "route": "@relay.example:a@example.net",
    "quoted": '"a b"@example.net',
    "all signs": "~!$^*{}|'`#&/?@example.net",
    "no domain": "postmaster",
    "null": "",
    "address literal": "a@[192.0.2.1]",
}

LOGINS = {
    "equals sign": "a=b@odd.example",
    "bang": "a!b@odd.example",
    "percent": "100%@odd.example",
    "placeholder": "%s{used}@odd.example",
    "plus": "a+tag@odd.example",
    "slash": "a/b@odd.example",
    "quote": "o'brien@odd.example",
    "SQL comment": "a'--@odd.example",
    "blank": "a b@odd.example",
    "no domain": "nodomain",
    "two domains": "a@b@odd.example",
    "SMTP words": "a@odd.example>550 5.7.1",
}

# What becomes of logins that Dovecot escapes (\1 as \1 and "1") and Postfix puts "?" into.
UNPRINTABLE = {
    "line break": ("a\r\n250 x@odd.example", "a?r?n250 x@odd.example"),
    "controls": ("\x01\x1b[31m\x7f@odd.example", "?1?[31m?@odd.example"),
    "tab": ("a\tb@odd.example", "a?tb@odd.example"),
}

MAILBOXES = [f"m{number}@odd.example" for number in range(40)]


@pytest.fixture(scope="module")
def postfix(module_folder: Path) -> Iterator[PrivatePostfix]:
    """A Postfix whose Dovecot lets any login in."""
    dovecot = PrivateDovecot(module_folder / "dovecot", takes_any_login=True)
    postfix = PrivatePostfix(
        module_folder / "postfix", sasl_path=dovecot.sasl_path, milters=RECOMMENDED_MILTERS
    )
    with running(dovecot), running(postfix):
        yield postfix


@pytest.fixture(scope="module")
def counters(module_folder: Path) -> Counters:
    """The store of the daemon."""
    return in_sqlite(module_folder / "sendlimit.db")


@pytest.fixture(scope="module")
def daemon(module_folder: Path, postfix: PrivatePostfix, counters: Counters) -> Iterator[Sendlimit]:
    """A daemon that lets every mailbox send three mails to twelve recipients a day."""
    settings = configuration(
        module_folder,
        postfix.milter_socket,
        counters.settings,
        limits={"mailbox": {"messages_per_day": LIMIT, "recipients_per_day": 4 * LIMIT}},
    )
    with running(Sendlimit(module_folder, settings)) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def unused() -> Iterator[str]:
    """Mailboxes that have not sent anything."""
    return iter(MAILBOXES)


@pytest.fixture
def mailbox(unused: Iterator[str]) -> str:
    """A mailbox that has not sent anything."""
    return next(unused)


@pytest.fixture
def client(daemon: Sendlimit, postfix: PrivatePostfix, mailbox: str) -> Iterator[SmtpClient]:
    """A session of the mailbox."""
    assert daemon.process.is_running
    with SmtpClient(postfix.submission_port, mailbox) as client:
        yield client


@pytest.mark.parametrize("sender", SENDERS.values(), ids=SENDERS)
def test_odd_sender(client: SmtpClient, mailbox: str, counters: Counters, sender: str) -> None:
    """An odd reverse path in every mail changes nothing."""
    assert [client.send_mail(sender, ELSEWHERE).code for _ in range(LIMIT + 1)] == HELD
    assert counters.used(mailbox) == LIMIT


@pytest.mark.usefixtures("daemon")
@pytest.mark.parametrize("login", LOGINS.values(), ids=LOGINS)
def test_odd_login(postfix: PrivatePostfix, counters: Counters, login: str) -> None:
    """An odd login has its limit; it is refused in one clean line of the class it should be."""
    with SmtpClient(postfix.submission_port, login) as client:
        replies = [client.send_mail("a@example.net", ELSEWHERE) for _ in range(LIMIT + 1)]

    assert [reply.code for reply in replies] == HELD
    assert replies[-1].enhanced == "4.7.1"
    assert replies[-1].text.startswith(f"Sending limit reached: 3 of 3 messages sent by {login} ")
    assert counters.used(login) == LIMIT


@pytest.mark.usefixtures("daemon")
@pytest.mark.parametrize(("login", "counted"), UNPRINTABLE.values(), ids=UNPRINTABLE)
def test_unprintable_login(
    postfix: PrivatePostfix, counters: Counters, login: str, counted: str
) -> None:
    """A login with control characters is limited, and none of them comes back in the reply."""
    with SmtpClient(postfix.submission_port, login) as client:
        replies = [client.send_mail("a@example.net", ELSEWHERE) for _ in range(LIMIT + 1)]

    assert [reply.code for reply in replies] == HELD
    assert f"sent by {counted} " in replies[-1].text
    assert replies[-1].text.isprintable()
    assert counters.used(counted) == LIMIT


@pytest.mark.parametrize("parameter", ["AUTH=<>", "AUTH=m39@odd.example"])
def test_auth_parameter_in_every_mail(client: SmtpClient, mailbox: str, parameter: str) -> None:
    """AUTH= from the first mail on neither frees nor charges another mailbox."""
    codes = []
    for _ in range(LIMIT + 1):
        codes.append(client.mail(mailbox, parameter).code)
        if codes[-1] == 250:
            client.rcpt(ELSEWHERE)
            client.data()

    assert codes == HELD


@pytest.mark.parametrize("recipient", ["postmaster@example.org", "mailer-daemon@example.com"])
def test_postmaster_in_every_mail(client: SmtpClient, mailbox: str, recipient: str) -> None:
    """A recipient that others never limit, in each mail, exempts none of them."""
    mails = [client.send_mail(mailbox, [recipient, ELSEWHERE]).code for _ in range(LIMIT + 1)]

    assert mails == HELD


def test_first_mail_to_many_recipients(
    client: SmtpClient, mailbox: str, counters: Counters
) -> None:
    """The very first mail is held to the limit on recipients, sent at one go or not."""
    commands = [f"RCPT TO:<r{number}@example.com>" for number in range(20)]
    replies = client.pipeline(f"MAIL FROM:<{mailbox}>", *commands)

    assert [reply.code for reply in replies] == [250] * 13 + [450] * 8
    assert client.data().code == 250
    counters.wait_until_used(mailbox, 4 * LIMIT, unit="recipients")


def test_sessions_that_begin_before_any_ends(
    postfix: PrivatePostfix, daemon: Sendlimit, mailbox: str, counters: Counters
) -> None:
    """Ten sessions that all say MAIL before the first mail is sent: three are let through."""
    assert daemon.process.is_running
    clients = [SmtpClient(postfix.submission_port, mailbox) for _ in range(10)]
    try:
        codes = [client.mail(mailbox).code for client in clients]
        assert sorted(codes) == [250] * LIMIT + [450] * 7
        for client, code in zip(clients, codes, strict=True):
            if code == 250:
                assert client.rcpt(ELSEWHERE).code == 250
                assert client.data().code == 250
    finally:
        for client in clients:
            client.close()
    assert counters.used(mailbox) == LIMIT


def test_login_after_a_mail_without_one(
    postfix: PrivatePostfix, daemon: Sendlimit, mailbox: str, counters: Counters
) -> None:
    """A session whose first mail was not authenticated is limited once it logs in."""
    assert daemon.process.is_running
    with SmtpClient(postfix.smtp_port) as client:
        assert client.send_mail("x@example.com", "alice@example.org").code == 250
        client.ehlo()
        assert client.auth(mailbox).code == 235
        assert [client.send_mail(mailbox, ELSEWHERE).code for _ in range(LIMIT + 1)] == HELD

    assert counters.used(mailbox) == LIMIT


@pytest.mark.parametrize("end", [["DATA"], ["BDAT 5 LAST"], ["RCPT TO:<a@example.com>", "DATA"]])
def test_refusal_ignored(client: SmtpClient, mailbox: str, end: list[str]) -> None:
    """A client that goes on after the refusal as if nothing had been said gets nothing through."""
    assert [client.send_mail(mailbox, ELSEWHERE).code for _ in range(LIMIT)] == [250] * LIMIT
    client.send(f"MAIL FROM:<{mailbox}>", f"RCPT TO:<{ELSEWHERE}>", *end)
    if end[0].startswith("BDAT"):
        client.send_raw(b"Hello")

    assert client.read_reply("MAIL").code == 450
    assert [client.read_reply(word).code for word in ("RCPT", *end)] == [503] * (1 + len(end))


def test_giving_up_again_and_again(client: SmtpClient, mailbox: str, counters: Counters) -> None:
    """RSET after RSET, with and without a mail, frees no more than was taken."""
    assert [client.send_mail(mailbox, ELSEWHERE).code for _ in range(2)] == [250, 250]
    for _ in range(5):
        client.mail(mailbox)
        client.rset()
        client.rset()
    client.ehlo()

    assert [client.send_mail(mailbox, ELSEWHERE).code for _ in range(2)] == [250, 450]
    assert counters.used(mailbox) == LIMIT
