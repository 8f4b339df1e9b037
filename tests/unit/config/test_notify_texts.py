"""The words of the mails: which placeholders they may have."""

import string

import pytest
from pydantic import ValidationError

from sendlimit.config.notify_texts import SUSPENDED_PLACEHOLDERS, NotifyTexts
from sendlimit.rules.reply import PLACEHOLDERS


def _names(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_defaults() -> None:
    """Each text has the placeholders of its kind; what an owner reads of a suspension has no number."""
    texts = NotifyTexts()
    for text in (
        texts.owner_warning,
        texts.owner_reached,
        texts.admin_warning,
        texts.admin_reached,
    ):
        assert _names(text.subject + text.body) <= set(PLACEHOLDERS)
    admin, owner = texts.admin_suspended, texts.owner_suspended
    assert _names(admin.subject + admin.body) <= set(SUSPENDED_PLACEHOLDERS)
    assert _names(owner.subject + owner.body) == {"mailbox"}
    assert not set(owner.subject + owner.body) & set(string.digits)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ({"body": "{used} sent"}, r"unknown placeholder \{used\}; allowed: \{mailbox\} \{domain\}"),
        ({"subject": "two\nlines"}, "a subject is one line"),
        ({"subject": ""}, "is empty"),
    ],
)
def test_mistake(text: dict[str, str], problem: str) -> None:
    """A text about a suspension has placeholders of its own."""
    with pytest.raises(ValidationError, match=problem):
        NotifyTexts.model_validate({"admin_suspended": text})
