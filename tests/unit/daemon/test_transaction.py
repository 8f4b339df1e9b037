"""The mail of a session as a state machine: which steps there are, and that there are no others."""

from collections.abc import Callable, Mapping
from itertools import product

import pytest

from sendlimit.counting.illegal_step import IllegalStepError
from sendlimit.daemon.server_state import SessionSettings
from sendlimit.daemon.transaction import STEPS, MailState, MailTransaction
from sendlimit.daemon.verdict import Verdict
from sendlimit.rules.reply import Reply, Wording
from support.counting_samples import ALICE, UTC, setting
from support.doubles.server import MACROS, Server

_ALLOWED = "mailbox.messages_per_day", 5
_FORBIDDEN = "mailbox.messages_per_day", 0
_ONE_EACH = "mailbox.recipients_per_message", 1
_AT_END = SessionSettings(UTC, Wording(), refuse_at_end=True)


def _mail(
    limit: tuple[str, int], settings: SessionSettings | None = None, *, answered: bool = True
) -> tuple[Server, MailTransaction]:
    server = Server(setting("*", *limit), settings=settings)
    return server, MailTransaction(
        server.state, ALICE, b"<alice@example.org>", rcpt_answered=answered
    )


def _reserved() -> MailTransaction:
    _, mail = _mail(_ALLOWED)
    mail.reserve(MACROS.get)
    return mail


def _undecided() -> MailTransaction:
    server, mail = _mail(_ALLOWED)
    server.database_away()
    mail.reserve(MACROS.get)
    return mail


def _held_at_mail() -> MailTransaction:
    _, mail = _mail(_FORBIDDEN, _AT_END)
    mail.reserve(MACROS.get)
    return mail


def _held_at_rcpt() -> MailTransaction:
    _, mail = _mail(_ONE_EACH, _AT_END)
    mail.reserve(MACROS.get)
    mail.rcpt(MACROS.get)
    mail.rcpt(MACROS.get)
    return mail


def _refused() -> MailTransaction:
    _, mail = _mail(_FORBIDDEN)
    mail.reserve(MACROS.get)
    return mail


def _refused_at_end() -> MailTransaction:
    _, mail = _mail(_ONE_EACH, answered=False)
    mail.reserve(MACROS.get)
    mail.rcpt(MACROS.get)
    mail.rcpt(MACROS.get)
    mail.end(MACROS.get)
    return mail


def _ended(begun: Callable[[], MailTransaction]) -> Callable[[], MailTransaction]:
    def ended() -> MailTransaction:
        mail = begun()
        mail.end(MACROS.get)
        return mail

    return ended


def _released() -> MailTransaction:
    mail = _reserved()
    mail.release()
    return mail


_WAYS: Mapping[str, tuple[Callable[[], MailTransaction], MailState]] = {
    "MAIL passes": (_reserved, MailState.RESERVED),
    "MAIL without the database": (_undecided, MailState.UNDECIDED),
    "MAIL is refused later": (_held_at_mail, MailState.HELD),
    "RCPT is refused later": (_held_at_rcpt, MailState.HELD),
    "MAIL is refused": (_refused, MailState.REFUSED),
    "the end of a reserved mail": (_ended(_reserved), MailState.SETTLED),
    "the end of an undecided mail": (_ended(_undecided), MailState.BOOKED),
    "the end of a held mail": (_ended(_held_at_rcpt), MailState.REFUSED),
    "refused at its end": (_refused_at_end, MailState.REFUSED),
    "abort": (_released, MailState.RELEASED),
}  # fmt: skip
_OVER = (MailState.SETTLED, MailState.BOOKED, MailState.REFUSED, MailState.RELEASED)


@pytest.mark.parametrize(("way", "state"), _WAYS.values(), ids=_WAYS)
def test_where_a_mail_gets_to(way: Callable[[], MailTransaction], state: MailState) -> None:
    """Each answer of the ledger and each command of the client leads to the state in the table."""
    assert way().state is state


@pytest.mark.parametrize(("way", "state"), _WAYS.values(), ids=_WAYS)
def test_a_mail_ends_once(way: Callable[[], MailTransaction], state: MailState) -> None:
    """A mail that has ended can neither end nor be given back again: the caller's error raises."""
    if state in _OVER:
        with pytest.raises(IllegalStepError):
            way().release()
        with pytest.raises(IllegalStepError):
            way().end(MACROS.get)
    else:
        way().release()
        way().end(MACROS.get)


@pytest.mark.parametrize("way", [way for way, _ in _WAYS.values()], ids=_WAYS)
def test_a_mail_begins_once(way: Callable[[], MailTransaction]) -> None:
    """MAIL on a mail that has begun raises."""
    with pytest.raises(IllegalStepError):
        way().reserve(MACROS.get)


def test_nothing_but_mail_begins_it() -> None:
    """A mail without MAIL can neither end nor be released."""
    _, mail = _mail(_ALLOWED)

    with pytest.raises(IllegalStepError, match="a mail that is idle can't be released"):
        mail.release()
    with pytest.raises(IllegalStepError, match="a mail that is idle has no end-of-message"):
        mail.end(MACROS.get)


def test_an_illegal_end_reports_nothing() -> None:
    """What raises changes no counter and no metric."""
    server, mail = _mail(_ALLOWED)
    mail.reserve(MACROS.get)
    mail.end(MACROS.get)

    for again in (mail.release, lambda: mail.end(MACROS.get)):
        with pytest.raises(IllegalStepError):
            again()
    assert server.used() == 1
    assert server.events.open == 0


_PAIRS = list(product(MailState, MailState))


@pytest.mark.parametrize(
    ("before", "after"), [(before, after) for before, after in _PAIRS if after not in STEPS[before]]
)
def test_any_other_step_raises(before: MailState, after: MailState) -> None:
    """A step that is not in the table raises, and the state stays."""
    _, mail = _mail(_ALLOWED)
    mail.state = before

    with pytest.raises(IllegalStepError, match=f"a mail that is {before} can't be {after}"):
        mail._step(after)
    assert mail.state is before


@pytest.mark.parametrize(
    ("before", "after"), [(before, after) for before, after in _PAIRS if after in STEPS[before]]
)
def test_steps_lead_from_idle_to_an_end(before: MailState, after: MailState) -> None:
    """No step leads back or leaves an end; held mail is never counted, undecided mail never refused."""
    order = list(MailState)

    assert order.index(before) < order.index(after)
    assert before not in _OVER
    assert (before, after) not in {
        (MailState.HELD, MailState.SETTLED),
        (MailState.HELD, MailState.BOOKED),
        (MailState.UNDECIDED, MailState.REFUSED),
    }


def test_a_refused_recipient_changes_no_state() -> None:
    """RCPT beyond the limit is refused alone; the mail goes on and counts the others."""
    server, mail = _mail(_ONE_EACH)
    assert mail.reserve(MACROS.get) is Verdict.CONTINUE

    replies = [mail.rcpt(MACROS.get) for _ in range(2)]

    assert replies[0] is None
    assert isinstance(replies[1], Reply)
    assert mail.state is MailState.RESERVED
    assert mail.end(MACROS.get) is Verdict.CONTINUE
    assert server.used() == 1
