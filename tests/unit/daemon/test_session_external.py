"""External mail in the milter session: rule R18, and what is asked of Postfix for it."""

import logging

import pytest

from sendlimit.daemon.server_state import SessionSettings
from sendlimit.daemon.verdict import Verdict
from sendlimit.rules.limit import Setting
from sendlimit.rules.reply import Wording
from support.counting_samples import UTC, setting
from support.doubles.server import Connection, Server

_MESSAGES = "mailbox.external_messages_per_day"
_RECIPIENTS = "mailbox.external_recipients_per_day"
_ALL = "mailbox.recipients_per_day"
_MAILER = "{rcpt_mailer}"


def _rcpts(connection: Connection, *mailers: str) -> list[Verdict | str]:
    """Return the answers to RCPT of recipients that Postfix hands to these transports, "" for no macro."""
    answers = []
    for mailer in mailers:
        connection.macros.pop(_MAILER, None)
        if mailer:
            connection.macros[_MAILER] = mailer
        answers += connection.rcpt()
    return answers


def _send(connection: Connection, *mailers: str) -> Verdict | str:
    assert connection.mail() == Verdict.CONTINUE
    _rcpts(connection, *mailers)
    answer = connection.end_of_message()
    connection.abort()
    return answer


def _server(*limits: Setting, **settings: object) -> Server:
    return Server(*limits, settings=SessionSettings(UTC, Wording(), **settings))  # type: ignore[arg-type]


def test_what_is_external() -> None:
    """R18: each transport that is not in local_transports, and no transport at all."""
    server = _server(*(setting("*", name, 100) for name in (_MESSAGES, _RECIPIENTS, _ALL)))
    connection = server.connect()
    _send(connection, "local", "virtual", "lmtp")
    _send(connection, "smtp", "relay", "error", "dovecot", "local", "LMTP", "")

    assert server.used() == 2
    assert server.used(_ALL) == 10
    assert server.used(_MESSAGES) == 1
    assert server.used(_RECIPIENTS) == 6


def test_own_list_of_transports() -> None:
    """R18: counting.local_transports replaces the default as a whole."""
    server = _server(setting("*", _RECIPIENTS, 100), local_transports=frozenset({"dovecot"}))
    _send(server.connect(), "dovecot", "virtual")

    assert server.used(_RECIPIENTS) == 1


def test_external_recipient_beyond_what_is_left_is_refused_at_rcpt() -> None:
    """R18: with the words of the limit; those before it and all local ones are sent."""
    server = _server(setting("*", _RECIPIENTS, 2))
    connection = server.connect()
    connection.mail()
    answers = _rcpts(connection, "smtp", "virtual", "smtp", "smtp", "virtual")

    assert answers == [Verdict.CONTINUE] * 3 + ["450", Verdict.CONTINUE]
    assert connection.last_text.startswith("Sending limit reached: 0 of 2 external recipients sent")
    assert connection.end_of_message() == Verdict.CONTINUE
    assert server.used(_RECIPIENTS) == 2


@pytest.mark.parametrize("name", [_MESSAGES, _RECIPIENTS])
def test_local_mail_goes_on_at_the_limit(name: str) -> None:
    """R18: MAIL is not refused, the first external RCPT is; also when the limit was lowered below what is used."""
    server = _server(setting("*", name, 1))
    connection = server.connect()
    assert _send(connection, "smtp") == Verdict.CONTINUE
    connection.mail()

    assert _rcpts(connection, "virtual", "smtp", "virtual") == ["continue", "450", "continue"]
    assert connection.end_of_message() == Verdict.CONTINUE
    assert (server.used(name), server.used()) == (1, 2)


@pytest.mark.parametrize(
    ("name", "limit"), [pytest.param(_MESSAGES, 1, id="messages"), pytest.param(_RECIPIENTS, 3, id="recipients")]
)  # fmt: skip
def test_two_at_once_are_not_both_the_last(name: str, limit: int) -> None:
    """R18: both had room at MAIL: the second is refused at its end, and gives its message back."""
    server = _server(setting("*", name, limit))
    one, other = server.connect(), server.connect()
    for connection in (one, other):
        connection.mail()
        assert _rcpts(connection, "smtp", "smtp") == [Verdict.CONTINUE] * 2

    assert [one.end_of_message(), other.end_of_message()] == [Verdict.CONTINUE, "450"]
    other.abort()
    assert (server.used(name), server.used()) == (min(limit, 2), 1)
    assert server.events.open == 0


@pytest.mark.parametrize("name", [_MESSAGES, _RECIPIENTS])
def test_aborted_mail_costs_nothing(name: str) -> None:
    """R8, R18: RSET, a lost connection and a new MAIL leave every counter as it was; the next mail begins with nothing."""
    server = _server(setting("*", name, 1))
    connection = server.connect()
    connection.mail()
    _rcpts(connection, "smtp")
    connection.abort()
    connection.mail()
    _rcpts(connection, "smtp")
    connection.mail()
    connection.abort()
    assert server.counters() == {}

    assert _send(connection, "smtp") == Verdict.CONTINUE
    assert server.used(name) == 1


