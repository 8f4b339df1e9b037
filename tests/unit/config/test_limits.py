"""The table [limits]."""

import pytest
from pydantic import ValidationError

from sendlimit.config.limits import MAX_LIMIT
from sendlimit.rules.limit import LIMIT_NAMES, LimitName, Setting
from support.config_samples import config_of
from support.counting_samples import setting


@pytest.mark.parametrize("name", LIMIT_NAMES, ids=str)
def test_every_limit_can_be_set(name: LimitName) -> None:
    """Each SCOPE.UNIT_per_WINDOW is a key of the file."""
    assert config_of(f"limits.{name} = 7").settings() == [Setting("*", name, 7)]


@pytest.mark.parametrize(
    ("value", "expected"),
    [("0", 0), ("1", 1), (str(MAX_LIMIT), MAX_LIMIT), ('"unlimited"', None)],
)
def test_values_of_a_limit(value: str, expected: int | None) -> None:
    """R10: a whole number from 0 on, or "unlimited"."""
    (found,) = config_of(f"limits.mailbox.messages_per_day = {value}").settings()

    assert expected == found.max


def test_subjects_are_made_small() -> None:
    """R2: capitals in the file name the same domain and mailbox."""
    config = config_of('[limits.for."News@Example.ORG"]\nmailbox.messages_per_day = 1')

    assert config.settings() == [setting("news@example.org", "mailbox.messages_per_day", 1)]


@pytest.mark.parametrize(
    "text",
    [
        'limits.for."".mailbox.messages_per_day = 1',
        'limits.for." ".mailbox.messages_per_day = 1',
        'limits.for."x.org".global.messages_per_day = 1',
        "limits.global.recipients_per_message = 1",
        "limits.mailbox.messages_per_ever = 1",
        f"limits.mailbox.messages_per_day = {MAX_LIMIT + 1}",
        'limits.mailbox.messages_per_day = "Unlimited"',
        "limits.mailbox.messages_per_day = false",
    ],
)
def test_what_is_refused(text: str) -> None:
    """A limit that is not a whole number in its range, or of an unknown name, is an error."""
    with pytest.raises(ValidationError):
        config_of(text)
