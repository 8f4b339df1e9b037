"""What notices say."""

import pytest

from sendlimit.config.notify_texts import NotifyTexts
from sendlimit.notify.notices import Event, Notice
from sendlimit.notify.texts import admin_mail, owner_mail, sentence
from sendlimit.rules.decision import LimitUsage
from sendlimit.rules.mailbox import Sender
from sendlimit.rules.suspicion import Reason, Suspension
from support.counting_samples import ALICE, BERLIN, NOON, usage_of

_DAY = "mailbox.messages_per_day"


def _notice(
    event: Event, exceeded: LimitUsage | None = None, sender: Sender = ALICE, **facts: object
) -> Notice:
    who = sender if exceeded else None
    return Notice("1f", event, NOON, sender=who, exceeded=exceeded, **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("notice", "expected"),
    [
        (
            _notice(Event.WARNING, usage_of(_DAY, 100, 80)),
            "alice@example.org is close to the mailbox limit: 80 of 100 messages per day",
        ),
        (
            _notice(Event.LIMIT_REACHED, usage_of("global.messages_per_day", 9, 9), observe=True),
            "alice@example.org has reached the server limit: 9 of 9 messages per day (observe mode)",
        ),
        (_notice(Event.STORE_DOWN, error="gone"), "Nothing is decided: sending limits do not hold"),
        (
            _notice(Event.FINDING, error="attached (smtp/inet)\nclock"),
            "sendlimit doctor has found an error: attached (smtp/inet) clock",
        ),
        (
            _notice(Event.FINDING_OVER, error="clock"),
            "sendlimit doctor does not find this error any more: clock",
        ),
        (
            _notice(Event.STORE_BACK, bookings=7),
            "Sending limits hold again, mails accepted meanwhile and counted now: 7",
        ),
    ],
)  # fmt: skip
def test_sentence(notice: Notice, expected: str) -> None:
    """Each event is a sentence that makes sense alone."""
    assert sentence(notice, BERLIN) == expected


def test_owner() -> None:
    """The owner learns how much is used, when it frees up, and what else it may mean."""
    exceeded = usage_of(_DAY, 100, 80)
    mail = owner_mail(_notice(Event.WARNING, exceeded), NotifyTexts(), BERLIN)

    assert mail.subject == "You are close to your sending limit"
    assert "80 of 100 messages that alice@example.org may send this day" in mail.body
    assert "2026-11-23 01:00 CET" in mail.body
    assert "change it now" in mail.body


def test_admin() -> None:
    """Admins learn which limit of whom, and on which host."""
    exceeded = usage_of("domain.messages_per_day", 100, 100)
    mail = admin_mail(_notice(Event.LIMIT_REACHED, exceeded), NotifyTexts(), BERLIN, "mx1")

    assert mail.subject == (
        "sendlimit: alice@example.org has reached the domain limit of 100 messages per day"
    )
    assert "'sendlimit show alice@example.org'" in mail.body
    assert mail.body.endswith("-- \nsendlimit on mx1, 2026-11-22 13:00:00 CET\n")


def test_admin_in_observe_mode() -> None:
    """In observe mode the mail to admins says that nothing is refused."""
    notice = _notice(Event.LIMIT_REACHED, usage_of(_DAY, 1, 1), observe=True)

    assert "nothing is refused" in admin_mail(notice, NotifyTexts(), BERLIN, "mx1").body


def test_store() -> None:
    """The mails about the database name the error and the number of mails."""
    texts = NotifyTexts()
    down = admin_mail(_notice(Event.STORE_DOWN, error="no route"), texts, BERLIN, "mx1")
    back = admin_mail(_notice(Event.STORE_BACK, bookings=7), texts, BERLIN, "mx1")

    assert down.subject == "sendlimit: Nothing is decided: sending limits do not hold"
    assert down.body.startswith("no route\n")
    assert "Mails accepted meanwhile: 7" in back.body


def test_odd_login() -> None:
    """A login with a line break can't add a header or a line."""
    sender = Sender("a\r\nBcc: x@example.net\r\n\r\n@example.org", "example.org")
    notice = _notice(Event.LIMIT_REACHED, usage_of(_DAY, 1, 1, sender), sender)
    mail = admin_mail(notice, NotifyTexts(), BERLIN, "mx1")

    assert mail.subject.splitlines() == [mail.subject]
    assert "\nBcc" not in mail.body


@pytest.mark.parametrize("name", ["mailbox.messages_per_day", "domain.recipients_per_hour"])
def test_a_limit_of_nothing_promises_no_time(name: str) -> None:
    """Where nothing may be sent, no mail says when sending works again."""
    notice = _notice(Event.LIMIT_REACHED, usage_of(name, 0, 0))
    mails = [
        owner_mail(notice, NotifyTexts(), BERLIN),
        admin_mail(notice, NotifyTexts(), BERLIN, "mx1"),
    ]

    for mail in mails:
        assert "again" not in f"{mail.subject} {mail.body}"
        assert "never" not in f"{mail.subject} {mail.body}"
        assert "limit is 0 " in mail.body
    assert mails[0].subject == "Sending is switched off for alice@example.org"


def test_own_text_without_a_moment_stays() -> None:
    """A text of the admin's that names no moment is sent where the limit is 0, too."""
    texts = NotifyTexts.model_validate(
        {"owner_reached": {"subject": "Stop", "body": "Ask us, {mailbox}\n"}}
    )
    mail = owner_mail(_notice(Event.LIMIT_REACHED, usage_of(_DAY, 0, 0)), texts, BERLIN)

    assert mail == ("Stop", "Ask us, alice@example.org\n")


def test_suspension_in_observe_mode() -> None:
    """R12, R17: nothing says that the mailbox is suspended, also not the admin's own words."""
    suspension = Suspension(
        ALICE, Reason.REFUSALS, 20, ("192.0.2.7",), NOON, None, 3600, observe=True
    )
    notice = Notice("1f", Event.SUSPENDED, NOON, observe=True, sender=ALICE, suspension=suspension)
    mail = admin_mail(notice, NotifyTexts(), BERLIN, "mx1")

    assert sentence(notice, BERLIN) == (
        "alice@example.org would be suspended until released: 20 refusals within 1 hour,"
        " from 192.0.2.7 (observe mode)"
    )
    assert mail.subject == (
        "sendlimit: alice@example.org would be suspended: 20 refusals within 1 hour"
    )
    assert "is suspended" not in mail.body
    assert "192.0.2.7" in mail.body
    assert 'Mode "observe": nothing is refused.' in mail.body
