"""`sendlimit purge`."""

import pytest

from support.command_samples import ALICE, NOW, Commands, day


def test_shape(commands: Commands) -> None:
    """It says how many rows of each table are gone; what is younger stays."""
    commands.count(day(ALICE, moment=NOW - 100 * 86400), 5)
    commands.count(day(ALICE), 6)

    removed = commands.json("purge")

    assert removed == {"counters": 1, "refusals": 0, "boosts": 0, "committers": 0}
    assert commands.used() == [6]
    assert commands.lines("purge")[0] == "removed what is older than 2026-08-24 13:30:"


@pytest.mark.parametrize(
    ("span", "sentence"),
    [
        ("1h", "'1h' is too short; allowed: 1d and more"),
        ("soon", "'soon' is not a time span; allowed: "),
    ],
)
def test_wrong_span(commands: Commands, span: str, sentence: str) -> None:
    """A span that is too short or none is a wrong option."""
    assert commands("purge", "--older-than", span) == 2
    assert f"Invalid value for --older-than: {sentence}" in commands.stderr
