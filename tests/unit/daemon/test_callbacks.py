"""The callbacks that libmilter calls: options, statuses, replies, and the boundary over exceptions."""

from collections.abc import Callable
from typing import NoReturn

import Milter
import pytest

from sendlimit.counting.reservation import Reservation
from sendlimit.daemon.callbacks import Callbacks
from sendlimit.daemon.server_state import SessionSettings
from sendlimit.rules.mailbox import Sender
from sendlimit.rules.reply import FIXED_TEXT, Wording
from support.counting_samples import ALICE, UTC, setting
from support.doubles.milter_context import MilterConnection, MilterContext
from support.doubles.server import MACROS, Server

_DAY = "mailbox.messages_per_day"
_PER_DAY = "mailbox.recipients_per_day"
_NOTHING = setting("*", _DAY, 0)
_LOGIN = {**MACROS, "{auth_authen}": ALICE.mailbox}


def _connect(server: Server, offered: int = 0x1FFFFF) -> MilterConnection:
    return MilterConnection(Callbacks(server.state), _LOGIN, offered)


# the options


def test_nothing_else_is_asked_for() -> None:
    """Connect, HELO, DATA, headers, body and unknown commands are not sent to us."""
    options = _connect(Server()).options

    for name in (
        "P_NOCONNECT", "P_NOHELO", "P_NODATA", "P_NOBODY", "P_NOHDRS", "P_NOEOH", "P_NOUNKNOWN",
    ):  # fmt: skip
        assert options[1] & getattr(Milter, name), name
    assert options[2:] == [0, 0]


def test_data_on_an_inet_socket() -> None:
    """DATA is sent where that saves Postfix 40 ms, and is never refused."""
    settings = SessionSettings(UTC, Wording(), data_callback=True, refuse_at_end=True)
    connection = _connect(Server(_NOTHING, settings=settings))

    assert not connection.options[1] & Milter.P_NODATA
    connection.mail()
    assert connection.data() == Milter.CONTINUE


def test_rcpt_without_an_answer() -> None:
    """Without a limit on recipients RCPT is sent, and answered with NOREPLY."""
    connection = _connect(Server())

    assert connection.options[1] & Milter.P_NR_RCPT
    connection.mail()
    assert connection.rcpt() == Milter.NOREPLY


def test_rcpt_with_an_answer() -> None:
    """With one it is answered."""
    connection = _connect(Server(setting("*", _PER_DAY, 1)))

    assert not connection.options[1] & (Milter.P_NR_RCPT | Milter.P_NORCPT)
    connection.mail()
    assert [connection.rcpt(), connection.rcpt()] == [Milter.CONTINUE, Milter.TEMPFAIL]


def test_rcpt_mailer_is_asked_for() -> None:
    """R18: only of connections after one whose RCPT lacked it, with a macro that comes each time."""
    server = Server(setting("*", "mailbox.external_recipients_per_day", 1))
    first = _connect(server)
    first.mail()
    first.rcpt()

    assert first.context.asked_for == {}
    assert _connect(server).context.asked_for == {Milter.M_ENVRCPT: "{rcpt_addr} {rcpt_mailer}"}


def test_a_postfix_that_offers_nothing() -> None:
    """What is not offered is not asked for."""
    assert _connect(Server(), offered=0).options == [0x1FF, 0, 0, 0]


def test_options_twice() -> None:
    """A second negotiation on the connection replaces the first."""
    server = Server()
    callbacks = Callbacks(server.state)
    connection = MilterConnection(callbacks, _LOGIN)
    callbacks.negotiate(connection.context, [0x1FF, 0, 0, 0])
    connection.mail()

    assert connection.rcpt() == Milter.CONTINUE


# the session


def test_one_session_for_a_connection() -> None:
    """All callbacks of a context take the steps of the same session."""
    server = Server()
    connection = _connect(server)
    session = connection.context.getpriv()
    connection.mail()
    connection.eom()

    assert session is not None
    assert connection.context.getpriv() is session
    assert server.used() == 1


def test_client_that_never_negotiated() -> None:
    """MAIL on a context without a session, as after QUIT, makes one: the mail is limited."""
    server = Server(setting("*", _DAY, 1))
    callbacks = Callbacks(server.state)

    context = MilterContext(_LOGIN)
    assert callbacks.envfrom(context, b"<a@example.org>") == Milter.CONTINUE
    assert callbacks.envrcpt(context, b"<b@example.org>") == Milter.CONTINUE
    assert callbacks.eom(context) == Milter.CONTINUE
    assert callbacks.envfrom(context, b"<a@example.org>") == Milter.TEMPFAIL
    assert server.used() == 1


@pytest.mark.parametrize("callback", ["envfrom", "envrcpt", "eom", "abort", "data"])
def test_callback_out_of_the_blue(callback: str) -> None:
    """Any callback may be the first one, with no argument but the context."""
    server = Server()

    status = getattr(Callbacks(server.state), callback)(MilterContext())

    assert status in {Milter.CONTINUE, Milter.ACCEPT}
    assert not [event for event in server.events.recorded if isinstance(event, tuple)]


