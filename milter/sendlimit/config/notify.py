"""The table [notify] of the config file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal
from urllib.parse import SplitResult, parse_qs, urlsplit

from pydantic import Field, field_validator, model_validator

from sendlimit.config.base import Section
from sendlimit.config.notify_texts import NotifyTexts
from sendlimit.config.sections import host_and_port
from sendlimit.config.webhook_body import WebhookBody, read_webhook_body

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_ADDRESS = re.compile(r"[^\s@<>()\[\]\\,;:\"]+@[^\s@<>()\[\]\\,;:\"]+")

SMTP_PORT = 25

_RECEIVERS: Mapping[str, tuple[Callable[[SplitResult], bool], str, str]] = {
    "ntfy": (
        lambda url: url.path.strip("/") != "",
        "topic",
        "https://ntfy.sh/TOPIC",
    ),
    "gotify": (
        lambda url: url.path.endswith("/message") and "token" in parse_qs(url.query),
        "application",
        "https://HOST/message?token=TOKEN",
    ),
    "telegram": (
        lambda url: url.path.endswith("/sendMessage") and "chat_id" in parse_qs(url.query),
        "chat",
        "https://api.telegram.org/botTOKEN/sendMessage?chat_id=NUMBER",
    ),
}
"""Formats whose programs take a notice at one address for all: whether a url names the receiver."""


class NotifySection(Section):
    """Notices about limits that fill up and about the database; without this table none are sent."""

    warn_at_percent: int = Field(
        80,
        ge=1,
        le=100,
        description="a warning is sent when this share of a limit is used; 100: no warning",
    )
    webhook_url: str | None = Field(
        None,
        description="where notices are posted as JSON, https:// or http://",
        examples=["https://hooks.example.org/sendlimit"],
    )
    webhook_secret_file: str | None = Field(
        None,
        description="file with the key that posts are signed with, HMAC-SHA256",
        examples=["/etc/sendlimit/webhook.secret"],
    )
    ca_file: str | None = Field(
        None,
        description="file with the CAs that webhook_url's certificate may be signed by; default: the system's",
        examples=["/etc/sendlimit/webhook-ca.pem"],
    )
    webhook_format: Literal[
        "sendlimit",
        "slack",
        "mattermost",
        "discord",
        "teams",
        "google-chat",
        "ntfy",
        "gotify",
        "telegram",
    ] = Field(
        "sendlimit",
        description=(
            'what is posted: "sendlimit" (a JSON document with everything), or the sentence as'
            ' "slack", "mattermost", "discord", "teams", "google-chat", "ntfy", "gotify" or'
            ' "telegram" want it'
        ),
    )
    webhook_body: str | None = Field(
        None,
        description="a body of your own instead, with placeholders; JSON or a text",
        examples=['{"channel": "#mail", "message": "{text} ({host})"}'],
    )
    command: tuple[str, ...] = Field(
        (),
        description="program, and its arguments, that is run for each notice as the daemon's user",
        examples=[["/etc/sendlimit/on-notice"]],
        strict=False,
    )
    command_timeout_s: float = Field(
        30.0,
        gt=0,
        le=600,
        description="seconds after which the command is killed",
    )
    mail_to: tuple[str, ...] = Field(
        (),
        description="addresses of admins that get every notice",
        examples=[["postmaster@example.org"]],
        strict=False,
    )
    mail_owner: bool = Field(
        default=False,  # a keyword, as for every boolean
        description="whether the owner of a mailbox gets notices about its limits",
    )
    mail_from: str | None = Field(
        None,
        description="From address of the mails; default: sendlimit@ this host's name",
        examples=["sendlimit@example.org"],
    )
    mail_return_path: str = Field(
        "", description="envelope sender of the mails; empty: <>, which can't bounce or loop"
    )
    smtp_host: str = Field(
        "127.0.0.1:25",
        description="HOST:PORT that takes the mails, without TLS and without a login",
    )
    texts: NotifyTexts = Field(default_factory=NotifyTexts)

    @field_validator("webhook_url")
    @classmethod
    def _url(cls, value: str | None) -> str | None:
        if value is not None and not _is_web_address(value):
            raise ValueError("is not a web address; allowed: https://HOST/PATH or http://HOST/PATH")
        return value

    @field_validator("webhook_body")
    @classmethod
    def _body(cls, value: str | None) -> str | None:
        if value is not None:
            read_webhook_body(value)
        return value

    @field_validator("command")
    @classmethod
    def _command(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if value and not value[0].startswith("/"):
            raise ValueError(f"{value[0]!r} is not an absolute path of a program")
        return value

    @field_validator("mail_to")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for address in value:
            _check_address(address)
        return value

    @field_validator("mail_from")
    @classmethod
    def _from(cls, value: str | None) -> str | None:
        if value is not None:
            _check_address(value)
        return value

    @field_validator("mail_return_path")
    @classmethod
    def _return_path(cls, value: str) -> str:
        if value:
            _check_address(value)
        return value

    @field_validator("smtp_host")
    @classmethod
    def _smtp_host(cls, value: str) -> str:
        host_and_port(value, SMTP_PORT)
        return value

    @model_validator(mode="after")
    def _has_receiver(self) -> NotifySection:
        if not (self.webhook_url or self.mail_to or self.mail_owner or self.command):
            raise ValueError(
                "tells nobody; set webhook_url, mail_to, mail_owner or command, or leave the table out"
            )
        if self.webhook_secret_file is not None and self.webhook_url is None:
            raise ValueError("webhook_secret_file needs webhook_url")
        if self.ca_file is not None and not (self.webhook_url or "").startswith("https:"):
            raise ValueError("ca_file needs a webhook_url with https")
        return self

    @model_validator(mode="after")
    def _one_body(self) -> NotifySection:
        chosen = self.webhook_format != "sendlimit"
        for key, is_set in (("webhook_format", chosen), ("webhook_body", bool(self.webhook_body))):
            if is_set and self.webhook_url is None:
                raise ValueError(f"{key} needs webhook_url")
        if chosen and self.webhook_body:
            raise ValueError("webhook_format and webhook_body exclude each other; keep one")
        if self.webhook_format in _RECEIVERS:
            is_named, what, example = _RECEIVERS[self.webhook_format]
            if not is_named(urlsplit(self.webhook_url or "")):
                raise ValueError(
                    f"webhook_url does not say to which {what}; with webhook_format"
                    f' "{self.webhook_format}" it is {example}'
                )
        return self

    def own_body(self) -> WebhookBody | None:
        """Return the admin's own body of webhooks, None without one."""
        return None if self.webhook_body is None else read_webhook_body(self.webhook_body)

    @property
    def smtp_address(self) -> tuple[str, int]:
        """Host and port of the mail server that takes the mails."""
        return host_and_port(self.smtp_host, SMTP_PORT)


def is_address(text: str) -> bool:
    """Say whether a mail can be sent there: LOCAL@DOMAIN without spaces and quoting."""
    return _ADDRESS.fullmatch(text) is not None and text.isprintable()


def _check_address(text: str) -> None:
    if not is_address(text):
        raise ValueError(f'{text!r} is not a mail address; allowed: "name@example.org"')


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return (
            parts.scheme in {"https", "http"}
            and bool(parts.hostname)
            and parts.port != 0
            and text.isprintable()
            and " " not in text
        )
    except ValueError:
        return False
