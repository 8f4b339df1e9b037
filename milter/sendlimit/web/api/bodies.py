"""The bodies of requests to /v1, checked strictly: unknown keys are refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictInt

from sendlimit.config.limits import MAX_LIMIT
from sendlimit.rules.override import REASON_MAX

SUBJECTS_MAX = 500
_NAME_MAX = 255


def _with_offset(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
        moment.astimezone(UTC)  # fails for one in a year that no calendar has
    except (ValueError, OverflowError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError(
            'is not a moment; allowed: ISO 8601 with "Z" or an offset, such as "2026-11-27T17:00:00Z"'
        )
    return text


Moment = Annotated[str, AfterValidator(_with_offset)]
"""ISO 8601 with an offset."""
By = Annotated[str, Field(min_length=1, max_length=_NAME_MAX)]
"""Who wants a change, such as "panel:admin"; without it the caller."""
Kind = Literal["boost", "lasting"]


def seconds(moment: str) -> int:
    """Return a Moment in seconds since 1970."""
    return int(datetime.fromisoformat(moment).timestamp())


class In(BaseModel):
    """A body."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


class SubjectsIn(In):
    """Whose usage is wanted."""

    subjects: Annotated[list[str], Field(max_length=SUBJECTS_MAX)]


class LimitIn(In):
    """A limit to set: until null makes a lasting override, else a boost."""

    max: Annotated[StrictInt | None, Field(ge=0, le=MAX_LIMIT)]
    until: Moment | None = None
    reason: Annotated[str, Field(max_length=REASON_MAX)] = ""
    if_set_at: Moment | None = None


class PutIn(LimitIn):
    """A limit to set, and who wants it."""

    by: By | None = None


class UnsetIn(In):
    """A limit to take back; without a kind both."""

    limit: str
    kind: Kind | None = None


class PatchIn(In):
    """Several limits of one subject, all or none."""

    set: dict[str, LimitIn] = Field(default_factory=dict)
    unset: list[str | UnsetIn] = Field(default_factory=list)
    by: By | None = None


class SuspendIn(In):
    """A mailbox, or all of a domain, that may send nothing; until null: until it is released."""

    until: Moment | None = None
    reason: Annotated[str, Field(max_length=REASON_MAX)] = ""
    by: By | None = None


class ByIn(In):
    """Who wants it."""

    by: By | None = None


class RenameIn(In):
    """The two names."""

    model_config = ConfigDict(populate_by_name=True)

    from_: Annotated[str, Field(alias="from")]
    to: str
    by: By | None = None
