"""`sendlimit show`."""

import pytest

from support.command_samples import ALICE, Commands, day


def test_first_line(commands: Commands) -> None:
    """The first line says what happens to the next mail, in the words of who is asked for."""
    assert commands.lines("show", ALICE)[0] == f"mailbox {ALICE}: the next mail passes"
    assert commands.lines("show")[0] == "the server: the next mail passes"
    commands.count(day(ALICE), 200)
    assert "the next mail is REFUSED" in commands.lines("show", ALICE)[0]


def test_shape(commands: Commands) -> None:
    """The JSON has the verdict, the limits that bear on it, and the defaults below a domain."""
    commands.count(day(ALICE), 200)
    shown = commands.json("show", ALICE)
    assert (shown["refused"], shown["over_limit"]) == (True, "mailbox.messages_per_day")
    assert shown["resets_at"] == "2026-11-22T23:00:00+00:00"
    assert shown["defaults"] == []
    (default,) = commands.json("show", "example.org")["defaults"]
    assert (default["limit"], default["max"], default["used"]) == (
        "mailbox.messages_per_day", 200, None,
    )  # fmt: skip


@pytest.mark.parametrize("subject", ["", "@", "*@example.org"])
def test_no_subject(commands: Commands, subject: str) -> None:
    """What names no subject is refused with what is allowed."""
    assert commands("show", subject) == 2
    assert "sendlimit: SUBJECT: " in commands.stderr
    assert "allowed: " in commands.stderr
