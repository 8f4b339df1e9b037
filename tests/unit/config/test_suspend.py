"""The table [suspend]."""

import pytest

from sendlimit.config.suspend import SuspendSection, span
from sendlimit.rules.suspicion import SuspendRule


def test_rule() -> None:
    """The keys become a rule in seconds; the mode says whether it is only told."""
    section = SuspendSection.model_validate({"after_refusals": 20, "within": "10m", "for": "7d"})
    assert section.rule(observe=True) == SuspendRule(20, None, 600, 7 * 86_400, observe=True)


def test_defaults() -> None:
    """An hour to come together, a day of suspension; "released" has no end."""
    section = SuspendSection.model_validate({"after_client_addresses": 10})
    assert section.rule(observe=False) == SuspendRule(None, 10, 3600, 86_400)
    section = SuspendSection.model_validate({"after_client_addresses": 10, "for": "released"})
    assert section.rule(observe=False).for_s is None


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("24h", 86_400), ("7d", 604_800)]
)
def test_span(text: str, seconds: int) -> None:
    """A time span is a number and a letter."""
    assert span(text) == seconds


@pytest.mark.parametrize("text", ["", "1", "h", "1.5h", "-1h", "0h", "1 h", "1w", "1h30m"])
def test_no_span(text: str) -> None:
    """Anything else is none, and says what is allowed."""
    with pytest.raises(ValueError, match="is not a time span; allowed: spans such as"):
        span(text)
