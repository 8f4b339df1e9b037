"""What each receiver of notify.webhook_format is posted."""

import json
from typing import Any

import pytest

from sendlimit.config.notify import NotifySection
from sendlimit.notify.notices import Event
from sendlimit.notify.webhook_formats import FORMATS, Message

_TEXT = "alice@example.org has reached the mailbox limit: 100 of 100 messages per day"
_URL = "https://api.telegram.org/bot1:abc/sendMessage?chat_id=-100123"
_REACHED = Message(Event.LIMIT_REACHED, _TEXT, "mx1", _URL)
_ODD = Message(Event.LIMIT_REACHED, "<!channel> @here a_b_c@x [go](http://x) **&** `", "mx1", _URL)


def _document(name: str, message: Message = _REACHED) -> dict[str, Any]:
    body = FORMATS[name](message)
    assert body.headers == {"Content-Type": "application/json"}
    found = json.loads(body.octets)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("slack", {"text": _TEXT, "mrkdwn": False}),
        ("mattermost", {"text": _TEXT}),
        ("discord", {"content": _TEXT, "allowed_mentions": {"parse": []}}),
        ("google-chat", {"text": _TEXT}),
        ("gotify", {"title": "sendlimit on mx1", "message": _TEXT, "priority": 8}),
        ("telegram", {"chat_id": "-100123", "text": _TEXT, "link_preview_options": {"is_disabled": True}}),
    ],
)  # fmt: skip
def test_document(name: str, expected: dict[str, object]) -> None:
    """A receiver gets the sentence in the keys that it reads; Telegram's chat is that of the URL."""
    assert _document(name) == expected


def test_teams() -> None:
    """Teams gets an adaptive card with the sentence as its text."""
    (attachment,) = _document("teams")["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    (block,) = attachment["content"]["body"]
    assert (block["type"], block["text"], block["wrap"]) == ("TextBlock", _TEXT, True)


def test_ntfy() -> None:
    """The body for ntfy is the sentence; title and priority are headers."""
    body = FORMATS["ntfy"](_REACHED)
    assert body.octets.decode() == _TEXT
    assert body.headers == {
        "Content-Type": "text/plain; charset=utf-8",
        "Priority": "high",
        "Title": "sendlimit on mx1",
    }


@pytest.mark.parametrize(
    ("event", "priority"), [(Event.WARNING, 4), (Event.STORE_BACK, 4), (Event.STORE_DOWN, 8)]
)
def test_priority(event: Event, priority: int) -> None:
    """What needs somebody now is urgent, a warning is not."""
    assert _document("gotify", _REACHED._replace(event=event))["priority"] == priority
    ntfy = FORMATS["ntfy"](_REACHED._replace(event=event)).headers["Priority"]
    assert ntfy == {4: "default", 8: "high"}[priority]


@pytest.mark.parametrize(
    ("name", "key", "expected"),
    [
        ("slack", "text", "&lt;!channel&gt; @here a_b_c@x [go](http://x) **&amp;** `"),
        ("mattermost", "text", "\\<!channel\\> @\u200bhere a\\_b\\_c@x \\[go\\](http://x) \\*\\*&\\*\\* \\`"),
        ("discord", "content", "\\<!channel\\> @here a\\_b\\_c@x \\[go\\](http://x) \\*\\*&\\*\\* \\`"),
        ("google-chat", "text", "<\u200b!channel> @here a_b_c@x [go](http://x) **&** `"),
    ],
)  # fmt: skip
def test_foreign_text(name: str, key: str, expected: str) -> None:
    """A login can't notify a channel, make a link, or lose its underscores."""
    assert _document(name, _ODD)[key] == expected


def test_every_format_can_be_configured() -> None:
    """The formats are the values of notify.webhook_format, besides our own document."""
    gotify = "https://push.example.org/message?token=abc"
    for name in [*FORMATS, "sendlimit"]:
        url = gotify if name == "gotify" else _URL
        section = NotifySection.model_validate({"webhook_url": url, "webhook_format": name})
        assert section.webhook_format == name
