"""Recipients in the milter session: rule R9, and what is negotiated for it."""

import Milter
import pytest

from sendlimit.daemon.server_state import SessionSettings
from sendlimit.rules.reply import Wording
from support.counting_samples import DAY_START, UTC, setting
from support.doubles.server import Server

_PER_DAY = "mailbox.recipients_per_day"
_PER_MESSAGE = "mailbox.recipients_per_message"
_NO_RCPT_REPLY = Milter.P_NR_RCPT


def test_ten_of_ten_pass_and_the_eleventh_is_refused_at_rcpt() -> None:
    """R9: RCPT beyond what was left at MAIL is refused, the ten before it are sent."""
    server = Server(setting("*", _PER_DAY, 10))
    connection = server.connect()
    connection.mail()

    assert connection.rcpt(11) == [Milter.CONTINUE] * 10 + [Milter.TEMPFAIL]
    assert connection.last_text.startswith("Sending limit reached: 0 of 10 recipients sent by ")
    assert connection.session.eom() == Milter.CONTINUE
    assert server.used(_PER_DAY) == 10


def test_no_recipient_left_is_refused_at_mail() -> None:
    """R9: with all recipients used the next MAIL is refused."""
    server = Server(setting("*", _PER_DAY, 2))
    connection = server.connect()

    assert [connection.send(2), connection.send(1)] == [Milter.CONTINUE, Milter.TEMPFAIL]
    assert server.used() == 1


def test_what_others_took_meanwhile_is_refused_at_the_end() -> None:
    """R9: two mails that both had room at MAIL: the second is refused at its end, and costs nothing."""
    server = Server(setting("*", _PER_DAY, 10))
    one, other = server.connect(), server.connect()
    for connection in (one, other):
        connection.mail()
        assert connection.rcpt(6) == [Milter.CONTINUE] * 6

    assert [one.session.eom(), other.session.eom()] == [Milter.CONTINUE, Milter.TEMPFAIL]
    assert server.used(_PER_DAY) == 6
    assert server.used() == 1
    assert server.events.open == 0


def test_abort_after_a_refused_end_changes_nothing() -> None:
    """R8, R9: what a refused end has given back is not given back again."""
    server = Server(setting("*", _PER_DAY, 10))
    one, other = server.connect(), server.connect()
    for connection in (one, other):
        connection.mail()
        connection.rcpt(6)
    one.session.eom()
    assert other.session.eom() == Milter.TEMPFAIL
    other.session.abort()
    other.session.close()

    assert server.used() == 1


@pytest.mark.parametrize("recipients", [1, 5])
def test_recipients_of_an_aborted_mail_are_not_counted(recipients: int) -> None:
    """R9: recipients are charged at end-of-message, so a mail without one charges none."""
    server = Server(setting("*", _PER_DAY, 10))
    connection = server.connect()
    connection.mail()
    connection.rcpt(recipients)
    connection.session.abort()

    assert server.ledger.drain() == {}


def test_recipients_count_in_the_period_of_the_end() -> None:
    """R5, R9: a mail over midnight: its message is yesterday's, its recipients are today's."""
    server = Server(setting("*", _PER_DAY, 10))
    server.now = DAY_START + 86_399
    connection = server.connect()
    connection.mail()
    connection.rcpt(4)
    server.now += 1
    connection.session.eom()

    assert server.used(at=DAY_START) == 1
    assert server.used(_PER_DAY, at=DAY_START) == 0
    assert server.used(_PER_DAY, at=DAY_START + 86_400) == 4


def test_recipients_of_the_mail_before_are_forgotten() -> None:
    """R9: each mail of a connection starts to count its recipients from nothing."""
    server = Server(setting("*", _PER_MESSAGE, 2))
    connection = server.connect()

    assert [connection.send(2) for _ in range(3)] == [Milter.CONTINUE] * 3
    connection.mail()
    connection.rcpt(2)
    connection.mail()
    assert connection.rcpt(3) == [Milter.CONTINUE, Milter.CONTINUE, Milter.TEMPFAIL]


def test_per_message_is_refused_at_rcpt() -> None:
    """R9: one mail to more than recipients_per_message: the RCPT beyond is refused, with its text."""
    server = Server(setting("*", _PER_MESSAGE, 3))
    connection = server.connect()
    connection.mail()

    assert connection.rcpt(5) == [Milter.CONTINUE] * 3 + [Milter.TEMPFAIL] * 2
    assert connection.last_text == (
        "Too many recipients: one mail of alice@example.org may go to 3 at most"
    )


