"""What the session answers and tells: R7, R11, R12, R13."""

import logging

import pytest

from sendlimit.daemon.server_state import SessionSettings
from sendlimit.daemon.verdict import Verdict
from sendlimit.rules.reply import UNAVAILABLE_TEXT, Wording
from support.counting_samples import NOON, UTC, setting
from support.doubles.server import Server

_DAY = "mailbox.messages_per_day"
_NOTHING = setting("*", _DAY, 0)


def test_refusal_at_the_end() -> None:
    """reply.at = "end-of-message": MAIL and RCPT pass, the end is refused with the text of MAIL."""
    server = Server(_NOTHING, settings=SessionSettings(UTC, Wording(), refuse_at_end=True))
    connection = server.connect()
    assert connection.mail() == Verdict.CONTINUE
    connection.rcpt(2)
    assert connection.replies == []

    assert connection.end_of_message() == "450"
    assert connection.last_text.startswith("Sending is switched off for alice@")
    assert server.counters() == {}


def test_refused_recipient_is_held_to_the_end() -> None:
    """reply.at = "end-of-message": a RCPT beyond the limit refuses the whole mail at its end."""
    server = Server(
        setting("*", "mailbox.recipients_per_message", 2),
        settings=SessionSettings(UTC, Wording(), refuse_at_end=True),
    )
    connection = server.connect()
    connection.mail()

    assert connection.rcpt(4) == [Verdict.CONTINUE] * 4
    assert connection.end_of_message() == "450"
    assert server.used() == 0
    assert server.events.open == 0


@pytest.mark.parametrize("ending", ["abort", "end_of_message"])
def test_held_refusal_does_not_leak(ending: str) -> None:
    """A refusal that was held for one mail is not the answer to the next."""
    server = Server(_NOTHING, settings=SessionSettings(UTC, Wording(), refuse_at_end=True))
    connection = server.connect()
    connection.mail()
    getattr(connection, ending)()
    server.daemon.tables.limits = [setting("alice@example.org", _DAY, 5)]

    assert connection.mail() == Verdict.CONTINUE
    assert connection.end_of_message() == Verdict.CONTINUE


def test_held_refusal_ends_with_a_new_mail() -> None:
    """MAIL again, this time not authenticated: the refusal of the mail before is gone."""
    connection = Server(
        _NOTHING, settings=SessionSettings(UTC, Wording(), refuse_at_end=True)
    ).connect()
    connection.mail()
    del connection.macros["{auth_authen}"]

    assert connection.mail() == Verdict.ACCEPT
    assert connection.end_of_message() == Verdict.CONTINUE


def test_observe_accepts_and_tells(caplog: pytest.LogCaptureFixture) -> None:
    """R12: a mail over its limit passes, counted, logged and recorded."""
    server = Server(_NOTHING, observe=True)
    with caplog.at_level(logging.INFO, "sendlimit"):
        assert server.connect().send() == Verdict.CONTINUE

    assert server.used() == 1
    assert [line.partition(" ")[0] for line in caplog.messages] == ["would-refuse"]
    assert len(server.episodes()) == 1


def test_refusal_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """R13: a refusal is a line and an episode with client, sender and mailbox."""
    server = Server(_NOTHING)
    with caplog.at_level(logging.INFO, "sendlimit"):
        server.connect().mail(b"<forged@bank.example>")

    (line,) = caplog.messages
    assert line.startswith(
        "refused mailbox=alice@example.org client=192.0.2.7 sender=forged@bank.example scope=mailbox"
    )
    (episode,) = server.episodes()
    assert (episode.limit, episode.first_at, episode.last_at, episode.attempts) == (
        0,
        NOON,
        NOON,
        1,
    )
    assert (episode.last_client_addr, episode.last_sender) == ("192.0.2.7", "forged@bank.example")
    assert episode.last_mailbox == "alice@example.org"


@pytest.mark.parametrize(
    ("macros", "client"),
    [
        pytest.param({"{client_addr}": "2001:db8::7"}, "2001:db8::7", id="client_addr"),
        pytest.param({"_": "host.example [192.0.2.9]"}, "192.0.2.9", id="out of _"),
        pytest.param({"_": "unknown [IPv6:2001:db8::9] (may be forged)"}, "2001:db8::9", id="IPv6 out of _"),
        pytest.param({"_": "nothing here"}, "unknown", id="neither"),
        pytest.param({}, "unknown", id="no macro"),
    ],
)  # fmt: skip
def test_client_address(macros: dict[str, str], client: str) -> None:
    """The client's address comes from whichever macro Postfix sends at MAIL."""
    server = Server(_NOTHING)
    connection = server.connect()
    del connection.macros["{client_addr}"]
    connection.macros |= macros
    connection.mail()

    assert client == server.episodes()[0].last_client_addr


