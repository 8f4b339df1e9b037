"""The admin's own body of webhooks (notify.webhook_body): checked with the file, filled in later. Pure."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from sendlimit.rules.reply import problem_with_placeholders

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

BODY_PLACEHOLDERS = (
    "text", "event", "at", "host", "mode", "id", "mailbox", "scope", "subject", "unit", "window",
    "limit", "used", "period_start", "period_end", "resets_at", "error", "bookings",
    "reason", "number", "clients", "until",
)  # fmt: skip
"""The keys of the document of docs/notifications.md; filled in with "" where a notice has none."""

_JSON = re.compile(r"\s*(?:\[|\{(?!\w+\}))")
"""A brace or bracket, but no placeholder."""


class WebhookBody(NamedTuple):
    """A body with placeholders.

    Attributes:
        content: a text, or for JSON the value, whose strings have the placeholders.
        is_json: whether it is sent as JSON.
    """

    content: Any
    is_json: bool

    def filled(self, values: Mapping[str, str]) -> bytes:
        """Return the octets to post; what is filled in can't end a string of the JSON.

        Args:
            values: of each placeholder.
        """
        if self.is_json:
            return json.dumps(_filled(self.content, values)).encode()
        return str(self.content.format_map(values)).encode()


def read_webhook_body(text: str) -> WebhookBody:
    """Understand notify.webhook_body: JSON where it begins like JSON, else a text.

    Raises:
        ValueError: it is no JSON, or has a placeholder that there is not; says what is allowed.
    """
    if not text.strip():
        raise ValueError("is empty; leave the key out for the default")
    if _JSON.match(text) is None:
        body = WebhookBody(text, is_json=False)
    else:
        try:
            body = WebhookBody(json.loads(text, parse_constant=_refuse), is_json=True)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"begins like JSON and is none: {error}") from None
    for string in _strings(body.content):
        if problem := problem_with_placeholders(string, BODY_PLACEHOLDERS):
            raise ValueError(problem)
    return body


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _filled(value: Any, values: Mapping[str, str]) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, str):
        return value.format_map(values)
    if isinstance(value, list):
        return [_filled(item, values) for item in value]
    if isinstance(value, dict):
        return {key: _filled(item, values) for key, item in value.items()}
    return value


def _strings(value: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    """Yield the strings that are filled in; an empty one needs no check."""
    if isinstance(value, str):
        if value:
            yield value
    elif isinstance(value, list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings(item)
