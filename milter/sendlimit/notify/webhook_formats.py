"""What receivers other than ours want to be posted: notify.webhook_format. Pure.

Logins are foreign text. Each format takes the means that its receiver has to show them as they are:
none of them may notify a channel, become a link or lose its underscores.

Source: the receivers' documents on incoming webhooks (Slack, Mattermost, Discord, Microsoft Teams
Workflows, Google Chat), the publish APIs of ntfy and Gotify, sendMessage of Telegram's Bot API.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs, urlsplit

from sendlimit.notify.notices import Event

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_JSON = {"Content-Type": "application/json"}
_URGENT = {Event.LIMIT_REACHED, Event.STORE_DOWN, Event.SUSPENDED, Event.FINDING}
_MARKDOWN = re.compile(r"([\\`*_~\[\]<>|#])")
_MENTION = re.compile(r"(?<![\w.])@")
_ZERO_WIDTH_SPACE = "\N{ZERO WIDTH SPACE}"


class Body(NamedTuple):
    """What is posted."""

    octets: bytes
    headers: Mapping[str, str]


class Message(NamedTuple):
    """A notice as chat programs show it.

    Attributes:
        event: what happened.
        text: one sentence.
        host: the server.
        url: where it is posted; Telegram's names the chat.
    """

    event: Event
    text: str
    host: str
    url: str

    @property
    def is_urgent(self) -> bool:
        """Whether a telephone should make a noise."""
        return self.event in _URGENT


def _json(document: object) -> Body:
    return Body(json.dumps(document).encode(), _JSON)


def _slack(message: Message) -> Body:
    text = message.text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _json({"text": text, "mrkdwn": False})


def _mattermost(message: Message) -> Body:
    # Mattermost has no switch that keeps "@channel" from notifying everyone.
    return _json({"text": _markdown(_MENTION.sub(f"@{_ZERO_WIDTH_SPACE}", message.text))})


def _discord(message: Message) -> Body:
    return _json({"content": _markdown(message.text), "allowed_mentions": {"parse": []}})


def _teams(message: Message) -> Body:
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [{"type": "TextBlock", "text": _markdown(message.text), "wrap": True}],
    }
    kind = "application/vnd.microsoft.card.adaptive"
    return _json({"type": "message", "attachments": [{"contentType": kind, "content": card}]})


def _google_chat(message: Message) -> Body:
    # "<users/all>" would notify everyone, and Google Chat has no escape for "<".
    return _json({"text": message.text.replace("<", f"<{_ZERO_WIDTH_SPACE}")})


def _ntfy(message: Message) -> Body:
    priority = "high" if message.is_urgent else "default"
    headers = {"Content-Type": "text/plain; charset=utf-8", "Priority": priority}
    return Body(message.text.encode(), {**headers, "Title": f"sendlimit on {message.host}"})


def _gotify(message: Message) -> Body:
    title = f"sendlimit on {message.host}"
    priority = 8 if message.is_urgent else 4
    return _json({"title": title, "message": message.text, "priority": priority})


def _telegram(message: Message) -> Body:
    chat = parse_qs(urlsplit(message.url).query)["chat_id"][0]
    quiet = {"is_disabled": True}
    return _json({"chat_id": chat, "text": message.text, "link_preview_options": quiet})


def _markdown(text: str) -> str:
    """Show characters that Markdown gives a meaning as they are."""
    return _MARKDOWN.sub(r"\\\1", text)


FORMATS: Mapping[str, Callable[[Message], Body]] = {
    "slack": _slack,
    "mattermost": _mattermost,
    "discord": _discord,
    "teams": _teams,
    "google-chat": _google_chat,
    "ntfy": _ntfy,
    "gotify": _gotify,
    "telegram": _telegram,
}
"""By the value of notify.webhook_format; "sendlimit" is the document of `webhook`."""
