"""/v1/overview, /v1/top, /v1/refusals and /v1/changes: what admins see of the whole server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import Query

from sendlimit.reports.records import change_record, episode_record
from sendlimit.reports.timestamps import lookback_start
from sendlimit.reports.top import top_report
from sendlimit.rules.limit import LimitName, Scope, Unit
from sendlimit.rules.subject import SERVER_SUBJECT
from sendlimit.rules.window import Window
from sendlimit.store.changes import changes_page
from sendlimit.store.episodes import EpisodePage, episodes_of, episodes_page
from sendlimit.store.findings import read_findings
from sendlimit.store.sqltime import to_iso
from sendlimit.web.api.answers import ChangesOut, OverviewOut, RefusalsOut, TopOut
from sendlimit.web.api.bodies import seconds
from sendlimit.web.api.common import (
    Cursor,
    ServiceOf,
    Size,
    admin_router,
    paged,
    subject_in,
)
from sendlimit.web.api.usage import timezone, usage_out
from sendlimit.web.errors import invalid

if TYPE_CHECKING:
    from sendlimit.rules.episode import Episode
    from sendlimit.store.changes import RecordedChange
    from sendlimit.store.connection import Connection
    from sendlimit.web.api.common import Service

router = admin_router()

_FAR = 2**33
"""A moment after all refusals, in seconds since 1970."""


def start_of(service: Service, since: str) -> int:
    """Return how far to look back.

    Raises:
        WebError: it is no time.
    """
    try:
        return lookback_start(since, service.context.calendar, service.now())
    except ValueError as error:
        invalid("since", str(error))


@router.get("/overview")
async def overview(
    service: ServiceOf, top: Annotated[int, Query(ge=1, le=100)] = 10, since: str = "7d"
) -> OverviewOut:
    """Return what an admin looks at first, in one answer."""
    start = start_of(service, since)
    name = LimitName(Scope.MAILBOX, Unit.MESSAGES, Window.DAY)

    def work(connection: Connection) -> dict[str, object]:
        at = service.now()
        context = service.context
        findings = read_findings(connection)
        episodes = episodes_page(connection, EpisodePage(start, _FAR, 0, 100))
        return {
            "mode": context.config.mode,
            "timezone": timezone(service),
            "global": usage_out(service, service.usage_report(connection, SERVER_SUBJECT, at)),
            "top": top_report(context, connection, name, at, top).record(),
            "refusals": [episode_record(episode) for episode in episodes],
            "findings": [
                {**each._asdict(), "first_at": to_iso(each.first_at)} for each in findings.found
            ],
            "doctor_at": to_iso(findings.at),
        }

    return OverviewOut.model_validate(await service.database.run(work))


@router.get("/top")
async def top(
    service: ServiceOf,
    scope: Literal["mailbox", "domain"] = "mailbox",
    window: Literal["minute", "hour", "day", "month", "rolling_hour", "rolling_day"] = "day",
    unit: Unit = Unit.MESSAGES,
    number: Size = 20,
) -> TopOut:
    """Return who has sent most in the running period."""
    name = LimitName(Scope(scope), unit, Window(window))

    def work(connection: Connection) -> dict[str, object]:
        return top_report(service.context, connection, name, service.now(), number).record()

    return TopOut.model_validate(await service.database.run(work))


@router.get("/refusals")
async def refusals(
    service: ServiceOf,
    since: str = "24h",
    subject: str | None = None,
    limit: Size = 100,
    before: str | None = None,
) -> RefusalsOut:
    """List refusals, the last first; `before` is `next` of the page before, or a moment."""
    start = start_of(service, since)
    cursor, until = until_of(before)

    def work(connection: Connection) -> list[Episode]:
        page = EpisodePage(start, until, cursor.skip or 0, limit + 1)
        if subject is None:
            return episodes_page(connection, page)
        who = subject_in(service, connection, subject)
        return episodes_of(connection, page, who.scope, who.key)

    found = await service.database.run(work)
    shown, following = paged(found, limit, cursor, lambda episode: iso(episode.last_at))
    return RefusalsOut.model_validate(
        {"refusals": [episode_record(episode) for episode in shown], "next": following}
    )


def until_of(before: str | None) -> tuple[Cursor, int]:
    """Return where a page of refusals begins, and the last moment that it may have.

    Args:
        before: what `next` was, or a moment, which is not in the page; None: the first page.

    Raises:
        WebError: it is neither.
    """
    if before is None:
        return Cursor(iso(_FAR)), _FAR
    cursor = Cursor.read(before)
    try:
        at = seconds(cursor.key)
    except (ValueError, OverflowError):
        invalid("before", "is not a moment, nor what `next` was")
    until = at if cursor.skip is not None else at - 1
    return cursor._replace(key=iso(until)), until


def iso(at: int) -> str:
    """Write a moment as it ends up in `next`."""
    return str(to_iso(at)).replace("+00:00", "Z")


@router.get("/changes")
async def changes(
    service: ServiceOf,
    since: str = "30d",
    subject: str | None = None,
    limit: Size = 100,
    before: Annotated[int, Query(ge=0)] = 2**62,
) -> ChangesOut:
    """List who changed what, the last first; `before` is `next` of the page before."""
    start = start_of(service, since)

    def work(connection: Connection) -> list[RecordedChange]:
        key = None if subject is None else subject_in(service, connection, subject).key
        return changes_page(connection, start, key, before, limit + 1)

    found = await service.database.run(work)
    shown = found[:limit]
    return ChangesOut.model_validate(
        {
            "changes": [change_record(row) for row in shown],
            "next": shown[-1].id if len(found) > limit else None,
        }
    )
