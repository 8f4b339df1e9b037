"""The table [limits] of the config file, and the settings that it makes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, PlainValidator, create_model, field_validator, model_validator

from sendlimit.config.base import Section, refuse_repeats
from sendlimit.rules.learning import LEARNED_WINDOWS, LearnRule
from sendlimit.rules.limit import (
    EVERYONE,
    LIMIT_NAMES,
    RECIPIENTS_PER_MESSAGE,
    LimitName,
    Scope,
    Setting,
    Share,
)
from sendlimit.rules.subject import read_subject

if TYPE_CHECKING:
    from collections.abc import Iterator

UNLIMITED = "unlimited"
MAX_LIMIT = 10**15
TIMES_MAX = 100

_NUMBER = re.compile(r"[0-9]{1,20}")


_LEARNED_KEYS = ("times", "at_least", "at_most")
_LEARNED = "{ learned = { times = 2, at_least = 50, at_most = 1000 } }"


def _limit(value: object) -> object:
    if isinstance(value, LearnRule):
        return value
    if isinstance(value, dict):
        return _learn_rule(value)
    if isinstance(value, bool) or not (value == UNLIMITED or isinstance(value, int)):
        raise ValueError(
            f'{value!r} is not a limit; allowed: a whole number >= 0, or "{UNLIMITED}"'
        )
    if isinstance(value, int) and not 0 <= value <= MAX_LIMIT:
        raise ValueError(
            f'{value} is not a limit; allowed: a whole number from 0 to {MAX_LIMIT}, or "{UNLIMITED}"'
        )
    return value


def parse_limit(text: str) -> int | None:
    """Parse a limit that is not from the file: a whole number, or "unlimited", which is None.

    Raises:
        ValueError: it is neither; says what is allowed.
    """
    if text.lower() == UNLIMITED:
        return None
    if not _NUMBER.fullmatch(text) or int(text) > MAX_LIMIT:
        raise ValueError(
            f"{text!r} is not a limit; allowed: a whole number from 0 to {MAX_LIMIT}, or {UNLIMITED}"
        )
    return int(text)


def _learn_rule(value: dict[str, object]) -> LearnRule:
    """Read a limit that is learned."""
    table = value.get("learned")
    if set(value) != {"learned"} or not isinstance(table, dict) or set(table) != {*_LEARNED_KEYS}:
        raise ValueError(f"is no learned limit; allowed: {_LEARNED}")
    times, *bounds = (table[key] for key in _LEARNED_KEYS)
    if isinstance(times, bool) or not isinstance(times, int | float) or not 1 <= times <= TIMES_MAX:
        raise ValueError(f"learned.times is {times!r}; allowed: a number from 1 to {TIMES_MAX}")
    for key, bound in zip(_LEARNED_KEYS[1:], bounds, strict=True):
        if isinstance(bound, bool) or not isinstance(bound, int) or not 1 <= bound <= MAX_LIMIT:
            raise ValueError(
                f"learned.{key} is {bound!r}; allowed: a whole number from 1 to {MAX_LIMIT}"
            )
    if bounds[0] > bounds[1]:
        raise ValueError("learned.at_least is more than learned.at_most")
    return LearnRule(round(times * 100), *bounds)


LimitValue = Annotated[int | Literal["unlimited"] | LearnRule, PlainValidator(_limit)]


def _scope_section(scope: Scope) -> dict[str, Any]:
    """Return the fields of a scope's limits: one per name, in the order of R7."""
    return {
        key_of(name): (
            LimitValue | None,
            Field(None, description=_meaning(name), examples=_EXAMPLES.get(str(name))),
        )
        for name in LIMIT_NAMES
        if name.scope is scope
    } | {_share_key(of): _share_field(scope, of) for of in _SHARES[scope]}


_SHARES = {
    Scope.GLOBAL: (),
    Scope.DOMAIN: (Scope.GLOBAL,),
    Scope.MAILBOX: (Scope.GLOBAL, Scope.DOMAIN),
}
"""Of which wider scopes' limits a scope can have a share (R16)."""


def _share_key(of: Scope) -> str:
    return f"share_of_{of}_percent"


def _share_field(scope: Scope, of: Scope) -> tuple[Any, Any]:
    meaning = f"most that {_EACH[scope]} may use of each limit of {_OWNERS[of]}, in percent"
    example = [10] if scope is Scope.MAILBOX and of is Scope.GLOBAL else None
    return (int | None, Field(None, ge=1, le=100, description=meaning, examples=example))


def key_of(name: LimitName) -> str:
    """Return a limit's key within its scope: messages_per_day."""
    return str(name).partition(".")[2]


_OWNERS = {
    Scope.GLOBAL: "the whole server",
    Scope.DOMAIN: "a domain, as a pool",
    Scope.MAILBOX: "each mailbox",
}
_EACH = {Scope.DOMAIN: "one domain", Scope.MAILBOX: "one mailbox"}
_EXAMPLES: dict[str, list[object]] = {str(RECIPIENTS_PER_MESSAGE): [50]}


def _meaning(name: LimitName) -> str:
    return f"{name.unit.words} per {name.window.words} of {_OWNERS[name.scope]}"


