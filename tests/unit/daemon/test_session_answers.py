"""What the session answers, tells and survives: R7, R11, R12, R13 and the one roof."""

import logging
from collections.abc import Callable
from typing import NoReturn

import Milter
import pytest

from sendlimit.counting.ledger import Reservation
from sendlimit.daemon.server_state import SessionSettings
from sendlimit.rules.mailbox import Sender
from sendlimit.rules.reply import FIXED_TEXT, UNAVAILABLE_TEXT, Wording
from support.counting_samples import NOON, UTC, setting
from support.doubles.server import Connection, Server

_DAY = "mailbox.messages_per_day"
_NOTHING = setting("*", _DAY, 0)


def test_refusal_at_the_end() -> None:
    """reply.at = "end-of-message": MAIL and RCPT pass, the end is refused with the text of MAIL."""
    server = Server(_NOTHING, conduct=SessionSettings(UTC, Wording(), refuse_at_end=True))
    connection = server.connect()
    assert connection.mail() == Milter.CONTINUE
    connection.rcpt(2)
    assert connection.context.replies == []

    assert connection.session.eom() == Milter.TEMPFAIL
    assert connection.last_text.startswith("Sending is switched off for alice@")
    assert server.ledger.drain() == {}


def test_refused_recipient_is_held_to_the_end() -> None:
    """reply.at = "end-of-message": a RCPT beyond the limit refuses the whole mail at its end."""
    server = Server(
        setting("*", "mailbox.recipients_per_message", 2),
        conduct=SessionSettings(UTC, Wording(), refuse_at_end=True),
    )
    connection = server.connect()
    connection.mail()

    assert connection.rcpt(4) == [Milter.CONTINUE] * 4
    assert connection.session.eom() == Milter.TEMPFAIL
    assert server.used() == 0
    assert server.events.open == 0


@pytest.mark.parametrize("ending", ["abort", "close", "eom"])
def test_held_refusal_does_not_leak(ending: str) -> None:
    """A refusal that was held for one mail is not the answer to the next."""
    server = Server(_NOTHING, conduct=SessionSettings(UTC, Wording(), refuse_at_end=True))
    connection = server.connect()
    connection.mail()
    getattr(connection.session, ending)()
    server.ledger.rows = [setting("alice@example.org", _DAY, 5)]

    assert connection.mail() == Milter.CONTINUE
    assert connection.session.eom() == Milter.CONTINUE


def test_held_refusal_ends_with_a_new_mail() -> None:
    """MAIL again, this time not authenticated: the refusal of the mail before is gone."""
    connection = Server(
        _NOTHING, conduct=SessionSettings(UTC, Wording(), refuse_at_end=True)
    ).connect()
    connection.mail()
    del connection.context.macros["{auth_authen}"]

    assert connection.mail() == Milter.ACCEPT
    assert connection.session.eom() == Milter.CONTINUE


def test_observe_accepts_and_tells(caplog: pytest.LogCaptureFixture) -> None:
    """R12: a mail over its limit passes, counted, logged and recorded."""
    server = Server(_NOTHING, observe=True)
    with caplog.at_level(logging.INFO, "sendlimit"):
        assert server.connect().send() == Milter.CONTINUE

    assert server.used() == 1
    assert [line.partition(" ")[0] for line in caplog.messages] == ["would-refuse"]
    assert len(server.ledger.episodes) == 1


def test_refusal_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """R13: a refusal is a line and an episode with client, sender and mailbox."""
    server = Server(_NOTHING)
    with caplog.at_level(logging.INFO, "sendlimit"):
        server.connect().mail(b"<forged@bank.example>")
    server.ledger.drain()

    (line,) = caplog.messages
    assert line.startswith(
        "refused mailbox=alice@example.org client=192.0.2.7 sender=forged@bank.example scope=mailbox"
    )
    (episode,) = server.ledger.episodes
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
    del connection.context.macros["{client_addr}"]
    connection.context.macros |= macros
    connection.mail()
    server.ledger.drain()

    assert client == server.ledger.episodes[0].last_client_addr


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
    server.ledger.drain()

    assert sender == server.ledger.episodes[0].last_sender


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
    server.ledger.up = False
    assert server.connect().send(4) == Milter.CONTINUE

    assert server.used() == 1
    assert server.used("mailbox.recipients_per_day") == 4
    assert server.ledger.bookings == 1


@pytest.mark.parametrize("ending", ["abort", "close"])
def test_undecided_mail_that_ends_otherwise_is_not_booked(ending: str) -> None:
    """R8, R11: nothing was reserved and nothing was sent."""
    server = Server(_NOTHING)
    server.ledger.up = False
    connection = server.connect()
    connection.mail()
    connection.rcpt()
    getattr(connection.session, ending)()

    assert server.ledger.drain() == {}
    assert server.events.open == 0


def test_database_away_at_the_end() -> None:
    """R11: reserved at MAIL, undecided at the end: accepted, the recipients are booked, the message once."""
    server = Server(setting("*", "mailbox.recipients_per_day", 1))
    connection = server.connect()
    connection.mail()
    connection.rcpt(1)
    server.ledger.up = False

    assert connection.session.eom() == Milter.CONTINUE
    assert server.used() == 1
    assert server.used("mailbox.recipients_per_day") == 1


