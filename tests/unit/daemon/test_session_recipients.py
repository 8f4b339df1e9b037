"""Recipients in the milter session: rule R9, and what is negotiated for it."""

import pytest

from sendlimit.daemon.server_state import SessionSettings
from sendlimit.daemon.verdict import Verdict
from sendlimit.rules.reply import Wording
from support.counting_samples import DAY_START, UTC, setting
from support.doubles.server import Server

_PER_DAY = "mailbox.recipients_per_day"
_PER_MESSAGE = "mailbox.recipients_per_message"


def test_ten_of_ten_pass_and_the_eleventh_is_refused_at_rcpt() -> None:
    """R9: RCPT beyond what was left at MAIL is refused, the ten before it are sent."""
    server = Server(setting("*", _PER_DAY, 10))
    connection = server.connect()
    connection.mail()

    assert connection.rcpt(11) == [Verdict.CONTINUE] * 10 + ["450"]
    assert connection.last_text.startswith("Sending limit reached: 0 of 10 recipients sent by ")
    assert connection.end_of_message() == Verdict.CONTINUE
    assert server.used(_PER_DAY) == 10


def test_no_recipient_left_is_refused_at_mail() -> None:
    """R9: with all recipients used the next MAIL is refused."""
    server = Server(setting("*", _PER_DAY, 2))
    connection = server.connect()

    assert [connection.send(2), connection.send(1)] == [Verdict.CONTINUE, "450"]
    assert server.used() == 1


def test_what_others_took_meanwhile_is_refused_at_the_end() -> None:
    """R9: two mails that both had room at MAIL: the second is refused at its end, and costs nothing."""
    server = Server(setting("*", _PER_DAY, 10))
    one, other = server.connect(), server.connect()
    for connection in (one, other):
        connection.mail()
        assert connection.rcpt(6) == [Verdict.CONTINUE] * 6

    assert [one.end_of_message(), other.end_of_message()] == [Verdict.CONTINUE, "450"]
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
    one.end_of_message()
    assert other.end_of_message() == "450"
    other.abort()
    other.abort()

    assert server.used() == 1


@pytest.mark.parametrize("recipients", [1, 5])
def test_recipients_of_an_aborted_mail_are_not_counted(recipients: int) -> None:
    """R9: recipients are charged at end-of-message, so a mail without one charges none."""
    server = Server(setting("*", _PER_DAY, 10))
    connection = server.connect()
    connection.mail()
    connection.rcpt(recipients)
    connection.abort()

    assert server.counters() == {}


def test_recipients_count_in_the_period_of_the_end() -> None:
    """R5, R9: a mail over midnight: its message is yesterday's, its recipients are today's."""
    server = Server(setting("*", _PER_DAY, 10))
    server.daemon.now = DAY_START + 86_399
    connection = server.connect()
    connection.mail()
    connection.rcpt(4)
    server.daemon.now += 1
    connection.end_of_message()

    assert server.used(at=DAY_START) == 1
    assert server.used(_PER_DAY, at=DAY_START) == 0
    assert server.used(_PER_DAY, at=DAY_START + 86_400) == 4


def test_recipients_of_the_mail_before_are_forgotten() -> None:
    """R9: each mail of a connection starts to count its recipients from nothing."""
    server = Server(setting("*", _PER_MESSAGE, 2))
    connection = server.connect()

    assert [connection.send(2) for _ in range(3)] == [Verdict.CONTINUE] * 3
    connection.mail()
    connection.rcpt(2)
    connection.mail()
    assert connection.rcpt(3) == [Verdict.CONTINUE, Verdict.CONTINUE, "450"]


def test_per_message_is_refused_at_rcpt() -> None:
    """R9: one mail to more than recipients_per_message: the RCPT beyond is refused, with its text."""
    server = Server(setting("*", _PER_MESSAGE, 3))
    connection = server.connect()
    connection.mail()

    assert connection.rcpt(5) == [Verdict.CONTINUE] * 3 + ["450"] * 2
    assert connection.last_text == (
        "Too many recipients: one mail of alice@example.org may go to 3 at most"
    )


