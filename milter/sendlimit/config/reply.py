"""The table [reply] of the config file."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, field_validator

from sendlimit.config.base import Section, refuse_repeats
from sendlimit.rules.limit import Scope
from sendlimit.rules.reply import DEFAULT_TEXTS, SUSPENDED_PLACEHOLDERS, problem_with
from sendlimit.rules.subject import read_subject


class ReplyTexts(Section):
    """The texts that a refused client reads, by scope."""

    mailbox: str = Field(
        DEFAULT_TEXTS["mailbox"], description="text when a mailbox limit is reached"
    )
    domain: str = Field(DEFAULT_TEXTS["domain"], description="text when a domain limit is reached")
    global_: str = Field(
        DEFAULT_TEXTS["global"], alias="global", description="text when a server limit is reached"
    )
    message: str = Field(
        DEFAULT_TEXTS["message"],
        description="text when one mail has more recipients than mailbox.recipients_per_message",
    )

    suspended: str = Field(
        DEFAULT_TEXTS["suspended"],
        description="text when a mailbox is suspended; it has no number, which would help a thief",
    )

    @field_validator("suspended")
    @classmethod
    def _suspended(cls, value: str) -> str:
        if problem := problem_with(value, SUSPENDED_PLACEHOLDERS):
            raise ValueError(problem)
        return value

    @field_validator("mailbox", "domain", "global_", "message")
    @classmethod
    def _text(cls, value: str) -> str:
        if problem := problem_with(value):
            raise ValueError(problem)
        return value

    def texts(self) -> dict[str, str]:
        """Return the texts that are set, by scope."""
        return {
            key.rstrip("_"): getattr(self, key)
            for key in sorted(self.model_fields_set & set(ReplyTexts.model_fields))
        }


class ReplySection(ReplyTexts):
    """The answer to mail over a limit."""

    code: int = Field(
        450,
        description=(
            "SMTP reply code of a refusal, 400 to 499: temporary, so that mail programs keep the"
            " mail; 421 closes the connection"
        ),
    )
    enhanced_status: str = Field("4.7.1", description="enhanced status code of a refusal, 4.y.z")
    at: Literal["mail", "end-of-message"] = Field(
        "mail",
        description=(
            'when a refusal is sent: "mail" (MAIL FROM), or "end-of-message", which some webmail'
            " programs show better"
        ),
    )
    for_: dict[str, ReplyTexts] = Field(
        default_factory=dict,
        alias="for",
        description="other texts for one domain, for example in its language",
        examples=[
            {
                "example.de": {
                    "mailbox": (
                        "Versandlimit erreicht: {used} von {limit}, Versand wieder ab {resets_at}"
                    )
                }
            }
        ],
    )

    @field_validator("for_")
    @classmethod
    def _domains(cls, value: dict[str, ReplyTexts]) -> dict[str, ReplyTexts]:
        domains = {written: read_subject(written) for written in value}
        for written, subject in domains.items():
            if subject.scope is not Scope.DOMAIN:
                raise ValueError(
                    f"{written!r} is not a domain; allowed: a name such as 'example.org'"
                )
        refuse_repeats({written: subject.key for written, subject in domains.items()})
        return value

    def by_domain(self) -> dict[str, dict[str, str]]:
        """Return the texts of `for` by the key that each domain is counted under."""
        return {read_subject(written).key: texts.texts() for written, texts in self.for_.items()}

    @field_validator("code")
    @classmethod
    def _code(cls, value: int) -> int:
        if not 400 <= value <= 499:  # noqa: PLR2004 - RFC 5321 4.2.1: 4yz is transient
            raise ValueError(f"{value} is not a temporary refusal; allowed: 400 to 499")
        return value

    @field_validator("enhanced_status")
    @classmethod
    def _enhanced(cls, value: str) -> str:
        if not re.fullmatch(r"4\.\d{1,3}\.\d{1,3}", value):
            raise ValueError(
                f'{value!r} does not go with a temporary refusal; allowed: "4.y.z" such as "4.7.1"'
            )
        return value
