"""Usage of one subject and of many: what `show` and /v1/usage say."""

from sendlimit.reports.context import ReportContext
from sendlimit.reports.records import LIMIT_STATUS, SHAPES
from sendlimit.reports.usage import UsageReport, usage_report, usage_reports
from sendlimit.rules.override import Override
from sendlimit.store.changes import Author
from sendlimit.store.connection import Connection
from sendlimit.store.overrides import set_override
from support.counting_samples import ALICE, ALICES_DAY, BOB, DAILY, NOON, setting
from support.real_stores import insert_counter

_ROOT = Author("root", "command", NOON)


def _report(context: ReportContext, tables: Connection, name: str) -> UsageReport:
    return usage_report(context, tables, context.subject(name, tables), NOON)


def test_keys(context: ReportContext, tables: Connection) -> None:
    """The record has the keys that the manual page lists; `show` adds whether the daemon answers."""
    record = _report(context, tables, ALICE.mailbox).record()
    assert [*record, "daemon_answers"] == list(SHAPES["show"])
    assert isinstance(record["limits"], list)
    assert list(record["limits"][0]) == list(LIMIT_STATUS)


def test_known(context: ReportContext, tables: Connection) -> None:
    """A mailbox is known when it was counted, long ago too, or when something is set for it."""
    insert_counter(tables, ALICES_DAY._replace(period_start=NOON - 40 * 86400), 3)
    set_override(tables, Override(setting(BOB.mailbox, DAILY, 5), "", "root", NOON), _ROOT)
    known = {
        name: _report(context, tables, name).is_known
        for name in (ALICE.mailbox, BOB.mailbox, "weblogin@example.org", "global")
    }
    assert known == {
        ALICE.mailbox: True,
        BOB.mailbox: True,
        "weblogin@example.org": False,
        "global": True,
    }


def test_many_are_as_each(context: ReportContext, tables: Connection) -> None:
    """Of many, each has what it has alone but for defaults and refusals, in the order asked for."""
    insert_counter(tables, ALICES_DAY, 100)
    set_override(tables, Override(setting("example.org", DAILY, 7), "", "root", NOON), _ROOT)
    names = ["global", ALICE.mailbox, "example.org", "c@example.net", ALICE.mailbox]
    subjects = [context.subject(name, tables) for name in names]
    many = usage_reports(context, tables, subjects, NOON)

    assert [report.short_record() for report in many] == [
        _report(context, tables, name).short_record() for name in names
    ]
    assert [report.is_known for report in many] == [True, True, True, False, True]
    assert many[1].short_record()["refused"] is True


def test_exempt(context: ReportContext, tables: Connection) -> None:
    """An exempt mailbox is never over its limit."""
    insert_counter(tables, ALICES_DAY._replace(subject="a@example.com"), 1000)
    report = _report(context, tables, "a@example.com")
    assert (report.is_exempt, report.record()["over_limit"]) == (True, None)
