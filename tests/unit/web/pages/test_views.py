"""What the templates show: rows of plain texts."""

from sendlimit.config import Config
from sendlimit.reports.context import ReportContext
from sendlimit.reports.history import HistorySpan, history_report
from sendlimit.reports.hours import HourTotal
from sendlimit.reports.usage import usage_report
from sendlimit.rules.limit import Scope, Unit
from sendlimit.rules.override import Override
from sendlimit.rules.window import Window
from sendlimit.store.changes import Author, Change, RecordedChange
from sendlimit.store.connection import Connection
from sendlimit.store.overrides import set_override
from sendlimit.web.pages.views import (
    change_row,
    day_chart,
    episode_row,
    history_chart,
    limit_choices,
    override_row,
    status_row,
)
from sendlimit.web.pages.words import Words
from support.command_samples import episode
from support.counting_samples import ALICE, ALICES_DAY, DAILY, NOON, UTC, setting
from support.real_stores import insert_counter

_WORDS = Words("en", UTC)


def _context(**tables: object) -> ReportContext:
    document = {"calendar": {"timezone": "UTC"}, "limits": {"mailbox": {"messages_per_day": 100}}}
    return ReportContext.of(Config.model_validate(document | tables))


def test_status(tables: Connection) -> None:
    """Numbers, what is left, where the limit comes from and why."""
    context = _context()
    insert_counter(tables, ALICES_DAY, 40)
    boost = Override(setting(ALICE.mailbox, DAILY, 1500, NOON + 7200), "holidays", "carol", NOON)
    set_override(tables, boost, Author("carol", "page", NOON))
    report = usage_report(context, tables, context.subject(ALICE.mailbox, tables), NOON)
    row = status_row(_WORDS, report.explanation.statuses[0], NOON)

    assert (row.used, row.max, row.left, row.again) == (
        "40",
        "1,500",
        "1,460",
        "23 Nov 2026, 00:00",
    )
    assert (row.origin, row.reason) == (
        "boost until 14:00, carol, for alice@example.org",
        "holidays",
    )
    domain = status_row(_WORDS, report.explanation.statuses[1], NOON)
    assert (domain.max, domain.left, domain.meter) == ("none set", "", None)


def test_override() -> None:
    """A boost has an end and may have ended; a lasting one has none."""
    ended = override_row(
        _WORDS, Override(setting("*", DAILY, None, NOON - 60), "", "", NOON - 90), NOON
    )
    assert (ended.value, ended.until, ended.has_ended) == ("unlimited", "11:59", True)
    assert ended.set_by == "?"
    lasting = override_row(_WORDS, Override(setting("*", DAILY, 5), "why", "root", NOON), NOON)
    assert (lasting.until, lasting.is_boost, lasting.has_ended) == ("", False, False)


def test_episode() -> None:
    """How often and since when; of the server no subject is named."""
    row = episode_row(_WORDS, episode(ALICES_DAY, last_at=NOON), NOON)
    assert (row.last, row.times, row.subject) == (
        "12:00",
        "3 times since 11:50",
        "alice@example.org",
    )
    server = ALICES_DAY._replace(scope=Scope.GLOBAL, subject="*")
    assert episode_row(_WORDS, episode(server, last_at=NOON), NOON).subject == ""


def test_change() -> None:
    """What a change has is said in words; whatever was written by hand is shown as it is."""
    after = {
        "subject": "a@x.org",
        "limit": DAILY,
        "max": 5,
        "until": "2026-11-22T13:00:00+00:00",
        "reason": "why",
        "set_by": "root",
        "set_at": "x",
    }
    change = Change("limit set", "a@x.org", [{"limit": "odd", "max": None}, 7], after)
    row = change_row(_WORDS, RecordedChange(1, NOON, "root", "command", change), NOON)
    assert (row.when, row.origin, row.what) == ("12:00", "command", "limit set")
    assert row.before == ["odd", "unlimited", "7"]
    assert row.after == [
        "Messages a day of the mailbox",
        "5",
        "until 22 Nov 2026, 13:00",
        "Reason: why",
    ]
    odd = change_row(
        _WORDS,
        RecordedChange(2, None, "", "?", Change("x", "y", {"until": "soon", "max": "no"})),
        0,
    )
    assert (odd.when, odd.who, odd.what) == ("?", "?", "x")
    assert odd.before == ["until soon", "max: no"]
    moved = Change("rename", "new@x.org", None, {"renamed_from": "old@x.org", "counters": 1500})
    renamed = change_row(_WORDS, RecordedChange(3, NOON, "root", "api", moved), NOON)
    assert renamed.after == ["was old@x.org", "1,500 counters"]


def test_choices() -> None:
    """Of a mailbox only its own limits can be set; of the server those of everyone, too."""
    counts = {scope: len(limit_choices(_WORDS, scope)) for scope in Scope}
    assert counts == {Scope.MAILBOX: 25, Scope.DOMAIN: 49, Scope.GLOBAL: 73}
    assert limit_choices(_WORDS, Scope.DOMAIN)[0][0] == "domain.messages_per_day"


def test_history_chart(tables: Connection) -> None:
    """A chart with its numbers, the last day first; without any mail there is none."""
    context = _context()
    who = context.subject(ALICE.mailbox, tables)
    span = HistorySpan(Unit.MESSAGES, Window.DAY, 3)
    assert history_chart(_WORDS, history_report(context, tables, who, span, NOON), "title") is None
    insert_counter(tables, ALICES_DAY, 5)
    found = history_chart(_WORDS, history_report(context, tables, who, span, NOON), "title")
    assert found
    assert found.rows == [("22 Nov 2026", "5")]
    assert "limit 100" in found.svg or "far above" in found.svg


def test_day_chart() -> None:
    """Hours are added up; one that is not known, and those still to come, are empty places."""
    day = UTC.period(Window.DAY, NOON)
    totals = ((4, True), (4, False), (10, True))
    hours = [
        HourTotal(UTC.period(Window.HOUR, day.start + number * 3600), total, is_known)
        for number, (total, is_known) in enumerate(totals)
    ]
    found = day_chart(_WORDS, hours, day, 20, "title")
    assert found
    assert found.rows == [("02:00", "6"), ("00:00", "4")]
    assert "02:00: 6, in all 10" in found.svg
    assert "01:00: not known" in found.svg
    assert found.svg.count("<g>") == 24
    assert day_chart(_WORDS, [hours[0]._replace(total=0)], day, 20, "title") is None


def test_change_of_a_learned_limit() -> None:
    """R15: the day that it was learned from is a day, and not the key of the JSON."""
    after = {"limit": DAILY, "max": 122, "learned_from": "2026-10-29T23:00:00+00:00"}
    change = Change("learn", ALICE.mailbox, None, after)
    row = change_row(_WORDS, RecordedChange(1, NOON, "sendlimit", "daemon", change), NOON)
    assert row.after[1:] == ["122", "learned from 29 Oct 2026"]

    odd = Change("learn", ALICE.mailbox, None, {"learned_from": "9999999-01-01"})
    assert change_row(_WORDS, RecordedChange(1, NOON, "x", "daemon", odd), NOON).after == [
        "learned from 9999999-01-01"
    ]
