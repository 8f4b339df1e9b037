"""The shapes of /v1: the keys are those of the commands' --json; moments end in Z.

What comes in is checked strictly, with unknown keys refused.
"""

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


class Out(BaseModel):
    """An answer."""

    model_config = ConfigDict(extra="forbid")


class ErrorDetail(Out):
    """What is wrong."""

    code: str
    message: str
    field: str | None = None


class ErrorOut(Out):
    """The answer to a request that gets no result."""

    error: ErrorDetail


class LimitMeaning(Out):
    """A limit that can be set."""

    limit: str
    scope: str
    unit: str
    window: str
    meaning: str


class StatusOut(Out):
    """What answers."""

    version: str
    mode: str
    store: Literal["ok", "degraded"]
    timezone: str
    role: str
    limits: list[LimitMeaning]


class OverrideOut(Out):
    """A row of er_limit; max null: unlimited, until null: lasting."""

    subject: str
    limit: str
    max: int | None
    until: datetime | None
    reason: str
    set_by: str
    set_at: datetime


class ListedOverride(OverrideOut):
    """One of the list; in_force false: a boost that has ended."""

    in_force: bool


class EpisodeOut(Out):
    """Refusals of one limit in one period."""

    limit: str
    subject: str
    max: int
    period_start: datetime
    first_at: datetime
    last_at: datetime
    attempts: int
    last_client_addr: str
    last_sender: str
    last_mailbox: str


class CountedLimit(Out):
    """One limit now; max null: unlimited."""

    limit: str
    subject: str
    max: int | None
    used: int | None
    remaining: int | None
    period_start: datetime
    period_end: datetime
    origin: str | None
    set_for: str | None
    override: OverrideOut | None
    learned_from: datetime | None


class LimitOut(CountedLimit):
    """One limit now, with the last refusals."""

    last_episode: EpisodeOut | None


class _UsageOut(Out):
    """What happens to the next mail of a subject."""

    subject: str
    scope: str
    known: bool
    timezone: str
    at: datetime
    mode: str
    exempt: bool
    over_limit: str | None
    refused: bool
    resets_at: datetime | None
    external_over_limit: str | None
    external_resets_at: datetime | None


class ShortUsageOut(_UsageOut):
    """One of many: without refusals."""

    limits: list[CountedLimit]


class UsageOut(_UsageOut):
    """With the last refusals, and what holds for each below it."""

    limits: list[LimitOut]
    defaults: list[LimitOut]


class SubjectsIn(In):
    """Whose usage is wanted."""

    subjects: Annotated[list[str], Field(max_length=SUBJECTS_MAX)]


class UsagesOut(Out):
    """In the order of the subjects."""

    usage: list[ShortUsageOut]


class TopSubjectOut(Out):
    """One of those who sent most."""

    subject: str
    used: int
    max: int | None


class TopOut(Out):
    """Who sent most in the running period."""

    limit: str
    period_start: datetime
    period_end: datetime
    subjects: list[TopSubjectOut]


class RefusalsOut(Out):
    """The last first; next is for before."""

    refusals: list[EpisodeOut]
    next: str | None


class FindingOut(Out):
    """What the doctor found at its last run."""

    check: str
    code: str
    subject: str
    level: str
    text: str
    first_at: datetime


class OverviewOut(Out):
    """The server now; doctor_at null: the doctor has not looked yet."""

    mode: str
    timezone: str
    global_: Annotated[UsageOut, Field(alias="global")]
    top: TopOut
    refusals: list[EpisodeOut]
    findings: list[FindingOut]
    doctor_at: datetime | None


class PeriodOut(Out):
    """What was used in one period."""

    period_start: datetime
    period_end: datetime
    used: int


class HistoryOut(Out):
    """Every period of the time, the running one last; max: the limit as it is now."""

    subject: str
    timezone: str
    limit: str
    max: int | None
    periods: list[PeriodOut]


class LimitsOut(Out):
    """By subject; next is for after."""

    limits: list[ListedOverride]
    next: str | None


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


class ChangedOut(Out):
    """The row that there is now and the one before; heard: it holds from the next mail on.

    heard false: the daemon has not read the change yet, which it does within seconds.
    """

    now: OverrideOut | None
    before: OverrideOut | None
    heard: bool


class ByIn(In):
    """Who wants it."""

    by: By | None = None


class TakenOut(Out):
    """What a reset has taken."""

    subject: str
    limit: str
    taken: int
    period_start: datetime
    period_end: datetime


class RenameIn(In):
    """The two names."""

    model_config = ConfigDict(populate_by_name=True)

    from_: Annotated[str, Field(alias="from")]
    to: str
    by: By | None = None


class StoredOut(Out):
    """What the tables had."""

    counters: int
    refusals: int
    limits: list[OverrideOut]
    applied: bool


class RenamedOut(StoredOut):
    """What was renamed; kept: those of the new name that stay."""

    from_: Annotated[str, Field(alias="from")]
    to: str
    kept: list[OverrideOut]


class ForgottenOut(StoredOut):
    """What was removed."""

    subject: str


class ChangeOut(Out):
    """A line of the audit trail."""

    id: int
    at: datetime | None
    who: str
    origin: str
    what: str
    subject: str
    before: object
    after: object


class ChangesOut(Out):
    """The last first; next is for before."""

    changes: list[ChangeOut]
    next: int | None
