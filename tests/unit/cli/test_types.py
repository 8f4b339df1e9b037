"""Names and values of limits as arguments."""

import click
import pytest

from sendlimit.cli.types import LimitNameType, LimitValueType
from sendlimit.rules.limit import LIMIT_NAMES


def test_names() -> None:
    """Every name is taken in any letters, and a name that was read already as it is."""
    for name in LIMIT_NAMES:
        assert LimitNameType().convert(str(name).upper(), None, None) == name
        assert LimitNameType().convert(name, None, None) is name


@pytest.mark.parametrize(
    "text", ["", "mailbox", "mailbox.messages_per_year", "domain.recipients_per_message"]
)
def test_no_name(text: str) -> None:
    """Another name is refused with the allowed ones."""
    with pytest.raises(click.BadParameter, match=r"is not a limit; .*allowed: <global"):
        LimitNameType().convert(text, None, None)


def test_suspension_is_no_name() -> None:
    """R17: it is set and ended by commands of its own, which are named."""
    with pytest.raises(click.BadParameter, match=r"'sendlimit suspend'.*'sendlimit release'"):
        LimitNameType().convert("mailbox.suspended", None, None)


@pytest.mark.parametrize(
    ("text", "value"), [("0", 0), ("1000000000000000", 10**15), ("Unlimited", "unlimited")]
)
def test_values(text: str, value: int | str) -> None:
    """A value is a whole number or the word "unlimited"."""
    assert LimitValueType().convert(text, None, None) == value


@pytest.mark.parametrize("text", ["", "-1", "1.5", "1000000000000001", "9" * 5000, "\u0665"])
def test_no_value(text: str) -> None:
    """Anything else is refused, also a number of thousands of digits."""
    with pytest.raises(click.BadParameter, match="is not a limit; allowed: a whole number"):
        LimitValueType().convert(text, None, None)
