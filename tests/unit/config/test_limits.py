"""The table [limits]."""

import pytest
from pydantic import ValidationError

from sendlimit.config.limits import MAX_LIMIT
from sendlimit.rules.learning import LearnRule
from sendlimit.rules.limit import LIMIT_NAMES, LimitName, Scope, Setting, Share
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


def test_learned() -> None:
    """R15: a limit can be a rule; until something is learned it is at_least."""
    text = "{ learned = { times = 1.5, at_least = 50, at_most = 1000 } }"
    for name in ("mailbox.messages_per_day", "mailbox.recipients_per_hour", "domain.messages_per_day"):  # fmt: skip
        (found,) = config_of(f"limits.{name} = {text}").settings()
        assert (found.max, found.learn) == (50, LearnRule(150, 50, 1000))
    config = config_of(f'[limits.for."example.org"]\nmailbox.messages_per_day = {text}')
    assert config.settings()[0].subject == "example.org"


def test_shares() -> None:
    """R16: shares are set for everyone, a domain, or a mailbox; they are no limits by themselves."""
    config = config_of(
        "limits.mailbox.share_of_global_percent = 10\nlimits.domain.share_of_global_percent = 50\n"
        '[limits.for."Example.ORG"]\nmailbox.share_of_domain_percent = 20\n'
    )
    assert config.limits.shares("") == [
        Share("*", Scope.DOMAIN, Scope.GLOBAL, 50),
        Share("*", Scope.MAILBOX, Scope.GLOBAL, 10),
        Share("example.org", Scope.MAILBOX, Scope.DOMAIN, 20),
    ]
    assert config.settings() == []
    assert set(config.file_settings().shares) == {
        (Scope.DOMAIN, Scope.GLOBAL),
        (Scope.MAILBOX, Scope.GLOBAL),
        (Scope.MAILBOX, Scope.DOMAIN),
    }