def test_refused_recipient_is_an_episode() -> None:
    """R13: refused recipients are recorded like refused mails."""
    server = Server(setting("*", _PER_MESSAGE, 1))
    connection = server.connect()
    connection.mail()
    connection.rcpt(3)

    (episode,) = server.episodes()
    assert (episode.key.window, episode.key.subject) == ("message", "alice@example.org")
    assert episode.attempts == 2


def test_observe_lets_recipients_through_and_notes_once() -> None:
    """R12: beyond the limit all recipients pass, counted, with one note a mail."""
    server = Server(setting("*", _PER_MESSAGE, 1), setting("*", _PER_DAY, 100), observe=True)

    assert server.connect().send(5) == Verdict.CONTINUE
    assert server.used(_PER_DAY) == 5
    assert server.events.recorded.count(_PER_MESSAGE) == 1


def test_rcpt_is_answered_while_recipients_are_limited() -> None:
    """With a limit on recipients Postfix waits for our answer to RCPT."""
    assert Server(setting("*", _PER_MESSAGE, 5)).connect().wanted.rcpt_answered


def test_rcpt_is_only_counted_while_they_are_not() -> None:
    """Without one RCPT is counted, and Postfix waits for no answer."""
    connection = Server(setting("*", "mailbox.messages_per_day", 5)).connect()

    assert not connection.wanted.rcpt_answered
    connection.mail()
    assert connection.rcpt(2) == [Verdict.NOREPLY] * 2


def test_rcpt_that_is_not_ours_has_no_answer_either() -> None:
    """Also without a mail of ours a RCPT is answered as negotiated."""
    connection = Server().connect(None)
    connection.mail()

    assert connection.rcpt() == [Verdict.NOREPLY]


def test_a_postfix_that_needs_answers_gets_them() -> None:
    """A server that does not offer to go without an answer is answered."""
    connection = Server().connect(noreply_offered=False)

    assert connection.wanted.rcpt_answered
    connection.mail()
    assert connection.rcpt() == [Verdict.CONTINUE]


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
    assert connection.send(5) == Verdict.CONTINUE

    server.daemon.tables.limits = [setting("*", name, 3)]

    assert connection.send(4) == "450"
    assert connection.last_text.startswith(refused_with)
    assert connection.send(3) == Verdict.CONTINUE
    assert server.used() == 2
    assert server.events.open == 0


@pytest.mark.parametrize("data_callback", [True, False])
def test_data_is_asked_for_on_inet_sockets_only(data_callback: bool) -> None:  # noqa: FBT001 - a column
    """DATA is only asked for where that saves Postfix 40 ms."""
    settings = SessionSettings(UTC, Wording(), data_callback=data_callback)

    assert Server(settings=settings).connect().wanted.data == data_callback


def test_observe_lets_an_unanswered_recipient_through() -> None:
    """R12: also where RCPT had no answer, a mail to too many is only noted."""
    server = Server(observe=True)
    connection = server.connect()
    server.daemon.tables.limits = [setting("*", _PER_MESSAGE, 1)]

    assert connection.send(3) == Verdict.CONTINUE
    assert server.events.recorded[-1] == _PER_MESSAGE
    assert server.used() == 1


def test_observe_lets_recipients_beyond_the_day_through() -> None:
    """R12: at the end of a mail, too."""
    server = Server(setting("*", _PER_DAY, 2), observe=True)
    one, other = server.connect(), server.connect()
    for connection in (one, other):
        connection.mail()
        connection.rcpt(2)

    assert [one.end_of_message(), other.end_of_message()] == [Verdict.CONTINUE] * 2
    assert server.used(_PER_DAY) == 4
    assert server.events.recorded[-1] == _PER_DAY
