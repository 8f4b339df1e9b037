"""What is suggested for a word that is not known."""

import pytest

from sendlimit.cli.spelling import did_you_mean
from sendlimit.rules.limit import LIMIT_NAMES

_NAMES = [str(name) for name in LIMIT_NAMES]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("mailbox.mesages_per_day", "mailbox.messages_per_day"),
        ("Mailbox.Messages_Per_Hours", "mailbox.messages_per_hour"),
        ("mailbox.messages_per_year", "mailbox.messages_per_"),
        ("messages_per_day", "global.messages_per_day or domain.messages_per_day"),
    ],
)
def test_a_limit(word: str, expected: str) -> None:
    """A mistyped name, and one without its scope, leads to names that exist."""
    suggested = did_you_mean(word, _NAMES)

    assert suggested.startswith("did you mean ")
    assert suggested.endswith("? ")
    assert expected in suggested


@pytest.mark.parametrize("word", ["", "quota", "\x1b[2J"])
def test_nothing_alike(word: str) -> None:
    """A word that is like nothing known is not explained."""
    assert did_you_mean(word, _NAMES) == ""