def test_mail_without_external_recipients_asks_nothing_at_its_end() -> None:
    """R18: while no limit on all recipients is in force, a local mail is decided at MAIL alone."""
    server = _server(setting("*", _RECIPIENTS, 5))
    connection = server.connect()
    connection.mail()
    _rcpts(connection, "virtual")
    server.database_away()

    assert connection.end_of_message() == Verdict.CONTINUE
    assert server.state.ledger.unbooked == 0


def test_outage_loses_no_external_mail() -> None:
    """R11, R18: what was accepted without the database is booked in its units."""
    server = _server(setting("*", _RECIPIENTS, 1), setting("*", _MESSAGES, 1))
    connection = server.connect()
    server.database_away()
    for _ in range(2):
        _send(connection, "smtp", "virtual", "smtp")
    server.database_back()

    assert server.used(_RECIPIENTS) == 4
    assert server.used(_MESSAGES) == 2
    connection.mail()
    assert _rcpts(connection, "smtp") == ["450"]


def test_observe_refuses_nothing() -> None:
    """R12, R18: what would have been refused is counted, and recorded once."""
    server = Server(setting("*", _RECIPIENTS, 1), observe=True)
    connection = server.connect()
    connection.mail()

    assert _rcpts(connection, "smtp", "smtp", "smtp") == [Verdict.CONTINUE] * 3
    assert connection.end_of_message() == Verdict.CONTINUE
    assert server.used(_RECIPIENTS) == 3


def test_refusal_at_end_of_message() -> None:
    """R18: with reply.at = "end-of-message" the refusal of an external recipient waits, and the mail is not sent."""
    server = _server(setting("*", _RECIPIENTS, 0), refuse_at_end=True)
    connection = server.connect()
    connection.mail()

    assert _rcpts(connection, "smtp", "virtual") == [Verdict.CONTINUE] * 2
    assert connection.end_of_message() == "450"
    assert server.used() == 0


def test_connection_that_was_open_before_the_limit() -> None:
    """R18: it counts external recipients, and refuses at the end of the message."""
    server = _server()
    connection = server.connect()
    assert not connection.wanted.rcpt_answered
    server.daemon.tables.limits.append(setting("*", _RECIPIENTS, 1))
    server.daemon.step()
    connection.mail()

    assert _rcpts(connection, "smtp", "smtp") == [Verdict.NOREPLY] * 2
    assert connection.end_of_message() == "450"
    assert _send(connection, "smtp", "virtual") == Verdict.CONTINUE
    assert server.used(_RECIPIENTS) == 1


def test_limit_of_a_moment_ago() -> None:
    """R10, R18: the decision at MAIL says whether external mail is counted, not what was known of the limits before."""
    server = _server(setting("*", _RECIPIENTS, 1))
    connection = server.connect()
    connection.mail()
    server.state.ledger.limits_external = False

    assert _rcpts(connection, "smtp", "virtual", "smtp") == ["continue", "continue", "450"]
    assert connection.end_of_message() == Verdict.CONTINUE
    assert server.used(_RECIPIENTS) == 1


def test_the_macro_is_asked_for_only_where_it_was_missing(caplog: pytest.LogCaptureFixture) -> None:
    """R18: and only while such a limit is in force; the log says so once, and a reload tries without again."""
    caplog.set_level(logging.INFO, "sendlimit")
    server = _server(setting("*", _RECIPIENTS, 100))
    connection = server.connect()
    _send(connection, "smtp")
    assert not server.connect().wanted.rcpt_mailer

    _send(connection, "", "")
    assert server.connect().wanted.rcpt_mailer
    assert server.used(_RECIPIENTS) == 3
    lines = [record.getMessage() for record in caplog.records]
    assert [line for line in lines if line.startswith("rcpt-mailer-missing")] == lines[-1:]


def test_without_a_limit_the_macro_is_not_looked_at() -> None:
    """R18 costs nothing: neither is a missing macro noted, nor is it asked for."""
    server = _server(setting("*", _ALL, 100))
    _send(server.connect(), "", "")

    assert not server.state.lacks_rcpt_mailer
    server.state.lacks_rcpt_mailer = True
    assert not server.connect().wanted.rcpt_mailer


def test_mailer_that_is_not_utf8() -> None:
    """R11: it is external, and the mail passes."""
    server = _server(setting("*", _RECIPIENTS, 100))
    connection = server.connect()
    connection.macros[_MAILER] = b"\xff"

    assert connection.send() == Verdict.CONTINUE
    assert server.used(_RECIPIENTS) == 1


@pytest.mark.parametrize("messages", [0, 100])
def test_observe_tells_of_a_mail_once(messages: int) -> None:
    """R12: a mail is one refusal, though it is beyond what is left at MAIL, at several RCPT and at its end."""
    limits = (setting("*", _RECIPIENTS, 1), setting("*", "mailbox.messages_per_day", messages))
    server = Server(*limits, settings=SessionSettings(UTC, Wording(), observe=True), observe=True)
    _send(server.connect(), "smtp", "smtp", "smtp")
    episodes = server.episodes()

    assert server.used(_RECIPIENTS) == 3
    assert [episode.attempts for episode in episodes] == [1]
