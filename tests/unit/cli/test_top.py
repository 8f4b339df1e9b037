"""`sendlimit top`."""

from support.command_samples import ALICE, Commands, day


def test_shape(commands: Commands) -> None:
    """The JSON has the period, and each subject with its count and limit."""
    commands.count(day(ALICE), 5)
    assert commands.json("top") == {
        "limit": "mailbox.messages_per_day",
        "period_start": "2026-11-21T23:00:00+00:00",
        "period_end": "2026-11-22T23:00:00+00:00",
        "subjects": [{"subject": ALICE, "used": 5, "max": 200}],
    }


def test_notes(commands: Commands) -> None:
    """Below the table stands since when is counted, or that it is not."""
    assert commands("top") == 0
    assert commands.stdout == ""
    assert commands.stderr == (
        "nothing is counted yet: mailbox.messages_per_day since 2026-11-22 00:00\n"
    )
    assert commands("top", "--unit", "recipients") == 0
    assert "mailbox.recipients_per_day is not counted" in commands.stderr


def test_options(commands: Commands) -> None:
    """Only running periods that follow each other have a list, and at least one line."""
    for words in (("--window", "message"), ("-n", "0"), ("--scope", "global")):
        assert commands("top", *words) == 2
