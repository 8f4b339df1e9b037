"""`sendlimit suggest`; the numbers are tested in onboarding."""

import tomllib

import pytest

from sendlimit.config import Config
from support.command_samples import ALICE, NOW, Commands, day


@pytest.fixture
def counted(commands: Commands) -> Commands:
    """A hundred mailboxes that sent little yesterday, and Alice."""
    for number in range(100):
        commands.count(day(f"m{number}@example.net", moment=NOW - 86400), 8)
    commands.count(day(ALICE, moment=NOW - 86400), 900)
    return commands


def test_lines_to_take_over(counted: Commands) -> None:
    """What is printed at the end is a part of a configuration, and commands for the exceptions."""
    lines = counted.lines("suggest")
    part = "\n".join(lines[lines.index("[limits]") :]).partition("\n\n")[0]
    Config.model_validate(tomllib.loads(part))
    assert "mailbox.messages_per_day = 10" in part
    assert lines[-1] == (
        f"sendlimit limit set {ALICE} mailbox.messages_per_day 950 --reason 'busiest day: 900'"
    )


def test_shape(counted: Commands) -> None:
    """The JSON has a proposal for each scope, trials of limits, and who is above."""
    found = counted.json("suggest", "--at-limit", "100")
    assert [one["proposed"] for one in found["proposals"]] == [10]
    assert [one["limit"] for one in found["trials"]] == [10, 100]
    assert [one["subject"] for one in found["exceeding"]] == [ALICE]


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("--window", "hour"), 1, "no mailbox.messages_per_hour has been counted from 2026-10-23"),
        (("--window", "minute"), 2, "'minute' is not one of"),
        (("--days", "0"), 2, "0 is not in the range"),
    ],
)
def test_refused(counted: Commands, words: tuple[str, ...], code: int, sentence: str) -> None:
    """A window that was not counted, or is not allowed, is a sentence."""
    assert counted("suggest", *words) == code
    assert sentence in counted.stderr