def test_database_back_at_the_end() -> None:
    """R11: undecided at MAIL, back at the end: the mail is booked, not asked about."""
    server = Server(_NOTHING, setting("*", "mailbox.recipients_per_day", 1))
    server.ledger.up = False
    connection = server.connect()
    connection.mail()
    connection.rcpt(4)
    server.ledger.up = True

    assert connection.session.eom() == Milter.CONTINUE
    assert server.used() == 1


def test_tempfail_on_failure() -> None:
    """on_failure = "tempfail": an undecided mail is refused with 451 4.3.0, blaming no limit."""
    server = Server(conduct=SessionSettings(UTC, Wording(), tempfail=True))
    server.ledger.up = False
    connection = server.connect()

    assert connection.mail() == Milter.TEMPFAIL
    assert connection.context.replies == [("451", "4.3.0", UNAVAILABLE_TEXT)]
    assert server.events.recorded == ["refused undecided"]


def test_tempfail_at_the_end() -> None:
    """on_failure = "tempfail" at the end of a mail: refused, and its reservation is given back."""
    server = Server(
        setting("*", "mailbox.recipients_per_day", 9),
        conduct=SessionSettings(UTC, Wording(), tempfail=True),
    )
    connection = server.connect()
    connection.mail()
    connection.rcpt()
    server.ledger.up = False

    assert connection.session.eom() == Milter.TEMPFAIL
    assert server.ledger.drain() == {}


# the reply


def test_percent_is_doubled() -> None:
    """A text with "%" reaches the client as it was written."""
    server = Server(_NOTHING)
    server.desk.conduct = SessionSettings(
        UTC, Wording(texts={"mailbox": "100% used, %s %% {used}"})
    )
    connection = server.connect()
    connection.mail()

    assert connection.last_text == "100% used, %s %% 0"


def test_reply_that_libmilter_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text that can't be set gives way to the fixed one; the mail is refused all the same."""
    connection = Server(_NOTHING).connect()
    setreply = connection.context.setreply

    def only_the_fixed_text(code: str, enhanced_status: str, text: str) -> None:
        if text != FIXED_TEXT:
            raise Milter.error
        setreply(code, enhanced_status, text)

    monkeypatch.setattr(connection.context, "setreply", only_the_fixed_text)

    assert connection.mail() == Milter.TEMPFAIL
    assert connection.context.replies == [("450", "4.7.1", FIXED_TEXT)]


def test_new_settings_hold_for_the_next_mail() -> None:
    """SIGHUP: an open connection uses the new wording at once."""
    server = Server(_NOTHING)
    connection = server.connect()
    connection.mail()
    server.desk.conduct = SessionSettings(UTC, Wording("452", "4.2.2", {"mailbox": "new"}))
    connection.mail()

    assert connection.context.replies[-1] == ("452", "4.2.2", "new")


# the roof


def _break(_broken: object, *_args: object, **_named: object) -> NoReturn:
    raise RuntimeError("broken")


@pytest.mark.parametrize(
    ("callback", "broken", "where"),
    [
        pytest.param(lambda c: c.mail(), "reserve", "envfrom", id="envfrom"),
        pytest.param(lambda c: c.session.eom(), "settle", "eom", id="eom"),
        pytest.param(lambda c: c.session.abort(), "release", "abort", id="abort"),
        pytest.param(lambda c: c.session.close(), "release", "abort", id="close"),
    ],
)
def test_a_fault_never_stops_mail(
    callback: Callable[[Connection], int], broken: str, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R11: whatever raises in a callback, the answer is CONTINUE, and it is told once."""
    server = Server(setting("*", "mailbox.recipients_per_day", 9))
    connection = server.connect()
    connection.mail()
    connection.rcpt()
    monkeypatch.setattr(type(server.ledger), broken, _break)

    assert callback(connection) == Milter.CONTINUE
    assert [event for event in server.events.recorded if isinstance(event, tuple)] == [
        ("fault", where)
    ]


def test_a_fault_at_rcpt_never_stops_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    """R11: also at RCPT."""
    server = Server(setting("*", "mailbox.recipients_per_message", 9))
    connection = server.connect()
    connection.mail()
    monkeypatch.setattr(type(connection.session), "_beyond", _break)

    assert connection.rcpt(2) == [Milter.CONTINUE] * 2
    assert server.events.recorded[-1] == ("fault", "envrcpt")


def test_a_fault_at_negotiation_never_stops_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    """R11: also when options are negotiated; Postfix then gets the callbacks that it offered."""
    server = Server()
    monkeypatch.setattr(server.desk, "conduct", None)

    assert server.connect().options[1] == 0x1FFFFF
    assert server.events.recorded == [("fault", "negotiate")]


def test_callbacks_in_flight_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """The daemon that stops waits for callbacks that run, and for no others."""
    server = Server()
    connection = server.connect()
    seen = []
    reserve = server.ledger.reserve

    def look_and_reserve(sender: Sender, at: int) -> Reservation:
        seen.append(len(server.desk.busy))
        return reserve(sender, at)

    monkeypatch.setattr(server.ledger, "reserve", look_and_reserve)
    connection.mail()

    assert seen == [1]
    assert not server.desk.busy
