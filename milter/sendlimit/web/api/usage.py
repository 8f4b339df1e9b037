"""/v1/status, /v1/usage and /v1/history: what the role read may see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import Query

from sendlimit import __version__
from sendlimit.reports.history import DAYS_MAX, HistorySpan, history_report
from sendlimit.reports.usage import UsageReport, usage_reports
from sendlimit.rules.limit import LIMIT_NAMES, LimitName, Unit
from sendlimit.rules.window import ROLLING_WINDOWS, Window
from sendlimit.web.api.answers import (
    HistoryOut,
    LimitMeaning,
    StatusOut,
    UsageOut,
    UsagesOut,
)
from sendlimit.web.api.bodies import SubjectsIn
from sendlimit.web.api.common import CallerOf, ServiceOf, reader_router, subject_in
from sendlimit.web.errors import WebError

if TYPE_CHECKING:
    from sendlimit.store.connection import Connection
    from sendlimit.web.api.common import Service

router = reader_router()

_WHOSE = {
    "mailbox": "of each mailbox",
    "domain": "of all mailboxes of a domain together",
    "global": "of the whole server",
}


@router.get("/status")
async def status(service: ServiceOf, caller: CallerOf) -> StatusOut:
    """Say what answers, and which limits there are; also while the database is away."""
    store = "ok"
    try:
        await service.database.run(lambda connection: connection.execute("SELECT 1"))
    except WebError as error:
        if error.code != "store_unavailable":
            raise
        store = "degraded"
    return StatusOut.model_validate(
        {
            "version": __version__,
            "mode": service.context.config.mode,
            "store": store,
            "timezone": timezone(service),
            "role": caller.role,
            "limits": [_meaning(name) for name in LIMIT_NAMES],
        }
    )


def timezone(service: Service) -> str:
    """Return the name of the calendar's zone."""
    return service.context.calendar.timezone.key


def _meaning(name: LimitName) -> LimitMeaning:
    if name.window is Window.MESSAGE:
        meaning = "recipients that one message of a mailbox may have"
    else:
        which = "any" if name.window in ROLLING_WINDOWS else "a"
        meaning = f"{name.unit.words} {_WHOSE[name.scope]} in {which} {name.window.words}"
    return LimitMeaning(
        limit=str(name), scope=name.scope, unit=name.unit, window=name.window, meaning=meaning
    )


@router.get("/usage/{subject:segment}")
async def usage(service: ServiceOf, subject: str) -> UsageOut:
    """Explain the limits of a mailbox, a domain, or of the server ("global")."""

    def work(connection: Connection) -> UsageReport:
        who = subject_in(service, connection, subject)
        return service.usage_report(connection, who, service.now())

    return usage_out(service, await service.database.run(work))


def usage_out(service: Service, report: UsageReport) -> UsageOut:
    """Return a report as the API has it."""
    return UsageOut.model_validate({**report.record(), **_more(service, report)})


def _more(service: Service, report: UsageReport) -> dict[str, object]:
    return {"known": report.is_known, "timezone": timezone(service)}


@router.post("/usage")
async def usages(service: ServiceOf, body: SubjectsIn) -> UsagesOut:
    """Explain the limits of many subjects at once, in their order."""

    def work(connection: Connection) -> list[UsageReport]:
        subjects = [
            subject_in(service, connection, text, f"subjects.{number}")
            for number, text in enumerate(body.subjects)
        ]
        return usage_reports(service.context, connection, subjects, service.now())

    reports = await service.database.run(work)
    return UsagesOut.model_validate(
        {"usage": [{**report.short_record(), **_more(service, report)} for report in reports]}
    )


@router.get("/history/{subject:segment}")
async def history(
    service: ServiceOf,
    subject: str,
    window: Window = Window.DAY,
    unit: Unit = Unit.MESSAGES,
    days: Annotated[int, Query(ge=1, le=DAYS_MAX)] = 30,
) -> HistoryOut:
    """Return what a subject has used, day by day or hour by hour."""
    if window not in {Window.DAY, Window.HOUR}:
        raise WebError("invalid", "window: must be 'day' or 'hour'", "window")
    span = HistorySpan(unit, window, days)

    def work(connection: Connection) -> dict[str, object]:
        who = subject_in(service, connection, subject)
        return history_report(service.context, connection, who, span, service.now()).record()

    record = await service.database.run(work)
    return HistoryOut.model_validate({**record, "timezone": timezone(service)})
