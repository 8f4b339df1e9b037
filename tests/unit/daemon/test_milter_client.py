"""The milter protocol as Postfix speaks it, byte by byte."""

import socket
import struct
from pathlib import Path

import pytest

from sendlimit.daemon.milter_client import Answer, Conversation, NoMilterError
from support.doubles.milter import scripted_milter


def test_conversation(tmp_path: Path) -> None:
    """It speaks as Postfix does: negotiation, macros, MAIL, abort, quit."""
    with (
        scripted_milter(tmp_path / "s", b"p", b"c") as milter,
        Conversation(socket.AF_UNIX, str(tmp_path / "s")) as conversation,
    ):
        assert conversation.mail("a@example.org", {"{auth_authen}": "a"}) == Answer("continue")
        conversation.abort()

    assert milter.packets == [
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
        scripted_milter(tmp_path / "s", answer),
        Conversation(socket.AF_UNIX, str(tmp_path / "s")) as conversation,
    ):
        assert conversation.mail("a@example.org", {}) == expected


def test_hangs_up(tmp_path: Path) -> None:
    """A milter that hangs up is an OSError, and so is an answer that there is not."""
    for number, answer in enumerate((None, b"?")):
        path = tmp_path / str(number)
        with (
            scripted_milter(path, answer),
            Conversation(socket.AF_UNIX, str(path)) as conversation,
            pytest.raises(NoMilterError),
        ):
            conversation.mail("a@example.org", {})
