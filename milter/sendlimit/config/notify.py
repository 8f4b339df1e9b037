"""The table [notify] of the config file."""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import parse_qs, urlsplit

from pydantic import Field, field_validator, model_validator

from sendlimit.config.base import Section
from sendlimit.config.sections import host_and_port
from sendlimit.config.webhook_body import WebhookBody, read_webhook_body
from sendlimit.rules.reply import problem_with_placeholders

_ADDRESS = re.compile(r"[^\s@<>()\[\]\\,;:\"]+@[^\s@<>()\[\]\\,;:\"]+")

SMTP_PORT = 25

_HINT = (
    "If these are not your mails, someone else may know your password:\n"
    "change it now and tell your administrator.\n"
)


class MailText(Section):
    """Subject and body of a mail."""

    subject: str
    body: str

    @field_validator("subject")
    @classmethod
    def _subject(cls, value: str) -> str:
        if problem := problem_with_placeholders(value):
            raise ValueError(problem)
        if not value.isprintable():
            raise ValueError("has a line break or a control character; a subject is one line")
        return value

    @field_validator("body")
    @classmethod
    def _body(cls, value: str) -> str:
        if problem := problem_with_placeholders(value):
            raise ValueError(problem)
        return value


class OwnerWarningText(MailText):
    """The mail to the owner before the limit is reached."""

    subject: str = Field(
        "You are close to your sending limit", description="subject of the owner's warning"
    )
    body: str = Field(
        "{used} of {limit} {unit} that {mailbox} may send this {window} are used.\n"
        f"The count starts again at {{resets_at}}.\n\n{_HINT}",
        description="body of the owner's warning",
    )


class OwnerReachedText(MailText):
    """The mail to the owner when the limit is reached."""

    subject: str = Field(
        "Your sending limit is reached", description="subject of the owner's mail at the limit"
    )
    body: str = Field(
        "All of the {limit} {unit} that {mailbox} may send this {window} are used up.\n"
        "Further mail is refused and stays in your mail program.\n"
        f"Sending works again from {{resets_at}}.\n\n{_HINT}",
        description="body of the owner's mail at the limit",
    )


class AdminWarningText(MailText):
    """The mail to admins before a limit is reached."""

    subject: str = Field(
        "sendlimit: {mailbox} is close to the {scope} limit of {limit} {unit} per {window}",
        description="subject of the admins' warning",
    )
    body: str = Field(
        "{used} of {limit} {unit} per {window} are used (scope: {scope}); last mail by {mailbox}.\n"
        "The count starts again at {resets_at}.\n",
        description="body of the admins' warning",
    )


class AdminReachedText(MailText):
    """The mail to admins when a limit is reached."""

    subject: str = Field(
        "sendlimit: {mailbox} has reached the {scope} limit of {limit} {unit} per {window}",
        description="subject of the admins' mail at a limit",
    )
    body: str = Field(
        "{used} of {limit} {unit} per {window} are used (scope: {scope}); last mail by {mailbox}.\n"
        "The count starts again at {resets_at}.\n\n"
        "See 'sendlimit show {mailbox}' and 'sendlimit refusals'.\n",
        description="body of the admins' mail at a limit",
    )


class NotifyTexts(Section):
    """Words of the mails, with the placeholders of [reply]."""

    owner_warning: OwnerWarningText = Field(default_factory=OwnerWarningText)
    owner_reached: OwnerReachedText = Field(default_factory=OwnerReachedText)
    admin_warning: AdminWarningText = Field(default_factory=AdminWarningText)
    admin_reached: AdminReachedText = Field(default_factory=AdminReachedText)


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
        if not (self.webhook_url or self.mail_to or self.mail_owner):
            raise ValueError(
                "tells nobody; set webhook_url, mail_to or mail_owner, or leave the table out"
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
        if self.webhook_format == "telegram" and "chat_id" not in parse_qs(
            urlsplit(self.webhook_url or "").query
        ):
            raise ValueError(
                'webhook_url does not say to which chat; with webhook_format "telegram" it is'
                " https://api.telegram.org/botTOKEN/sendMessage?chat_id=NUMBER"
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
