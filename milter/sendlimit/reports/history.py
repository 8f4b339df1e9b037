"""What a subject has sent in the last days or hours: /v1/history and the charts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sendlimit.rules.limit import LimitName
from sendlimit.rules.window import Period, Window
from sendlimit.store.history import Span, counts
from sendlimit.store.sqltime import to_iso

if TYPE_CHECKING:
    from sendlimit.reports.context import ReportContext
    from sendlimit.rules.limit import Unit
    from sendlimit.rules.subject import Subject
    from sendlimit.store.connection import Connection

DAYS_MAX = 400
_DAY_S = 86400


class PeriodCount(NamedTuple):
    """What was used in one period."""

    period: Period
    used: int


class HistoryReport(NamedTuple):
    """The counts of one subject.

    Attributes:
        subject: whose.
        name: of its own limit that counts this unit and window.
        max: that limit as it is now; None: unlimited.
        periods: every period of the time, with or without mail, the running one last.
    """

    subject: str
    name: LimitName
    max: int | None
    periods: list[PeriodCount]

    def record(self) -> dict[str, object]:
        """Return it as JSON."""
        return {
            "subject": self.subject,
            "limit": str(self.name),
            "max": self.max,
            "periods": [
                {
                    "period_start": to_iso(each.period.start),
                    "period_end": to_iso(each.period.end),
                    "used": each.used,
                }
                for each in self.periods
            ],
        }


class HistorySpan(NamedTuple):
    """Which counts: messages or recipients, of days or hours, of how many days until now."""

    unit: Unit
    window: Window
    days: int


def history_report(
    context: ReportContext, connection: Connection, subject: Subject, span: HistorySpan, at: int
) -> HistoryReport:
    """Return what a subject has used in each of the last periods.

    Hours, and recipients, are there for the time in which a limit on them was in force (R14). A
    count of a period that the calendar cuts otherwise today is in the one that it began in.
    """
    calendar = context.calendar
    name = LimitName(subject.scope, span.unit, span.window)
    day = calendar.period(Window.DAY, at)
    # The middle of the day lies in it also where a clock was changed since.
    first = calendar.period(Window.DAY, max(0, day.start - (span.days - 1) * _DAY_S + _DAY_S // 2))
    running = calendar.period(span.window, at)
    period = calendar.period(span.window, first.start)
    periods = [period]
    while period.end <= at:
        period = calendar.period(span.window, period.end)
        periods.append(period)
    used = dict.fromkeys((each.start for each in periods), 0)
    found = counts(connection, Span(name, periods[0].start, running.end), subject.key)
    for start, count in found:
        own = start if start in used else calendar.period(span.window, start).start
        used[own] = used.get(own, 0) + count
    limit = context.rules(connection, at, subject.levels).limit(name, subject.sender)
    return HistoryReport(
        subject.key,
        name,
        limit.max if limit else None,
        [PeriodCount(each, used[each.start]) for each in periods],
    )
