"""The admin's own body of webhooks."""

import json

import pytest

from sendlimit.config.webhook_body import BODY_PLACEHOLDERS, read_webhook_body

_VALUES = dict.fromkeys(BODY_PLACEHOLDERS, "") | {"text": 'a "quoted"\n text', "limit": "100"}


def test_json() -> None:
    """Placeholders stand in the strings of the JSON, at any depth; what they bring stays a string."""
    body = read_webhook_body('{"a": ["{text}", {"b": "{limit} {error}"}], "c": 7, "d": ""}')
    assert body.is_json
    assert json.loads(body.filled(_VALUES)) == {
        "a": ['a "quoted"\n text', {"b": "100 "}],
        "c": 7,
        "d": "",
    }


def test_text() -> None:
    """What does not begin like JSON is a text."""
    for text in ("limit={limit}&host={host}", "{limit} of {limit}"):
        body = read_webhook_body(text)
        assert (body.is_json, body.filled(_VALUES)) == (False, text.format_map(_VALUES).encode())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"a": ', r"begins like JSON and is none: Expecting value"),
        ("[" * 500_000, r"begins like JSON and is none"),
        ('{"a": "{user}"}', r"has an unknown placeholder \{user\}; allowed: \{text\} \{event\}"),
        ("limit {user}", r"has an unknown placeholder \{user\}"),
        ('["{text:>9}"]', r"has a placeholder \{text\} with a format"),
        ('["{"]', r"has a brace that stands alone"),
    ],
)
def test_mistake(text: str, problem: str) -> None:
    """A mistake is found when the file is read, and said with what is allowed."""
    with pytest.raises(ValueError, match=problem):
        read_webhook_body(text)
