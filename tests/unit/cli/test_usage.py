"""`sendlimit usage`."""

from support.command_samples import ALICE, Commands, day


def test_shape(commands: Commands) -> None:
    """What was taken away has the limit and the period that it is of."""
    commands.count(day(ALICE), 60)
    assert commands.json("usage", "reset", ALICE, "--yes") == [
        {
            "subject": ALICE,
            "limit": "mailbox.messages_per_day",
            "taken": 60,
            "period_start": "2026-11-21T23:00:00+00:00",
            "period_end": "2026-11-22T23:00:00+00:00",
        }
    ]
    assert commands.json("usage", "reset", ALICE, "--yes") == []


def test_question(commands: Commands) -> None:
    """Without --yes and a terminal nothing is taken away."""
    commands.count(day(ALICE), 60)
    assert commands("usage", "reset", ALICE) == 1
    assert "has used: mailbox.messages_per_day 60" in commands.stderr
    assert commands.used() == [60]


def test_words(commands: Commands) -> None:
    """`usage` alone prints its help; reset needs a SUBJECT."""
    assert commands("usage", "reset") == 2
    assert "Missing argument 'SUBJECT'" in commands.stderr
