"""The answers of /v1: the keys are those of the commands' --json; moments end in Z."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


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


class ChangedOut(Out):
    """The row that there is now and the one before; heard: it holds from the next mail on.

    heard false: the daemon has not read the change yet, which it does within seconds.
    """

    now: OverrideOut | None
    before: OverrideOut | None
    heard: bool


class SuspensionOut(Out):
    """Who may send nothing; until null: until it is released."""

    subject: str
    until: datetime | None
    reason: str
    set_by: str
    set_at: datetime


class SuspensionsOut(Out):
    """By subject, those that last; next is for after."""

    suspensions: list[SuspensionOut]
    next: str | None


class SuspendedOut(Out):
    """The suspension that there is now and the one before; heard: as with limits."""

    now: SuspensionOut | None
    before: SuspensionOut | None
    heard: bool


class TakenOut(Out):
    """What a reset has taken."""

    subject: str
    limit: str
    taken: int
    period_start: datetime
    period_end: datetime


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


def _with_z(value: object, *, key: str = "") -> object:
    """Return what a change had before or after with its moments as everywhere in /v1.

    The key is no second positional argument, as pydantic 2.7 would fill it.
    """
    if isinstance(value, dict):
        return {name: _with_z(inner, key=name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_with_z(each, key=key) for each in value]
    if isinstance(value, str) and (key == "until" or key.endswith(_MOMENT_KEYS)):
        return value.replace("+00:00", "Z")
    return value


_MOMENT_KEYS = ("_at", "_start", "_end", "_from")

Stored = Annotated[object, AfterValidator(_with_z)]
"""What er_change has, in its own form."""


class ChangeOut(Out):
    """A line of the audit trail."""

    id: int
    at: datetime | None
    who: str
    origin: str
    what: str
    subject: str
    before: Stored
    after: Stored


class ChangesOut(Out):
    """The last first; next is for before."""

    changes: list[ChangeOut]
    next: int | None
