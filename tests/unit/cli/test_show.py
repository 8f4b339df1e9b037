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


def test_share(commands: Commands) -> None:
    """R16: a share says of which limit it is part, and what that is now."""
    config = commands.config.read_text()
    commands.config.write_text(config.replace("[limits]", "[limits]\nmailbox.share_of_global_percent = 10"))  # fmt: skip
    text = " ".join(" ".join(commands.lines("show", ALICE)).split())

    assert "share: 10 percent of global.messages_per_day, 999; set in the file for everyone" in text
    (own,) = [one for one in commands.json("show", ALICE)["limits"] if one["origin"] == "share"]
    assert (own["limit"], own["max"], own["set_for"]) == ("mailbox.messages_per_day", 99, "*")
