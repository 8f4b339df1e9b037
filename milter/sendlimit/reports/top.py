"""Who sends most: `sendlimit top` and /v1/top."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sendlimit.rules.limit import counted_sender, levels
from sendlimit.rules.rolling import step_starts
from sendlimit.rules.window import ROLLING_WINDOWS, Period
from sendlimit.store.sqltime import to_iso
from sendlimit.store.usage import top

if TYPE_CHECKING:
    from sendlimit.reports.context import ReportContext
    from sendlimit.rules.limit import LimitName
    from sendlimit.store.connection import Connection


class TopSubject(NamedTuple):
    """One of those who sent most; max None: unlimited."""

    subject: str
    used: int
    max: int | None

    @property
    def remaining(self) -> int | None:
        """What is left; None: unlimited."""
        return None if self.max is None else max(0, self.max - self.used)


class TopReport(NamedTuple):
    """Who has used most in the running period.

    Attributes:
        name: what was counted.
        period: the running one, or the steps that count of a rolling window.
        subjects: the highest first.
    """

    name: LimitName
    period: Period
    subjects: list[TopSubject]

    def record(self) -> dict[str, object]:
        """Return what `top --json` prints."""
        return {
            "limit": str(self.name),
            "period_start": to_iso(self.period.start),
            "period_end": to_iso(self.period.end),
            "subjects": [row._asdict() for row in self.subjects],
        }


def top_report(
    context: ReportContext, connection: Connection, name: LimitName, at: int, count: int
) -> TopReport:
    """Return the mailboxes or domains that have used most of a limit's unit in its window."""
    period = context.calendar.period(name.window, at)
    most = [
        (counted_sender(name.scope, subject), subject, used)
        for subject, used in top(connection, name, period.start, count)
    ]
    named = {level for sender, _, _ in most for level in levels(name.scope, sender)}
    rules = context.rules(connection, at, sorted(named))
    rows = []
    for sender, subject, used in most:
        limit = rules.limit(name, sender)
        rows.append(TopSubject(subject, used, limit.max if limit else None))
    if name.window in ROLLING_WINDOWS:
        period = Period(step_starts(name.window, period.start)[0], period.end)
    return TopReport(name, period, rows)
