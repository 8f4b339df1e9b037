"""The config file as a whole; the other files have its tables, reading.py reads it."""

from __future__ import annotations

from datetime import time
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from sendlimit.config.base import Section, refuse_repeats
from sendlimit.config.limits import LimitsSection
from sendlimit.config.notify import NotifySection  # noqa: TC001 - pydantic reads it at run time
from sendlimit.config.reply import ReplySection
from sendlimit.config.sections import (
    CalendarSection,
    CountingSection,
    IdentitySection,
    LogSection,
    MetricsSection,
    MilterSection,
    StoreSection,
)
from sendlimit.config.suspend import SuspendSection  # noqa: TC001 - pydantic reads it at run time
from sendlimit.config.timezone import system_zone
from sendlimit.config.web import WebSection  # noqa: TC001 - pydantic reads it at run time
from sendlimit.rules.limit import Settings
from sendlimit.rules.reply import Wording
from sendlimit.rules.window import Calendar
from sendlimit.store.location import parse_url

if TYPE_CHECKING:
    from sendlimit.rules.limit import Setting


class Config(Section):
    """The whole file."""

    mode: Literal["enforce", "observe"] = Field(
        "enforce",
        description='"enforce", or "observe" to begin with: count, log and record, but refuse nothing',
    )
    state_dir: str = Field(
        "/var/lib/sendlimit",
        description="directory for what must survive a restart, such as counts not yet booked",
    )
    journal_dir: str | None = Field(
        None,
        description=(
            "directory of the crash journal, if it is not to be in state_dir; one in /run costs no"
            " disk, and a loss of power takes what it has"
        ),
        examples=["/run/sendlimit"],
    )
    milter: MilterSection = Field(default_factory=MilterSection)
    store: StoreSection = Field(default_factory=StoreSection)
    calendar: CalendarSection = Field(default_factory=CalendarSection)
    counting: CountingSection = Field(default_factory=CountingSection)
    identity: IdentitySection = Field(default_factory=IdentitySection)
    reply: ReplySection = Field(default_factory=ReplySection)
    suspend: SuspendSection | None = None
    log: LogSection = Field(default_factory=LogSection)
    metrics: MetricsSection | None = None
    notify: NotifySection | None = None
    web: WebSection | None = None
    # The last table of the template: a line that an admin appends to the file lands in it.
    limits: LimitsSection = Field(default_factory=LimitsSection)

    @field_validator("state_dir", "journal_dir")
    @classmethod
    def _absolute(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith("/"):
            raise ValueError(f"{value!r} is not an absolute path")
        return value

    @model_validator(mode="after")
    def _one_password(self) -> Config:
        location = parse_url(self.store.url)
        if getattr(location, "password", None) is not None and self.store.password_file is not None:
            raise ValueError(
                "store.password_file and a password in store.url exclude each other; keep the file"
            )
        return self

    @model_validator(mode="after")
    def _has_a_zone(self) -> Config:
        try:
            self.make_calendar()
        except ValueError as error:
            raise ValueError(f"calendar.timezone: {error}") from None
        return self

    @model_validator(mode="after")
    def _each_subject_once(self) -> Config:
        try:
            refuse_repeats(self.limits.subjects(self.identity.default_domain))
        except ValueError as error:
            raise ValueError(f"limits.for: {error} (identity.default_domain is appended)") from None
        return self

    def settings(self) -> list[Setting]:
        """Return the file's limits as settings, subjects as they are counted."""
        return self.limits.settings(self.identity.default_domain)

    def file_settings(self) -> Settings:
        """Return all that the file says about limits, ready to look up."""
        return Settings.of(self.settings(), self.limits.shares(self.identity.default_domain))

    def make_calendar(self) -> Calendar:
        """Return the calendar; in the system's zone where the file names none."""
        zone = ZoneInfo(self.calendar.timezone) if self.calendar.timezone else system_zone()
        return Calendar(zone, time.fromisoformat(self.calendar.day_starts_at))

    def wording(self) -> Wording:
        """Return the texts of refusals."""
        return Wording(
            code=str(self.reply.code),
            enhanced_status=self.reply.enhanced_status,
            texts=self.reply.texts(),
            by_domain=self.reply.by_domain(),
        )
