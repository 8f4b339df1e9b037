"""Any login, reverse path and macro, in any order of events: the limit holds, nothing raises."""

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import Milter
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sendlimit import maillog
from sendlimit.daemon.callbacks import Callbacks
from sendlimit.daemon.verdict import Verdict
from sendlimit.rules.limit import Scope
from sendlimit.rules.mailbox import sender_of
from support.counting_samples import setting
from support.doubles.milter_context import MilterConnection
from support.doubles.server import MACROS, Server

LIMIT = 2
_FILE = (
    setting("*", "mailbox.messages_per_day", LIMIT),
    setting("*", "mailbox.recipients_per_day", LIMIT * 3),
    setting("*", "mailbox.recipients_per_message", 3),
)

# Few logins, so that their limits are reached, and odd ones at that.
_LOGINS = st.sampled_from(
    [
        "alice@example.org", "ALICE@Example.org", "a=b@example.org", "a!b@example.org", "*", "@", "",
        "nodomain", "x\r\nrefused mailbox=y", "%s%n{used}", "l" * 70_000 + "@example.org", "\x00", b"\xff\xfe",
        "\N{RIGHT-TO-LEFT OVERRIDE}", "a@" + "d" * 70_000, " ", "'; DROP TABLE er_counter; --",
    ]
)  # fmt: skip
_VALUES = st.one_of(st.text(max_size=40), st.binary(max_size=40), st.just("x" * 70_000))
_MACROS = st.dictionaries(st.sampled_from(["{client_addr}", "_", "i", "j", "{odd}"]), _VALUES)
_PATHS = st.one_of(st.binary(max_size=60), st.just(b"<" + b"x" * 70_000 + b">"), st.just(b"<>"))
_EVENTS = st.one_of(
    st.tuples(st.just("mail"), st.integers(0, 2), _LOGINS, _PATHS, _MACROS),
    st.tuples(st.sampled_from(["rcpt", "eom", "abort"]), st.integers(0, 2)),
)


@contextmanager
def lines_logged() -> Iterator[list[str]]:
    """Collect the lines that are logged in the block, at every level."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    maillog.logger.addHandler(handler)
    level, propagate = maillog.logger.level, maillog.logger.propagate
    maillog.logger.setLevel(logging.DEBUG)
    maillog.logger.propagate = False
    try:
        yield lines
    finally:
        maillog.logger.removeHandler(handler)
        maillog.logger.setLevel(level)
        maillog.logger.propagate = propagate


class Client:
    """A client of Postfix behind the callbacks.

    Attributes:
        connection: what it does goes through here.
        mailbox: whose mail is between MAIL and its end, None without one that counts.
    """

    def __init__(self, server: Server) -> None:
        """Connect."""
        self.connection = MilterConnection(Callbacks(server.state), MACROS)
        self.mailbox: str | None = None

    def play(self, *event: object) -> tuple[int, str | None]:
        """Call one callback; return its answer and, where a mail ended well, whose it was."""
        mailbox, self.mailbox = self.mailbox, None
        match event:
            case ("mail", _, str() | bytes() as login, bytes() as path, dict() as macros):
                self.connection.context.macros = {**macros, "{auth_authen}": login}
                answer = self.connection.mail(path)
                if answer == Milter.CONTINUE:
                    assert isinstance(login, str)
                    self.mailbox = sender_of(login, "").mailbox
                return answer, None
            case ("rcpt", _):
                self.mailbox = mailbox
                return self.connection.rcpt(), None
            case ("eom", _):
                answer = self.connection.eom()
                return answer, mailbox if answer == Milter.CONTINUE else None
            case ("abort", _):
                return self.connection.abort(), None
            case _:
                raise AssertionError(event)


@given(st.lists(_EVENTS, max_size=25))
def test_any_order_of_events(events: list[tuple[Any, ...]]) -> None:
    """Nothing raises, every reply can be sent, every line is clean, counters are what was sent."""
    server = Server(*_FILE)
    clients = [Client(server) for _ in range(3)]
    sent: Counter[str] = Counter()
    with lines_logged() as lines:
        for event in events:
            answer, mailbox = clients[event[1]].play(*event)
            assert answer in {Milter.CONTINUE, Milter.ACCEPT, Milter.TEMPFAIL, Milter.NOREPLY}
            if mailbox is not None:
                sent[mailbox] += 1
            assert all(used <= LIMIT for used in messages(server, Scope.MAILBOX).values())
        for client in clients:
            client.connection.abort()

    assert messages(server, Scope.MAILBOX) == sent
    assert sum(messages(server, Scope.GLOBAL).values()) == sent.total()
    assert server.events.open == 0
    assert not [event for event in server.events.recorded if isinstance(event, tuple)]
    assert all(line.isprintable() for line in lines)
    for client in clients:
        for code, enhanced_status, text in client.connection.context.replies:
            assert (code, enhanced_status) == ("450", "4.7.1")
            assert text.isprintable()


def messages(server: Server, scope: Scope) -> Counter[str]:
    """Return the messages of the day by subject."""
    return Counter(
        {
            key.subject: used
            for key, used in server.counters().items()
            if (key.scope, key.unit, key.window) == (scope, "messages", "day")
        }
    )


@pytest.mark.parametrize("name", ["{client_addr}", "_", "i"])
def test_macro_that_is_not_text(name: str) -> None:
    """A macro for the log that is no UTF-8 changes no decision: the mail over the limit is refused."""
    server = Server(*_FILE)
    connection = server.connect()
    connection.macros.pop("{client_addr}")
    connection.macros[name] = b"\xff[\xfe]"
    with lines_logged():
        answers = [connection.send() for _ in range(LIMIT + 1)]

    assert answers == [Verdict.CONTINUE] * LIMIT + ["450"]
    assert not [event for event in server.events.recorded if isinstance(event, tuple)]


@given(st.text(max_size=80), st.text(max_size=80))
@example('a" mailbox="b', "a")
@example("\\n", "\n")
@example("\x9b31m", "\\x9b31m")
@example("\ud800", "\\ud800")
def test_values_in_the_log(one: str, other: str) -> None:
    """A value stays one value on one line that a terminal may show, and is told from any other."""
    shown = maillog.escaped(one)

    assert shown.isprintable()
    if shown.startswith('"'):
        assert shown.endswith('"')
        assert '"' not in shown[1:-1].replace("\\\\", "").replace('\\"', "")
    else:
        assert " " not in shown
        assert shown == one
    assert (shown == maillog.escaped(other)) == (one == other)
