"""The milter session: every way a mail can end (R1, R2, R8, R9, R11, R12)."""

import logging
from collections.abc import Callable

import pytest

from sendlimit.daemon.server_state import SessionSettings
from sendlimit.daemon.verdict import Verdict
from sendlimit.rules.client import read_network
from sendlimit.rules.limit import LATCH
from sendlimit.rules.login_map import LoginMap
from sendlimit.rules.reply import Wording
from support.counting_samples import ALICE, DAY_START, UTC, setting
from support.doubles.server import Connection, Server

_DAY = "mailbox.messages_per_day"
_REACHED = (
    "Sending limit reached: 3 of 3 messages sent by alice@example.org this day,"
    " sending works again from 2026-11-23 00:00 UTC"
)
_LIMIT_OF_3 = setting("*", _DAY, 3)


def test_three_pass_and_the_fourth_is_refused() -> None:
    """R10: limit 3: the fourth MAIL is answered 450 4.7.1 at once, with the text."""
    connection = Server(_LIMIT_OF_3).connect()

    answers = [connection.send() for _ in range(4)]

    assert answers == [Verdict.CONTINUE] * 3 + ["450"]
    assert connection.replies == [("450", "4.7.1", _REACHED)]


def test_refused_mail_costs_nothing() -> None:
    """R6: after a refusal the counters are what was accepted, in all scopes."""
    server = Server(_LIMIT_OF_3)
    connection = server.connect()
    for _ in range(5):
        connection.send()

    assert server.used() == 3
    assert server.used("global.messages_per_day", "*") == 3
    assert server.counters()[LATCH] == 3
    assert server.events.open == 0


def test_new_day_sends_again() -> None:
    """R5: at midnight the same connection may send again."""
    server = Server(_LIMIT_OF_3)
    connection = server.connect()
    for _ in range(3):
        connection.send()
    server.daemon.now = DAY_START + 86_400 - 1
    assert connection.send() == "450"

    server.daemon.now += 1

    assert connection.send() == Verdict.CONTINUE


def test_limit_in_the_database_holds_for_the_next_mail() -> None:
    """A row of er_limit is in force from the next mail on, also on an open connection."""
    server = Server()
    connection = server.connect()
    assert connection.send() == Verdict.CONTINUE

    server.daemon.tables.limits = [setting("alice@example.org", _DAY, 0)]

    assert connection.send() == "450"


@pytest.mark.parametrize("login", [None, ""])
def test_unauthenticated_mail_is_accepted_and_not_counted(login: str | None) -> None:
    """R1: incoming mail passes whatever the limits are; ACCEPT ends the questions for this mail."""
    server = Server(setting("*", "global.messages_per_day", 0))

    assert server.connect(login).mail() == Verdict.ACCEPT
    assert server.counters() == {}
    assert server.events.recorded == ["not authenticated"]


def test_login_that_appears_later_counts() -> None:
    """R1: ACCEPT at MAIL is for that mail only; after AUTH the next one is limited."""
    server = Server(_LIMIT_OF_3)
    connection = server.connect(None)
    assert connection.mail() == Verdict.ACCEPT

    connection.macros["{auth_authen}"] = ALICE.mailbox
    connection.send()

    assert server.used() == 1


@pytest.mark.parametrize("login", ["ALICE@Example.ORG", "alice@example.org", "alice"])
def test_one_mailbox_under_any_spelling(login: str) -> None:
    """R2: capitals and a missing default domain make no other mailbox."""
    server = Server(
        _LIMIT_OF_3, settings=SessionSettings(UTC, Wording(), default_domain="example.org")
    )
    server.connect(login).send()

    assert server.used() == 1


def test_envelope_sender_is_not_the_mailbox() -> None:
    """R2: the login counts, never MAIL FROM."""
    server = Server(_LIMIT_OF_3)
    connection = server.connect()
    connection.mail(b"<bob@example.org>")
    connection.end_of_message()

    assert server.used() == 1
    assert server.used(_DAY, "bob@example.org") == 0


def test_login_that_is_no_text_is_accepted(caplog: pytest.LogCaptureFixture) -> None:
    """R11: a login that can't be decoded is accepted, with a line."""
    server = Server(setting("*", "global.messages_per_day", 0))
    with caplog.at_level(logging.INFO, "sendlimit"):
        assert server.connect(b"\xff\xfe").mail() == Verdict.ACCEPT

    assert caplog.messages == ['accepted-on-failure mailbox=? reason="the login is not UTF-8"']


def test_exempt_login_is_not_counted() -> None:
    """identity.exempt: the mailbox passes whatever the limits are."""
    server = Server(
        setting("*", _DAY, 0),
        settings=SessionSettings(UTC, Wording(), exempt=frozenset({"alice@example.org"})),
    )

    assert server.connect("Alice@example.org").mail() == Verdict.ACCEPT
    assert server.counters() == {}
    assert server.events.recorded == ["exempt"]