def test_refused_recipient_is_an_episode() -> None:
    """R13: refused recipients are recorded like refused mails."""
    server = Server(setting("*", _PER_MESSAGE, 1))
    connection = server.connect()
    connection.mail()
    connection.rcpt(3)
    server.ledger.drain()

    assert [episode.key.window for episode in server.ledger.episodes] == ["message", "message"]
    assert server.ledger.episodes[0].key.subject == "alice@example.org"


def test_observe_lets_recipients_through_and_notes_once() -> None:
    """R12: beyond the limit all recipients pass, counted, with one note a mail."""
    server = Server(setting("*", _PER_MESSAGE, 1), setting("*", _PER_DAY, 100), observe=True)

    assert server.connect().send(5) == Milter.CONTINUE
    assert server.used(_PER_DAY) == 5
    assert server.events.recorded.count(_PER_MESSAGE) == 1


def test_rcpt_is_answered_while_recipients_are_limited() -> None:
    """With a limit on recipients Postfix waits for our answer to RCPT."""
    options = Server(setting("*", _PER_MESSAGE, 5)).connect().options

    assert not options[1] & _NO_RCPT_REPLY
    assert not options[1] & Milter.P_NORCPT


def test_rcpt_is_only_counted_while_they_are_not() -> None:
    """Without one RCPT is counted, and Postfix waits for no answer."""
    connection = Server(setting("*", "mailbox.messages_per_day", 5)).connect()

    assert connection.options[1] & _NO_RCPT_REPLY
    connection.mail()
    assert connection.rcpt(2) == [Milter.NOREPLY] * 2


def test_a_postfix_that_needs_answers_gets_them() -> None:
    """A server that does not offer to go without an answer is answered."""
    connection = Server().connect(offered=0)

    assert connection.options[1] == 0
    connection.mail()
    assert connection.rcpt() == [Milter.CONTINUE]


@pytest.mark.parametrize(
    ("name", "refused_with"),
    [
        (_PER_MESSAGE, "Too many recipients: "),
        (_PER_DAY, "Sending limit reached: 0 of 3 recipients "),
    ],
)
def test_limit_set_while_a_connection_is_open(name: str, refused_with: str) -> None:
    """A limit on recipients from the database holds for the next mail of an open connection, at its end."""
    server = Server()
    connection = server.connect()
    assert connection.send(5) == Milter.CONTINUE

    server.ledger.rows = [setting("*", name, 3)]

    assert connection.send(4) == Milter.TEMPFAIL
    assert connection.last_text.startswith(refused_with)
    assert connection.send(3) == Milter.CONTINUE
    assert server.used() == 2
    assert server.events.open == 0


@pytest.mark.parametrize("data_callback", [True, False])
def test_data_is_asked_for_on_inet_sockets_only(data_callback: bool) -> None:  # noqa: FBT001 - a column
    """DATA is only asked for where that saves Postfix 40 ms, and is never refused."""
    connection = Server(
        setting("*", "mailbox.messages_per_day", 0),
        conduct=SessionSettings(UTC, Wording(), data_callback=data_callback),
    ).connect()

    assert bool(connection.options[1] & Milter.P_NODATA) != data_callback
    connection.mail()
    assert connection.session.data() == Milter.CONTINUE


def test_nothing_else_is_asked_for() -> None:
    """Connect, HELO, headers, body and unknown commands are not sent to us."""
    options = Server().connect().options

    for name in ("P_NOCONNECT", "P_NOHELO", "P_NOBODY", "P_NOHDRS", "P_NOEOH", "P_NOUNKNOWN"):
        assert options[1] & getattr(Milter, name), name
    assert options[2:] == [0, 0]


def test_observe_lets_an_unanswered_recipient_through() -> None:
    """R12: also where RCPT had no answer, a mail to too many is only noted."""
    server = Server(observe=True)
    connection = server.connect()
    server.ledger.rows = [setting("*", _PER_MESSAGE, 1)]

    assert connection.send(3) == Milter.CONTINUE
    assert server.events.recorded[-1] == _PER_MESSAGE
    assert server.used() == 1


def test_observe_lets_recipients_beyond_the_day_through() -> None:
    """R12: at the end of a mail, too."""
    server = Server(setting("*", _PER_DAY, 2), observe=True)
    one, other = server.connect(), server.connect()
    for connection in (one, other):
        connection.mail()
        connection.rcpt(2)

    assert [one.session.eom(), other.session.eom()] == [Milter.CONTINUE] * 2
    assert server.used(_PER_DAY) == 4
    assert server.events.recorded[-1] == _PER_DAY
