"""`sendlimit forget`."""

import pytest

from support.command_samples import ALICE, Commands, day


def test_shape(commands: Commands) -> None:
    """--dry-run says what would be removed, --yes removes it."""
    commands.count(day(ALICE), 5)

    found = commands.json("forget", ALICE, "--dry-run")
    assert list(found) == ["subject", "counters", "refusals", "limits", "applied"]
    assert (found["subject"], found["counters"], found["applied"]) == (ALICE, 1, False)
    assert commands.used() == [5]
    assert commands.json("forget", ALICE, "--yes")["applied"] is True
    assert commands.used() == []


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("global", "--yes"), 2, "the server can't be forgotten"),
        ((ALICE, "--json"), 2, "--json does not ask: say --yes or --dry-run, too"),
        (("", "--yes"), 2, "SUBJECT: '' names no one"),
    ],
)
def test_refused(commands: Commands, words: tuple[str, ...], code: int, sentence: str) -> None:
    """What can't be forgotten is a sentence."""
    assert commands("forget", *words) == code
    assert sentence in commands.stderr
