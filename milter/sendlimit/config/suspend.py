"""The table [suspend] of the config file (R17)."""

from __future__ import annotations

import re

from pydantic import Field, field_validator, model_validator

from sendlimit.config.base import Section
from sendlimit.rules.suspicion import SuspendRule

RELEASED = "released"
WITHIN_MAX_S = 86_400
FOR_MAX_S = 365 * 86_400
_SPAN = re.compile(r"([1-9][0-9]{0,5})([smhd])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class SuspendSection(Section):
    """When a login is suspended by itself; without this table only 'sendlimit suspend' does it."""

    after_refusals: int | None = Field(
        None,
        ge=1,
        le=1_000_000,
        description="refusals of one login by limits of its mailbox",
        examples=[200],
    )
    after_client_addresses: int | None = Field(
        None,
        ge=2,
        le=1000,
        description="different networks, /24 and /48, that one login sends from",
        examples=[10],
    )
    within: str = Field("1h", description='in which time, "1m" to "24h"')
    for_: str = Field(
        "24h",
        alias="for",
        description='how long: "30m", "24h", "7d", or "released": until \'sendlimit release\'',
    )

    @field_validator("within")
    @classmethod
    def _within(cls, value: str) -> str:
        if not _UNITS["m"] <= span(value) <= WITHIN_MAX_S:
            raise ValueError(f'{value!r} is out of bounds; allowed: "1m" to "24h"')
        return value

    @field_validator("for_")
    @classmethod
    def _for(cls, value: str) -> str:
        if value != RELEASED and not _UNITS["m"] <= span(value) <= FOR_MAX_S:
            raise ValueError(f'{value!r} is out of bounds; allowed: "1m" to "365d", "{RELEASED}"')
        return value

    @model_validator(mode="after")
    def _suspends_something(self) -> SuspendSection:
        if self.after_refusals is None and self.after_client_addresses is None:
            raise ValueError(
                "suspends nothing; set after_refusals or after_client_addresses, or leave the table out"
            )
        return self

    def rule(self, *, observe: bool) -> SuspendRule:
        """Return when to suspend."""
        return SuspendRule(
            after_refusals=self.after_refusals,
            after_client_addresses=self.after_client_addresses,
            within_s=span(self.within),
            for_s=None if self.for_ == RELEASED else span(self.for_),
            observe=observe,
        )


def span(text: str) -> int:
    """Return the seconds of a time span such as "90s", "30m", "24h" or "7d".

    Raises:
        ValueError: it is none; says what is allowed.
    """
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError(f'{text!r} is not a time span; allowed: spans such as "30m", "24h", "7d"')
    return int(found[1]) * _UNITS[found[2]]
