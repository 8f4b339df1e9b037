"""Who sends most."""

from sendlimit.reports.context import ReportContext
from sendlimit.reports.top import TopSubject, top_report
from sendlimit.store.connection import Connection
from support.counting_samples import ALICES_DAY, BOB, DAILY, NOON, named
from support.real_stores import insert_counter


def test_top(context: ReportContext, tables: Connection) -> None:
    """The highest first, with the limit in force and what is left of it."""
    insert_counter(tables, ALICES_DAY, 40)
    insert_counter(tables, ALICES_DAY._replace(subject=BOB.mailbox), 120)
    report = top_report(context, tables, named(DAILY), NOON, 5)

    assert report.subjects == [
        TopSubject(BOB.mailbox, 120, 100),
        TopSubject("alice@example.org", 40, 100),
    ]
    assert [row.remaining for row in report.subjects] == [0, 60]
    assert report.record()["period_start"] == "2026-11-22T00:00:00+00:00"
