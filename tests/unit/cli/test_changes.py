"""`sendlimit changes`."""

from support.command_samples import ALICE, Commands


def test_shape(commands: Commands) -> None:
    """A change has who, where from, what, and the rows before and after it."""
    assert commands("limit", "set", ALICE, "mailbox.messages_per_day", "7") == 0

    (change,) = commands.json("changes")

    assert list(change) == ["id", "at", "who", "origin", "what", "subject", "before", "after"]
    assert (change["origin"], change["what"], change["subject"]) == ("command", "limit set", ALICE)
    assert change["before"] is None
    assert change["after"]["max"] == 7
    assert commands.json("changes", "--subject", "bob@example.org") == []


def test_nothing(commands: Commands) -> None:
    """Without changes the time that was looked at is named."""
    assert commands("changes", "--since", "1h") == 0
    assert commands.stdout == ""
    assert "no changes since 2026-11-22 11:30" in commands.stderr


def test_wrong_time(commands: Commands) -> None:
    """A time that is none is a wrong option."""
    assert commands("changes", "--since", "long ago") == 2
    assert "Invalid value for --since: 'long ago' is not a time" in commands.stderr