def test_mail_without_a_login_is_accepted() -> None:
    """R1: ACCEPT, so that nothing more is sent about it."""
    assert MilterConnection(Callbacks(Server().state), {}).mail() == Milter.ACCEPT


# the reply


def test_reply_of_a_refusal() -> None:
    """A refusal is TEMPFAIL with code, enhanced status and text."""
    connection = _connect(Server(_NOTHING))

    assert connection.mail() == Milter.TEMPFAIL
    assert connection.context.replies == [
        ("450", "4.7.1", "Sending is switched off for alice@example.org")
    ]


def test_percent_is_doubled() -> None:
    """A text with "%" reaches the client as it was written."""
    wording = Wording(texts={"mailbox": "100% used, %s %% {used}"})
    connection = _connect(Server(setting("*", _DAY, 0), settings=SessionSettings(UTC, wording)))
    connection.mail()

    assert connection.context.replies[-1][2] == "100% used, %s %% 0"


@pytest.mark.parametrize("error", [Milter.error, ValueError])
def test_reply_that_libmilter_refuses(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A text that can't be set gives way to the fixed one; the mail is refused all the same."""
    connection = _connect(Server(_NOTHING))
    setreply = connection.context.setreply

    def only_the_fixed_text(code: str, enhanced_status: str, text: str) -> None:
        if text != FIXED_TEXT:
            raise error
        setreply(code, enhanced_status, text)

    monkeypatch.setattr(connection.context, "setreply", only_the_fixed_text)

    assert connection.mail() == Milter.TEMPFAIL
    assert connection.context.replies == [("450", "4.7.1", FIXED_TEXT)]


# the boundary


def _break(*_args: object, **_named: object) -> NoReturn:
    raise RuntimeError("broken")


@pytest.mark.parametrize(
    ("callback", "broken", "where"),
    [
        pytest.param(MilterConnection.mail, "reserve", "envfrom", id="envfrom"),
        pytest.param(MilterConnection.eom, "settle", "eom", id="eom"),
        pytest.param(MilterConnection.abort, "release", "abort", id="abort, close"),
    ],
)
def test_a_fault_never_stops_mail(
    callback: Callable[[MilterConnection], int],
    broken: str,
    where: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """R11: whatever raises in a callback, the answer is CONTINUE, and it is reported once."""
    server = Server(setting("*", _PER_DAY, 9))
    connection = _connect(server)
    connection.mail()
    connection.rcpt()
    monkeypatch.setattr(server.daemon.ledger, broken, _break)

    assert callback(connection) == Milter.CONTINUE
    faults = [event for event in server.events.recorded if isinstance(event, tuple)]
    assert faults == [("fault", where)]
    assert not server.state.busy


@pytest.mark.parametrize("limits", [[setting("*", _PER_DAY, 0)], []], ids=["answered", "not"])
def test_a_fault_at_rcpt_never_stops_mail(
    limits: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """R11: at RCPT the answer is what was negotiated for one that passes."""
    server = Server(*limits)  # type: ignore[arg-type]
    connection = _connect(server)
    session = connection.context.getpriv()
    assert session is not None
    monkeypatch.setattr(type(session), "rcpt", _break)

    assert connection.rcpt() == (Milter.CONTINUE if limits else Milter.NOREPLY)
    assert server.events.recorded == [("fault", "envrcpt")]


def test_a_fault_at_negotiation_never_stops_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    """R11: also when options are negotiated; Postfix then gets the callbacks that it offered."""
    server = Server()
    monkeypatch.setattr(server.state, "settings", None)

    assert _connect(server).options[1] == 0x1FFFFF
    assert server.events.recorded == [("fault", "negotiate")]


def test_a_mail_with_a_fault_at_its_end_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a fault at the end, as after any end, an abort gives nothing back: Postfix sends the mail."""
    server = Server(setting("*", _PER_DAY, 9))
    connection = _connect(server)
    connection.mail()
    connection.rcpt()
    with monkeypatch.context() as patch:
        patch.setattr(server.daemon.ledger, "settle", _break)
        connection.eom()
    connection.abort()

    assert server.used() == 1
    assert server.events.open == 0


@pytest.mark.parametrize("callback", [MilterConnection.mail, MilterConnection.eom])
def test_callbacks_in_flight_are_known(
    callback: Callable[[MilterConnection], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The daemon that stops waits for callbacks that may wait for the ledger, and for no others."""
    server = Server(setting("*", _PER_DAY, 9))
    connection = _connect(server)
    connection.mail()
    connection.rcpt()
    seen = []
    reserve, settle = server.daemon.ledger.reserve, server.daemon.ledger.settle

    def look_and_reserve(sender: Sender, at: int) -> Reservation:
        seen.append(set(server.state.busy))
        return reserve(sender, at)

    def look_and_settle(reservation: Reservation, *what: int) -> object:
        seen.append(set(server.state.busy))
        return settle(reservation, *what)

    monkeypatch.setattr(server.daemon.ledger, "reserve", look_and_reserve)
    monkeypatch.setattr(server.daemon.ledger, "settle", look_and_settle)
    callback(connection)

    assert seen == [{connection.context.getpriv()}]
    assert not server.state.busy
