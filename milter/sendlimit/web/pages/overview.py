"""The pages about the whole server: overview, limits, refusals, changes, find."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple

from sendlimit.reports.hours import hour_totals
from sendlimit.reports.timestamps import lookback_start
from sendlimit.reports.top import top_report
from sendlimit.rules.limit import LimitName, Scope, Unit
from sendlimit.rules.subject import SERVER_SUBJECT
from sendlimit.rules.window import Window
from sendlimit.store.changes import changes_page
from sendlimit.store.episodes import EpisodePage, episodes_of, episodes_page
from sendlimit.store.findings import read_findings
from sendlimit.store.override_pages import (
    OverridePage,
    count_suspensions,
    ending_boosts,
    limits_page,
)
from sendlimit.store.usage import subjects_beginning
from sendlimit.web.api.common import Cursor, paged, subject_in
from sendlimit.web.api.overview import iso, until_of
from sendlimit.web.errors import invalid
from sendlimit.web.pages.chart import meter
from sendlimit.web.pages.render import PAGE_ROWS, go_to, page, segment, target, words_of
from sendlimit.web.pages.unbooked import unbooked_mails
from sendlimit.web.pages.verdict import verdict
from sendlimit.web.pages.views import (
    change_row,
    day_chart,
    episode_row,
    override_row,
)

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from sendlimit.rules.episode import Episode
    from sendlimit.rules.override import Override
    from sendlimit.store.changes import RecordedChange
    from sendlimit.store.connection import Connection
    from sendlimit.web.api.common import Service
    from sendlimit.web.pages.login import Visitor
    from sendlimit.web.pages.words import Words

_TOP = 10
_LATEST = 10
_NAMES = 50
_DAY_S = 86400
_ENDING_DAYS = 7
_PERIODS = {"24h": "period_1", "7d": "period_7", "30d": "period_30"}
_DAILY = LimitName(Scope.GLOBAL, Unit.MESSAGES, Window.DAY)
_TOP_NAME = LimitName(Scope.MAILBOX, Unit.MESSAGES, Window.DAY)


class _ServerRow(NamedTuple):
    """A limit of the server on its tile."""

    name: str
    used: str
    max: str
    is_unlimited: bool
    again: str
    meter: object


async def overview(request: Request, service: Service, visitor: Visitor) -> Response:
    """Show the server now."""
    words = words_of(request, service)
    at = service.now()
    unbooked, values = await asyncio.gather(
        unbooked_mails(service.context.config.metrics),
        service.database.run(lambda connection: _overview(service, connection, words, at)),
    )
    return page(request, service, "overview.html", visitor, unbooked=unbooked, **values)


def _overview(service: Service, connection: Connection, words: Words, at: int) -> dict[str, Any]:
    context = service.context
    report = service.usage_report(connection, SERVER_SUBJECT, at)
    hours = hour_totals(context.calendar, connection, at)
    day = context.calendar.period(Window.DAY, at)
    daily = next(each for each in report.explanation.statuses if each.name == _DAILY)
    others = [each for each in report.explanation.statuses if each.max is not None]
    limited = [daily, *(each for each in others if each is not daily)]
    findings = read_findings(connection)
    latest = episodes_page(connection, EpisodePage(at - _DAY_S, at + _DAY_S, 0, _LATEST))
    found = top_report(context, connection, _TOP_NAME, at, _TOP)
    suspended = count_suspensions(connection, at)
    return {
        "suspended": words.number(suspended) if suspended else "",
        "server": [
            _ServerRow(
                words.limit_name(status.name),
                words.number(status.used or 0),
                words.limit_value(status.max),
                status.max is None,
                words.time(status.period.end, at),
                meter(status.used or 0, status.max),
            )
            for status in limited
        ],
        "verdict": verdict(words, report, at),
        "hours": day_chart(words, hours, day, daily.max, words("overview.hours")),
        "is_late": at - day.start > (day.end - day.start) // 2,
        "has_gaps": any(not each.is_known for each in hours),
        "top": [
            {
                "subject": row.subject,
                "used": words.number(row.used),
                "max": words.limit_value(row.max),
                "meter": meter(row.used, row.max),
            }
            for row in found.subjects
        ],
        "refusals": [episode_row(words, episode, at) for episode in latest],
        "findings": [
            {**each._asdict(), "since": words.time(each.first_at, at)} for each in findings.found
        ],
        "doctor_at": None if findings.at is None else words.time(findings.at, at),
    }


async def limits(request: Request, service: Service, visitor: Visitor) -> Response:
    """List what is set in the database."""
    words = words_of(request, service)
    at = service.now()
    text = request.query_params.get("text", "").strip().lower()[:255]
    after = request.query_params.get("after", "")
    cursor = Cursor.read(after)

    def work(connection: Connection) -> tuple[list[Override], list[Override]]:
        wanted = OverridePage(cursor.key, cursor.skip or 0, PAGE_ROWS + 1, text)
        span = (at, at + _ENDING_DAYS * _DAY_S)
        ending = [] if after or text else ending_boosts(connection, span, PAGE_ROWS)
        return limits_page(connection, wanted), ending

    found, ending = await service.database.run(work)
    shown, following = paged(found, PAGE_ROWS, cursor, lambda row: row.setting.subject)
    return page(
        request,
        service,
        "limits.html",
        visitor,
        text=text,
        rows=[override_row(words, row, at) for row in shown],
        ending=[override_row(words, row, at) for row in ending],
        first=target("/limits", {"text": text}) if after else None,
        next=target("/limits", {"text": text, "after": following}) if following else None,
    )


async def refusals(request: Request, service: Service, visitor: Visitor) -> Response:
    """List refusals, the last first."""
    words = words_of(request, service)
    at = service.now()
    since = request.query_params.get("since", "24h")
    subject = request.query_params.get("subject", "").strip()
    before = request.query_params.get("before")
    try:
        start = lookback_start(since, service.context.calendar, at)
    except ValueError as error:
        invalid("since", str(error))
    cursor, until = until_of(before)

    def work(connection: Connection) -> list[Episode]:
        wanted = EpisodePage(start, until, cursor.skip or 0, PAGE_ROWS + 1)
        if not subject:
            return episodes_page(connection, wanted)
        who = subject_in(service, connection, subject)
        return episodes_of(connection, wanted, who.scope, who.key)

    found = await service.database.run(work)
    shown, following = paged(found, PAGE_ROWS, cursor, lambda episode: iso(episode.last_at))
    same = {"since": since, "subject": subject}
    return page(
        request,
        service,
        "refusals.html",
        visitor,
        periods=[*_PERIODS.items()],
        since=since,
        subject=subject,
        rows=[episode_row(words, episode, at) for episode in shown],
        first=target("/refusals", same) if before else None,
        next=target("/refusals", same | {"before": following}) if following else None,
    )


async def changes(request: Request, service: Service, visitor: Visitor) -> Response:
    """List who changed what, the last first."""
    words = words_of(request, service)
    at = service.now()
    text = request.query_params.get("before", "")
    if text and not (text.isascii() and text.isdigit() and len(text) < _DIGITS_MAX):
        invalid("before", "is no number")
    before = int(text) if text else 2**62

    def work(connection: Connection) -> list[RecordedChange]:
        return changes_page(connection, 0, None, before, PAGE_ROWS + 1)

    found = await service.database.run(work)
    shown = found[:PAGE_ROWS]
    return page(
        request,
        service,
        "changes.html",
        visitor,
        rows=[change_row(words, row, at) for row in shown],
        first="/changes" if text else None,
        next=target("/changes", {"before": shown[-1].id}) if len(found) > PAGE_ROWS else None,
    )


_DIGITS_MAX = 19


async def find(request: Request, service: Service, visitor: Visitor) -> Response:
    """Go to a mailbox or domain, or list the names that begin so."""
    text = request.query_params.get("name", "").strip().lower()[:255]

    def work(connection: Connection) -> tuple[bool, list[str]]:
        names = [
            name
            for scope in (Scope.MAILBOX, Scope.DOMAIN)
            for name in subjects_beginning(connection, scope, text, _NAMES + 1)
        ]
        return ("@" in text.strip("@") or "." in text or text in names), names

    if not text:
        return go_to("/")
    is_whole, names = await service.database.run(work)
    if text in names or len(names) == 1:
        return go_to(f"/subject/{segment(text if text in names else names[0])}")
    if is_whole and not names:
        return go_to(f"/subject/{segment(text)}")
    return page(
        request,
        service,
        "find.html",
        visitor,
        text=text,
        names=names[:_NAMES],
        has_more=len(names) > _NAMES,
    )
