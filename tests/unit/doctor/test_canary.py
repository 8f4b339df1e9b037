"""The conversation with a milter, byte by byte, and the canary's judgement of its answers."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sendlimit.config import Config
from sendlimit.daemon.milter_client import Answer, Conversation, NoMilterError
from sendlimit.doctor import canary as canary_module
from sendlimit.doctor.canary import CANARY, canary
from sendlimit.rules.reply import UNAVAILABLE_TEXT
from sendlimit.store.connection import Connection, open_connection
from sendlimit.store.location import SQLiteLocation
from sendlimit.store.migrations import upgrade

NEGOTIATED = b"O" + struct.pack("!III", 6, 0, 0)
_NOW = 1_795_000_000


def packet(body: bytes) -> bytes:
    """The octets of one packet."""
    return struct.pack("!I", len(body)) + body


class FakeMilter(threading.Thread):
    """Takes one connection, answers MAIL as told, keeps all packets.

    Attributes:
        answers: bodies to answer MAIL with; None hangs up.
    """

    def __init__(self, path: Path, answers: list[bytes | None]) -> None:
        """Listen."""
        super().__init__()
        self.packets: list[bytes] = []
        self._answers = answers
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen()

    def run(self) -> None:
        """Serve until the client leaves."""
        with self._server, self._server.accept()[0] as client, client.makefile("rb") as stream:
            while head := stream.read(4):
                body = stream.read(*struct.unpack("!I", head))
                self.packets.append(body)
                if body[:1] == b"O":
                    client.sendall(packet(NEGOTIATED))
                for answer in self._answers if body[:1] == b"M" else ():
                    if answer is None:
                        return
                    client.sendall(packet(answer))


@contextmanager
def milter(path: Path, *answers: bytes | None) -> Iterator[FakeMilter]:
    """Run a milter for one connection."""
    fake = FakeMilter(path, list(answers))
    fake.start()
    yield fake
    fake.join(10)


def test_conversation(tmp_path: Path) -> None:
    """It speaks as Postfix does: negotiation, macros, MAIL, abort, quit."""
    with (
        milter(tmp_path / "s", b"p", b"c") as fake,
        Conversation(socket.AF_UNIX, str(tmp_path / "s")) as conversation,
    ):
        assert conversation.mail("a@example.org", {"{auth_authen}": "a"}) == Answer("continue")
        conversation.abort()

    assert fake.packets == [
        b"O" + struct.pack("!III", 6, 0x1FF, 0x1FFFFF),
        b"DM{auth_authen}\0a\0",
        b"M<a@example.org>\0",
        b"A",
        b"Q",
    ]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"c", Answer("continue")),
        (b"a", Answer("accept")),
        (b"t", Answer("refused")),
        (b"y450 4.7.1 Limit\0", Answer("refused", "450 4.7.1 Limit")),
    ],
)
def test_answers(tmp_path: Path, answer: bytes, expected: Answer) -> None:
    """Each answer of a milter is understood."""
    with (
        milter(tmp_path / "s", answer),
        Conversation(socket.AF_UNIX, str(tmp_path / "s")) as conversation,
    ):
        assert conversation.mail("a@example.org", {}) == expected


def test_hangs_up(tmp_path: Path) -> None:
    """A milter that hangs up is an OSError, and so is an answer that there is not."""
    for number, answer in enumerate((None, b"?")):
        path = tmp_path / str(number)
        with (
            milter(path, answer),
            Conversation(socket.AF_UNIX, str(path)) as conversation,
            pytest.raises(NoMilterError),
        ):
            conversation.mail("a@example.org", {})


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """No daemon counts in these tables: it is not worth waiting for."""
    monkeypatch.setattr(canary_module, "_COUNTED_S", 0.05)
    monkeypatch.setattr(canary_module, "_GIVEN_BACK_S", 0.05)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    """Empty tables, in which no daemon counts."""
    location = SQLiteLocation(str(tmp_path / "sendlimit.db"))
    opened = open_connection(location)
    upgrade(opened, location)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"c", "canary-uncounted"),
        (b"a", "canary-uncounted"),
        (b"y450 4.7.1 Limit reached\0", "canary-refused"),
        (f"y451 4.3.0 {UNAVAILABLE_TEXT}\0".encode(), "canary-uncounted"),
        (None, "canary-lost"),
    ],
    ids=["accepted", "exempt", "limit", "tempfail", "lost"],
)
def test_canary(tmp_path: Path, connection: Connection, answer: bytes | None, code: str) -> None:
    """What a daemon answers that does not count is told apart."""
    config = Config.model_validate({"milter": {"socket": f"unix:{tmp_path}/s"}})
    with milter(tmp_path / "s", answer) as fake:
        check = canary(connection, config, _NOW)

    assert [finding.code for finding in check.findings] == [code]
    assert CANARY.encode() in fake.packets[2]


def test_refused_at_the_end(tmp_path: Path, connection: Connection) -> None:
    """With reply.at = "end-of-message" MAIL passes, and the tables tell of the refusal."""
    config = Config.model_validate({"milter": {"socket": f"unix:{tmp_path}/s"}})
    connection.execute(
        "INSERT INTO er_refusal (scope, subject, unit, `window`, period_start, `limit`, first_at,"
        " last_at, attempts, last_mailbox) VALUES ('global', '*', 'messages', 'day',"
        " '2026-11-18 00:00:00', 0, '2026-11-18 00:00:00', '2026-11-19 00:00:00', 1, %s)",
        (CANARY,),
    )
    with milter(tmp_path / "s", b"c"):
        check = canary(connection, config, _NOW)

    assert [finding.code for finding in check.findings] == ["canary-refused"]


def test_kept(tmp_path: Path) -> None:
    """A canary that stays counted is an error."""
    config = Config.model_validate({"milter": {"socket": f"unix:{tmp_path}/s"}})

    class Counting:
        """The tables, in which a daemon counts between the first look and the next."""

        looks = 0

        def execute(self, statement: str, params: tuple[object, ...] = ()) -> list[tuple[int]]:
            """Count the canary from the second look on."""
            assert (statement, params) != ("", ())
            self.looks += 1
            return [(int(self.looks > 1),)]

    with milter(tmp_path / "s", b"c"):
        check = canary(Counting(), config, _NOW)  # type: ignore[arg-type] # all that it asks

    assert [finding.code for finding in check.findings] == ["canary-kept"]
