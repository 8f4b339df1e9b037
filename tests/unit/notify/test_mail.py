"""The mails, given to an SMTP server that answers from a script."""

import email
import email.policy
from collections.abc import Sequence
from dataclasses import replace
from email.message import EmailMessage

import pytest

from sendlimit.config.notify_texts import NotifyTexts
from sendlimit.notify.host import host_name
from sendlimit.notify.mail import AdminRoute, MailServer, OwnerRoute
from sendlimit.notify.notices import Event, Notice
from sendlimit.notify.outbox import DeliveryError
from sendlimit.rules.mailbox import Sender
from sendlimit.rules.suspicion import Reason, Suspension
from support.counting_samples import ALICE, NOON, UTC, usage_of
from support.notice_receivers import smtp_server
from support.rig.process import free_port

_OK = "250 2.0.0 Ok"
_SESSION = ["220 mx ESMTP", "250 mx", _OK, _OK, "354 go on", _OK, "221 2.0.0 Bye"]
_HIT = usage_of("mailbox.messages_per_day", 100, 100)
_REACHED = Notice("1f", Event.LIMIT_REACHED, NOON, sender=ALICE, exceeded=_HIT)


def _owner(port: int, texts: NotifyTexts | None = None, **settings: str) -> OwnerRoute:
    server = MailServer(
        ("127.0.0.1", port), settings.get("mail_from"), settings.get("return_path", "")
    )
    return OwnerRoute(server, texts or NotifyTexts(), UTC)


def _admins(port: int) -> AdminRoute:
    server = MailServer(("127.0.0.1", port), None, "")
    return AdminRoute(server, ["a@example.org", "b@example.org"], NotifyTexts(), UTC)