class _ScopeLimits(Section):
    """The limits of one scope."""

    @model_validator(mode="after")
    def _learns_hours_and_days(self) -> _ScopeLimits:
        allowed = {f"_per_{window}" for window in LEARNED_WINDOWS}
        for key in self.model_fields_set:
            if not isinstance(getattr(self, key), LearnRule):
                continue
            if self.__class__.__name__.startswith("Global") or not key.endswith((*allowed,)):
                rolling = (
                    ": a rolling window has no past days to learn from"
                    if "_rolling_" in key
                    else ""
                )
                raise ValueError(
                    f"{key} can't be learned{rolling}; allowed: limits per hour and per day of mailboxes and domains"
                )
        return self


def _limits_model(scope: Scope) -> type[_ScopeLimits]:
    return create_model(
        f"{scope.capitalize()}Limits", __base__=_ScopeLimits, **_scope_section(scope)
    )


GlobalLimits = _limits_model(Scope.GLOBAL)
DomainLimits = _limits_model(Scope.DOMAIN)
MailboxLimits = _limits_model(Scope.MAILBOX)


class SubjectLimits(Section):
    """Limits for one domain or mailbox."""

    domain: DomainLimits = Field(default_factory=DomainLimits)  # type: ignore[valid-type]
    mailbox: MailboxLimits = Field(default_factory=MailboxLimits)  # type: ignore[valid-type]


class LimitsSection(Section):
    """All limits: a whole number, 0 (nothing may be sent), or "unlimited", as is what is not set.

    A key is SCOPE.UNIT_per_WINDOW with scope global (the whole server), domain (all mailboxes of
    a domain together) or mailbox (each), unit messages, recipients, external_messages or
    external_recipients, window minute, hour, day, month, rolling_hour (any 60 minutes) or
    rolling_day (any 24 hours).
    """

    global_: GlobalLimits = Field(default_factory=GlobalLimits, alias="global")  # type: ignore[valid-type]
    domain: DomainLimits = Field(default_factory=DomainLimits)  # type: ignore[valid-type]
    mailbox: MailboxLimits = Field(default_factory=MailboxLimits)  # type: ignore[valid-type]
    for_: dict[str, SubjectLimits] = Field(
        default_factory=dict,
        alias="for",
        description=(
            "limits of one domain, as a pool and for each of its mailboxes, or of one mailbox;"
            " 'sendlimit limit set' sets them without a reload, and for a limited time"
        ),
        examples=[
            {
                "example.org": {
                    "domain": {"messages_per_day": 5000},
                    "mailbox": {"messages_per_day": 200},
                },
                "news@example.org": {"mailbox": {"messages_per_day": 2000}},
            }
        ],
    )

    @field_validator("for_")
    @classmethod
    def _subjects(cls, value: dict[str, SubjectLimits]) -> dict[str, SubjectLimits]:
        for written, limits in value.items():
            subject = read_subject(written)
            if subject.scope is Scope.GLOBAL:
                raise ValueError(
                    f'{written!r} is not a domain or a mailbox; for everyone, leave "for" out'
                )
            if subject.scope is Scope.MAILBOX and "domain" in limits.model_fields_set:
                domain = subject.sender.domain
                instead = f", or domain limits for {domain!r}" if domain else ""
                raise ValueError(
                    f"{written!r} is a mailbox and can't have domain limits; allowed: mailbox limits"
                    f"{instead}"
                )
        refuse_repeats({written: read_subject(written).key for written in value})
        return value

    def subjects(self, default_domain: str) -> dict[str, str]:
        """Return the subjects of `for` as written, and the key that each is counted under."""
        return {written: read_subject(written, default_domain).key for written in self.for_}

    def shares(self, default_domain: str) -> list[Share]:
        """Return all shares of wider limits, subjects as they are counted."""
        found = [*_shares(EVERYONE, self)]
        for written, key in self.subjects(default_domain).items():
            found.extend(_shares(key, self.for_[written]))
        return found

    def settings(self, default_domain: str) -> list[Setting]:
        """Return all limits as settings, subjects as they are counted."""
        found = _settings(EVERYONE, self)
        for written, key in self.subjects(default_domain).items():
            found.extend(_settings(key, self.for_[written]))
        return found


def _shares(subject: str, limits: LimitsSection | SubjectLimits) -> Iterator[Share]:
    for scope, wider in _SHARES.items():
        for of in wider:
            percent = getattr(getattr(limits, str(scope)), _share_key(of))
            if percent is not None:
                yield Share(subject, scope, of, percent)


def _settings(subject: str, limits: LimitsSection | SubjectLimits) -> list[Setting]:
    found = []
    for name in LIMIT_NAMES:
        section = getattr(
            limits, "global_" if name.scope is Scope.GLOBAL else str(name.scope), None
        )
        value = getattr(section, key_of(name), None)
        if value is not None:
            found.append(_setting(subject, name, value))
    return found


def _setting(subject: str, name: LimitName, value: int | str | LearnRule) -> Setting:
    if isinstance(value, LearnRule):
        return Setting(subject, name, value.at_least, learn=value)
    return Setting(subject, name, None if isinstance(value, str) else value)