def _end_of_message(connection: Connection) -> None:
    connection.end_of_message()


def _abort(connection: Connection) -> None:
    connection.abort()


def _abort_twice(connection: Connection) -> None:
    connection.abort()
    connection.abort()


def _end_and_abort_twice(connection: Connection) -> None:
    connection.end_of_message()
    connection.abort()
    connection.abort()


def _end_twice(connection: Connection) -> None:
    connection.end_of_message()
    connection.end_of_message()


@pytest.mark.parametrize(
    ("ending", "counted"),
    [
        pytest.param(_end_of_message, 1, id="end-of-message"),
        pytest.param(_abort, 0, id="abort: RSET, refused by another filter, lost connection"),
        pytest.param(_abort_twice, 0, id="abort twice, or abort and a lost connection"),
        pytest.param(_end_and_abort_twice, 1, id="an abort after the end changes nothing"),
        pytest.param(_end_twice, 1, id="a second end changes nothing"),
    ],
)
@pytest.mark.parametrize("recipients", [0, 1])
def test_ending(ending: Callable[[Connection], None], counted: int, recipients: int) -> None:
    """R8: a reservation becomes final at end-of-message; any other end gives it back, once."""
    server = Server(_LIMIT_OF_3)
    connection = server.connect()
    assert connection.mail() == Verdict.CONTINUE
    connection.rcpt(recipients)
    assert server.used() == 1

    ending(connection)

    assert counted == server.used()
    assert server.events.open == 0


def test_abort_without_a_mail() -> None:
    """R8: an abort before any MAIL, and a close after it, change nothing."""
    server = Server(_LIMIT_OF_3)
    connection = server.connect()
    connection.abort()
    connection.abort()

    assert server.counters() == {}
    assert not [event for event in server.events.recorded if isinstance(event, tuple)]


def test_new_mail_gives_the_old_one_back() -> None:
    """R8: MAIL again without an end in between leaves one reservation."""
    server = Server(_LIMIT_OF_3)
    connection = server.connect()
    connection.mail()
    connection.mail()

    assert server.used() == 1
    assert server.events.open == 1


def test_unauthenticated_mail_after_a_reservation_gives_it_back() -> None:
    """R8: also a MAIL that is not counted ends the one before."""
    server = Server(_LIMIT_OF_3)
    connection = server.connect()
    connection.mail()
    del connection.macros["{auth_authen}"]
    connection.mail()

    assert server.used() == 0


def test_given_back_to_the_day_it_was_taken_from() -> None:
    """R8: reserved before midnight and aborted after it, a message is given back to yesterday."""
    server = Server(_LIMIT_OF_3)
    today, tomorrow = DAY_START, DAY_START + 86_400
    server.daemon.now = tomorrow - 1
    connection = server.connect()
    connection.mail()
    server.daemon.now = tomorrow + 1
    other = server.connect()
    other.send()

    connection.abort()

    assert server.used(at=today) == 0
    assert server.used(at=tomorrow) == 1


def test_mails_on_one_connection_count_each() -> None:
    """R3: two mails on one connection are two messages."""
    server = Server(_LIMIT_OF_3)
    connection = server.connect()
    connection.send()
    connection.send()
    connection.abort()

    assert server.used() == 2


@pytest.mark.parametrize(
    ("hop", "expected"),
    [
        ("unknown [10.1.2.3]", Verdict.ACCEPT),
        ("host.example.org [2001:db8::7] (may be forged)", Verdict.ACCEPT),
        ("unknown [192.0.2.7]", "450"),
        ("unknown [unknown]", "450"),
    ],
)
def test_exempt_clients(hop: str, expected: Verdict | str) -> None:
    """R1: mail of a client in an exempt network passes and is not counted; any other is limited."""
    settings = SessionSettings(
        UTC, Wording(), exempt_clients=(read_network("10.0.0.0/8"), read_network("2001:db8::/32"))
    )
    server = Server(setting("*", _DAY, 0), settings=settings)
    connection = server.connect()
    connection.macros["_"] = hop

    assert connection.mail() == expected
    assert server.counters() == {}
    assert server.events.recorded[0] == ("exempt" if expected is Verdict.ACCEPT else "refused")


def test_spellings_of_a_login() -> None:
    """R2: two spellings of a login share the limit of their mailbox, and exempt names match it."""
    server = Server(_LIMIT_OF_3)
    server.state.login_map = LoginMap([("sales", ALICE.mailbox), ("@old.example", "@example.org")])

    answers = [
        server.connect(login).send()
        for login in ("sales", "Alice@old.example", ALICE.mailbox, "SALES")
    ]

    assert answers == [Verdict.CONTINUE] * 3 + ["450"]
    assert server.used() == 3