def _message(lines: Sequence[str]) -> EmailMessage:
    """Return the message of a session."""
    start = lines.index("data") + 1
    text = "\r\n".join(lines[start : lines.index(".", start)])
    message = email.message_from_string(text, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def test_envelope_and_header() -> None:
    """The mail needs no login, can't bounce, and its header keeps programs from answering."""
    with smtp_server(_SESSION) as (port, lines):
        _owner(port).deliver(_REACHED)

    message = _message(lines)
    assert [line.split()[0] for line in lines[:2]] == ["ehlo", "mail"]
    assert lines[1].lower().startswith("mail from:<>")
    assert lines[2].lower() == "rcpt to:<alice@example.org>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["From"] == f"sendlimit <sendlimit@{host_name()}>"
    assert message["To"] == "alice@example.org"
    assert message["Date"] == "Sun, 22 Nov 2026 12:00:00 -0000"
    assert message["Message-ID"] == f"<1f@{host_name()}>"
    assert message["Subject"] == "Your sending limit is reached"
    assert "100 messages" in message.get_content()


def test_own_words_and_addresses() -> None:
    """Texts and addresses of the config file are used, umlauts arrive as they are."""
    texts = NotifyTexts.model_validate(
        {
            "owner_reached": {
                "subject": "Grenze für {mailbox}",
                "body": "Schön: {used} von {limit}\n",
            }
        }
    )
    with smtp_server(_SESSION) as (port, lines):
        _owner(port, texts, mail_from="post@example.org", return_path="b@example.org").deliver(
            _REACHED
        )

    message = _message(lines)
    assert lines[1].lower().startswith("mail from:<b@example.org>")
    assert message["From"] == "sendlimit <post@example.org>"
    assert message["Subject"] == "Grenze für alice@example.org"
    assert message.get_content().strip() == "Schön: 100 von 100"
    assert all(line.isascii() for line in lines)


def test_admins_get_one_mail() -> None:
    """All admins stand in one mail."""
    session = [*_SESSION[:4], _OK, *_SESSION[4:]]
    with smtp_server(session) as (port, lines):
        _admins(port).deliver(_REACHED)

    assert [line.lower() for line in lines[2:4]] == [
        "rcpt to:<a@example.org>",
        "rcpt to:<b@example.org>",
    ]
    assert _message(lines)["To"] == "a@example.org, b@example.org"


@pytest.mark.parametrize(
    ("session", "reason", "is_permanent"),
    [
        pytest.param(["421 4.3.2 later"], "SMTP reply 421", False, id="greeting"),
        pytest.param([*_SESSION[:2], "530 5.7.0 log in first"], "SMTP reply 530", True, id="MAIL"),
        pytest.param([*_SESSION[:3], "450 4.2.0 busy", _OK], "SMTP reply 450", False, id="RCPT later"),
        pytest.param([*_SESSION[:3], "550 5.1.1 unknown", _OK], "SMTP reply 550", True, id="RCPT never"),
        pytest.param([*_SESSION[:5], "451 4.3.0 later", _OK], "SMTP reply 451", False, id="message"),
        pytest.param(_SESSION[:3], "SMTPServerDisconnected", False, id="hangs up"),
    ],
)  # fmt: skip
def test_failure(session: Sequence[str], reason: str, is_permanent: bool) -> None:  # noqa: FBT001 - a table
    """A transient reply is worth another try, a permanent one is not."""
    with smtp_server(session) as (port, _), pytest.raises(DeliveryError) as failure:
        _owner(port).deliver(_REACHED)

    assert (str(failure.value), failure.value.is_permanent) == (reason, is_permanent)


def test_some_recipients_refused() -> None:
    """A mail that some recipients have is not sent again."""
    session = [*_SESSION[:4], "450 4.2.0 busy", *_SESSION[4:]]
    with smtp_server(session) as (port, _), pytest.raises(DeliveryError) as failure:
        _admins(port).deliver(_REACHED)

    assert str(failure.value) == "SMTP reply 450 for some recipients"
    assert failure.value.is_permanent


def test_server_away() -> None:
    """A mail server that is away is worth another try."""
    with pytest.raises(DeliveryError, match="Connection refused") as failure:
        _owner(free_port()).deliver(_REACHED)

    assert not failure.value.is_permanent


def test_address_that_the_server_can_not_take() -> None:
    """A login with an umlaut needs SMTPUTF8; without it the notice is given up."""
    notice = Notice(
        "1f", Event.LIMIT_REACHED, NOON, sender=Sender("jörg@b.org", "b.org"), exceeded=_HIT
    )
    with (
        smtp_server([*_SESSION[:2], "221 Bye"]) as (port, _),
        pytest.raises(DeliveryError) as failure,
    ):
        _owner(port).deliver(notice)

    assert failure.value.is_permanent


@pytest.mark.parametrize(
    ("notice", "expected"),
    [
        pytest.param(_REACHED, True, id="own limit"),
        pytest.param(
            Notice("1f", Event.WARNING, NOON, sender=ALICE, exceeded=usage_of("domain.messages_per_day", 1, 1)),
            False, id="limit of the domain",
        ),
        pytest.param(
            Notice("1f", Event.WARNING, NOON, observe=True, sender=ALICE, exceeded=_HIT),
            False, id="nothing is refused",
        ),
        pytest.param(Notice("1f", Event.STORE_DOWN, NOON, error="gone"), False, id="database"),
        pytest.param(
            Notice("1f", Event.WARNING, NOON, sender=Sender("alice", None), exceeded=_HIT),
            False, id="login without a domain",
        ),
        pytest.param(
            Notice("1f", Event.WARNING, NOON, sender=Sender("a, b@x.org", "x.org"), exceeded=_HIT),
            False, id="login that is no address",
        ),
    ],
)  # fmt: skip
def test_what_concerns_the_owner(notice: Notice, expected: bool) -> None:  # noqa: FBT001 - a table
    """An owner gets notices about enforced limits of the mailbox, if the login is an address."""
    assert _owner(25).takes(notice) is expected


def test_suspension() -> None:
    """R17: admins read why and from where; the owner, whose mail a thief may read, no number."""
    suspension = Suspension(
        ALICE, Reason.REFUSALS, 20, ("192.0.2.7",), NOON, NOON + 60, 3600, observe=False
    )
    notice = Notice("1f", Event.SUSPENDED, NOON, sender=ALICE, suspension=suspension)
    with smtp_server([*_SESSION[:4], *_SESSION[3:]]) as (port, lines):
        _admins(port).deliver(notice)
    admins = _message(lines)
    with smtp_server(_SESSION) as (port, lines):
        assert _owner(port).takes(notice)
        assert not _owner(port).takes(replace(notice, observe=True))
        _owner(port).deliver(notice)
    owner = _message(lines)

    assert admins["Subject"] == (
        "sendlimit: alice@example.org is suspended: 20 refusals within 1 hour"
    )
    text = admins.get_content()
    assert "suspended until 2026-11-22 12:01 UTC: 20 refusals within 1 hour." in text
    assert "Clients, the last first: 192.0.2.7." in text
    assert "sendlimit release alice@example.org" in text
    assert owner["Subject"] == "Sending is suspended for alice@example.org"
    assert not set(owner.get_content()) & set("0123456789")
