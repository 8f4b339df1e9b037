"""What a subject has sent, day by day and hour by hour."""

from itertools import pairwise

from sendlimit.config import Config
from sendlimit.reports.context import ReportContext
from sendlimit.reports.history import HistorySpan, history_report
from sendlimit.rules.limit import Unit
from sendlimit.rules.window import Window
from sendlimit.store.connection import Connection
from support.counting_samples import ALICE, ALICES_DAY, NOON, key_of, moment
from support.real_stores import insert_counter

_DAYS = HistorySpan(Unit.MESSAGES, Window.DAY, 3)


def test_days(context: ReportContext, tables: Connection) -> None:
    """Every day of the time is there, also without mail; the running one is the last."""
    insert_counter(tables, ALICES_DAY, 5)
    insert_counter(tables, ALICES_DAY._replace(period_start=ALICES_DAY.period_start - 2 * 86400), 7)
    insert_counter(tables, ALICES_DAY._replace(period_start=ALICES_DAY.period_start - 3 * 86400), 9)
    alice = context.subject(ALICE.mailbox, tables)
    report = history_report(context, tables, alice, _DAYS, NOON)

    assert [each.used for each in report.periods] == [7, 0, 5]
    assert report.periods[-1].period.start == ALICES_DAY.period_start
    assert (str(report.name), report.max) == ("mailbox.messages_per_day", 100)


def test_days_on_which_clocks_change(tables: Connection) -> None:
    """Days of 23 and 25 hours are days: one for each date, none twice, none missing."""
    context = ReportContext.of(Config.model_validate({"calendar": {"timezone": "Europe/Berlin"}}))
    alice = context.subject(ALICE.mailbox, tables)
    span = HistorySpan(Unit.MESSAGES, Window.DAY, 400)
    for at in (moment("2026-10-25 23:30"), moment("2026-03-29 00:30"), NOON):
        periods = [each.period for each in history_report(context, tables, alice, span, at).periods]
        assert len(periods) == 400
        assert all(one.end == other.start for one, other in pairwise(periods))
        assert periods[-1].start <= at < periods[-1].end


def test_hours(context: ReportContext, tables: Connection) -> None:
    """The hours of a day, until the running one."""
    insert_counter(tables, key_of("global.messages_per_hour", "*", NOON), 4)
    server = context.subject("global", tables)
    span = HistorySpan(Unit.MESSAGES, Window.HOUR, 1)
    periods = history_report(context, tables, server, span, NOON).periods
    assert [each.used for each in periods] == [0] * 12 + [4]


def test_another_zone_before(tables: Connection) -> None:
    """A count of a period that is cut otherwise today is in the one in which it began."""
    context = ReportContext.of(Config.model_validate({"calendar": {"timezone": "Europe/Berlin"}}))
    insert_counter(tables, ALICES_DAY, 5)
    alice = context.subject(ALICE.mailbox, tables)
    report = history_report(context, tables, alice, _DAYS, NOON)
    assert [each.used for each in report.periods] == [0, 0, 5]
