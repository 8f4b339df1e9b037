"""`sendlimit rename`."""

import pytest

from support.command_samples import ALICE, Commands, day

BOB = "bob@example.org"


def test_shape(commands: Commands) -> None:
    """--dry-run says what would move, --yes moves it."""
    commands.count(day(ALICE), 5)

    found = commands.json("rename", ALICE, BOB, "--dry-run")
    assert list(found) == ["from", "to", "counters", "refusals", "limits", "kept", "applied"]
    assert (found["from"], found["to"], found["applied"]) == (ALICE, BOB, False)
    assert commands.json("rename", ALICE, BOB, "--yes")["applied"] is True
    assert commands.json("show", BOB)["limits"][0]["used"] == 5


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("global", BOB, "--yes"), 2, "the server has no other name"),
        (("example.org", BOB, "--yes"), 2, "can't become mailbox"),
        ((ALICE, ALICE.upper(), "--yes"), 2, "is the same name"),
        ((ALICE, BOB, "--json"), 2, "--json does not ask: say --yes or --dry-run, too"),
    ],
)
def test_refused(commands: Commands, words: tuple[str, ...], code: int, sentence: str) -> None:
    """What can't be renamed is a sentence."""
    assert commands("rename", *words) == code
    assert sentence in commands.stderr