@pytest.mark.parametrize(
    ("reverse_path", "sender"),
    [
        pytest.param(b"<>", "", id="null"),
        pytest.param(b"<a@b.org>", "a@b.org", id="plain"),
        pytest.param(b"a@b.org", "a@b.org", id="without brackets"),
        pytest.param(b"<\xff\xfe@b.org>", "\\xff\\xfe@b.org", id="bytes"),
        pytest.param(b'<"a\r\nb"@b.org>', '"a b"@b.org', id="line break"),
        pytest.param(b"<" + b"x" * 2000 + b">", "x" * 2000, id="long"),
    ],
)
def test_reverse_path_in_an_episode(reverse_path: bytes, sender: str) -> None:
    """Any reverse path becomes one printable line."""
    server = Server(_NOTHING)
    server.connect().mail(reverse_path)

    assert sender == server.episodes()[0].last_sender


def test_accepted_mail_is_a_line_at_debug(caplog: pytest.LogCaptureFixture) -> None:
    """At level debug each accepted mail has its line."""
    with caplog.at_level(logging.DEBUG, "sendlimit"):
        Server().connect().send(3)

    (line,) = caplog.messages
    assert line == (
        "accepted mailbox=alice@example.org client=192.0.2.7 sender=alice@example.org"
        " queue_id=4WXYZ recipients=3"
    )


# the database is away


def test_undecided_mail_is_accepted_and_booked() -> None:
    """R11: without the database a mail passes whatever the limit; it is booked at its end."""
    server = Server(_NOTHING, setting("*", "mailbox.recipients_per_day", 1))
    server.database_away()
    assert server.connect().send(4) == Verdict.CONTINUE
    server.database_back()

    assert server.used() == 1
    assert server.used("mailbox.recipients_per_day") == 4
    assert ("back", 1) in server.events.recorded


def test_undecided_mail_that_ends_otherwise_is_not_booked() -> None:
    """R8, R11: nothing was reserved and nothing was sent."""
    server = Server(_NOTHING)
    server.database_away()
    connection = server.connect()
    connection.mail()
    connection.rcpt()
    connection.abort()
    server.database_back()

    assert server.counters() == {}
    assert server.events.open == 0


def test_database_away_at_the_end() -> None:
    """R11: reserved at MAIL, undecided at the end: accepted, the recipients are booked, the message once."""
    server = Server(setting("*", "mailbox.recipients_per_day", 1))
    connection = server.connect()
    connection.mail()
    connection.rcpt(1)
    server.database_away()

    assert connection.end_of_message() == Verdict.CONTINUE
    server.database_back()
    assert server.used() == 1
    assert server.used("mailbox.recipients_per_day") == 1


def test_database_back_at_the_end() -> None:
    """R11: undecided at MAIL, back at the end: the mail is booked, not asked about."""
    server = Server(_NOTHING, setting("*", "mailbox.recipients_per_day", 1))
    server.database_away()
    connection = server.connect()
    connection.mail()
    connection.rcpt(4)
    server.database_back()

    assert connection.end_of_message() == Verdict.CONTINUE
    assert server.used() == 1


def test_tempfail_on_failure() -> None:
    """on_failure = "tempfail": an undecided mail is refused with 451 4.3.0, blaming no limit."""
    server = Server(settings=SessionSettings(UTC, Wording(), tempfail=True))
    server.database_away()
    connection = server.connect()

    assert connection.mail() == "451"
    assert connection.replies == [("451", "4.3.0", UNAVAILABLE_TEXT)]
    assert server.events.recorded[-1] == "refused undecided"


def test_tempfail_at_the_end() -> None:
    """on_failure = "tempfail" at the end of a mail: refused, and its reservation is given back."""
    server = Server(
        setting("*", "mailbox.recipients_per_day", 9),
        settings=SessionSettings(UTC, Wording(), tempfail=True),
    )
    connection = server.connect()
    connection.mail()
    connection.rcpt()
    server.database_away()

    assert connection.end_of_message() == "451"
    server.database_back()
    assert server.counters() == {}


# the reply


def test_new_settings_hold_for_the_next_mail() -> None:
    """SIGHUP: an open connection uses the new wording at once."""
    server = Server(_NOTHING)
    connection = server.connect()
    connection.mail()
    server.state.settings = SessionSettings(UTC, Wording("452", "4.2.2", {"mailbox": "new"}))
    connection.mail()

    assert connection.replies[-1] == ("452", "4.2.2", "new")
