"""/v1/suspensions: who may send nothing (R17), listed, suspended and released."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendlimit.store import suspensions
from sendlimit.store.override_pages import OverridePage, suspensions_page
from sendlimit.web.api.answers import SuspendedOut, SuspensionsOut
from sendlimit.web.api.bodies import By, SuspendIn, seconds
from sendlimit.web.api.common import (
    CallerOf,
    Cursor,
    ServiceOf,
    Size,
    admin_router,
    author,
    is_heard,
    paged,
    subject_in,
)
from sendlimit.web.errors import WebError, invalid

if TYPE_CHECKING:
    from typing import Any

    from sendlimit.rules.override import Override
    from sendlimit.store.changes import Made
    from sendlimit.store.connection import Connection
    from sendlimit.store.suspensions import Suspended
    from sendlimit.web.api.common import Service

router = admin_router()


@router.get("/suspensions")
async def list_suspensions(
    service: ServiceOf, subject: str | None = None, after: str = "", limit: Size = 100
) -> SuspensionsOut:
    """List who is suspended now; `after` is `next` of the page before."""
    cursor = Cursor.read(after)
    at = service.now()

    def work(connection: Connection) -> list[Override]:
        if subject is not None:
            who = subject_in(service, connection, subject)
            return [row for row in suspensions.suspensions(connection, who.key) if row.holds(at)]
        page = OverridePage(cursor.key, cursor.skip or 0, limit + 1)
        return suspensions_page(connection, page, at)

    found = await service.database.run(work)
    shown, following = paged(found, limit, cursor, lambda row: row.setting.subject)
    return SuspensionsOut.model_validate(
        {"suspensions": [suspensions.suspension_record(row) for row in shown], "next": following}
    )


@router.put("/suspensions/{subject:segment}")
async def put_suspension(
    service: ServiceOf, caller: CallerOf, subject: str, body: SuspendIn | None = None
) -> SuspendedOut:
    """Let a mailbox, or all of a domain, send nothing; it replaces an earlier suspension."""
    wanted = body or SuspendIn()
    until = None if wanted.until is None else seconds(wanted.until)
    by = author(service, caller, wanted.by)
    if until is not None and until <= by.at:
        invalid("until", "is in the past")

    def work(connection: Connection) -> Made[Suspended]:
        who = subject_in(service, connection, subject)
        return suspensions.suspend(connection, who.key, until, wanted.reason, by)

    made = await service.database.run(work)
    return await _answer(service, made, made.result.now, made.result.before)


@router.delete("/suspensions/{subject:segment}")
async def delete_suspension(
    service: ServiceOf, caller: CallerOf, subject: str, by: By | None = None
) -> SuspendedOut:
    """Release: it may send from the next mail on."""

    def work(connection: Connection) -> Made[list[Override]]:
        who = subject_in(service, connection, subject)
        return suspensions.release(connection, who.key, author(service, caller, by))

    made = await service.database.run(work)
    if not made.result:
        raise WebError("no_such_override", f"{subject} is not suspended")
    return await _answer(service, made, None, made.result)


async def _answer(
    service: Service, made: Made[Any], now: Override | None, before: list[Override]
) -> SuspendedOut:
    record = suspensions.suspension_record
    return SuspendedOut.model_validate(
        {
            "now": record(now) if now else None,
            "before": record(before[-1]) if before else None,
            "heard": await is_heard(service, made),
        }
    )
