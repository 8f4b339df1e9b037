"""The table [notify.texts] of the config file: the words of the mails."""

from __future__ import annotations

from pydantic import Field, field_validator

from sendlimit.config.base import Section
from sendlimit.rules.reply import problem_with_placeholders

SUSPENDED_PLACEHOLDERS = ("mailbox", "domain", "reason", "number", "clients", "until")
"""Those of the texts about a suspension."""

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


class SuspendedText(Section):
    """The mail about a suspension; its placeholders are SUSPENDED_PLACEHOLDERS."""

    subject: str
    body: str

    @field_validator("subject", "body")
    @classmethod
    def _text(cls, value: str) -> str:
        if problem := problem_with_placeholders(value, SUSPENDED_PLACEHOLDERS):
            raise ValueError(problem)
        return value

    @field_validator("subject")
    @classmethod
    def _subject(cls, value: str) -> str:
        if not value.isprintable():
            raise ValueError("has a line break or a control character; a subject is one line")
        return value


class OwnerSuspendedText(SuspendedText):
    """The mail to the owner when the mailbox is suspended."""

    subject: str = Field(
        "Sending is suspended for {mailbox}", description="subject of the owner's mail"
    )
    body: str = Field(
        "{mailbox} can't send mail at the moment: it looks as if someone else knew your password.\n"
        "\nChange your password now and tell your administrator, who lets you send again.\n",
        description="body of the owner's mail when the mailbox is suspended",
    )


class AdminSuspendedText(SuspendedText):
    """The mail to admins when a mailbox is suspended."""

    subject: str = Field(
        "sendlimit: {mailbox} is suspended: {reason}",
        description="subject of the admins' mail when a mailbox is suspended",
    )
    body: str = Field(
        "{mailbox} is suspended until {until}: {reason}.\n"
        "Clients, the last first: {clients}.\n\n"
        "Change its password, then: sendlimit release {mailbox}\n",
        description="body of the admins' mail when a mailbox is suspended",
    )


class NotifyTexts(Section):
    """Words of the mails, with the placeholders of [reply]; those about suspensions have their own."""

    owner_warning: OwnerWarningText = Field(default_factory=OwnerWarningText)
    owner_reached: OwnerReachedText = Field(default_factory=OwnerReachedText)
    admin_warning: AdminWarningText = Field(default_factory=AdminWarningText)
    admin_reached: AdminReachedText = Field(default_factory=AdminReachedText)
    owner_suspended: OwnerSuspendedText = Field(default_factory=OwnerSuspendedText)
    admin_suspended: AdminSuspendedText = Field(default_factory=AdminSuspendedText)
