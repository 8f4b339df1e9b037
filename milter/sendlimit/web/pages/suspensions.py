"""Suspensions (R17): the list of who may send nothing, suspending, and releasing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendlimit.rules.override import REASON_MAX
from sendlimit.store import suspensions
from sendlimit.store.changes import Author
from sendlimit.store.override_pages import OverridePage, suspensions_page
from sendlimit.web.api.common import Cursor, is_heard, paged, subject_in
from sendlimit.web.errors import WebError, invalid
from sendlimit.web.pages.render import PAGE_ROWS, page, target, words_of
from sendlimit.web.pages.security import read_form
from sendlimit.web.pages.subject import Wanted, back_to_subject, read_until, show_again
from sendlimit.web.pages.views import override_row

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from sendlimit.rules.override import Override
    from sendlimit.store.changes import Made
    from sendlimit.store.connection import Connection
    from sendlimit.store.suspensions import Suspended
    from sendlimit.web.api.common import Service
    from sendlimit.web.pages.login import Visitor


async def list_all(request: Request, service: Service, visitor: Visitor) -> Response:
    """List who is suspended now."""
    words = words_of(request, service)
    at = service.now()
    text = request.query_params.get("text", "").strip().lower()[:255]
    after = request.query_params.get("after", "")
    cursor = Cursor.read(after)

    def work(connection: Connection) -> list[Override]:
        wanted = OverridePage(cursor.key, cursor.skip or 0, PAGE_ROWS + 1, text)
        return suspensions_page(connection, wanted, at)

    found = await service.database.run(work)
    shown, following = paged(found, PAGE_ROWS, cursor, lambda row: row.setting.subject)
    return page(
        request,
        service,
        "suspended.html",
        visitor,
        text=text,
        rows=[override_row(words, row, at) for row in shown],
        first=target("/suspended", {"text": text}) if after else None,
        next=target("/suspended", {"text": text, "after": following}) if following else None,
    )


async def suspend(request: Request, service: Service, visitor: Visitor) -> Response:
    """Suspend a mailbox, or all of a domain; where it can't be, show the form as it was."""
    fields = await read_form(request)
    wanted = Wanted(until=fields.get("until", "").strip(), reason=fields.get("reason", "").strip())
    by = Author(visitor.name, "page", service.now())
    try:
        until = read_until(service, wanted.until)
        if until is not None and until <= by.at:
            invalid("until", "is in the past")
        if len(wanted.reason) > REASON_MAX:
            invalid("reason", "is too long")
    except WebError as error:
        return await show_again(request, service, visitor, error, suspending=wanted)

    def work(connection: Connection) -> Made[Suspended]:
        who = subject_in(service, connection, request.path_params["subject"])
        return suspensions.suspend(connection, who.key, until, wanted.reason, by)

    heard = await is_heard(service, await service.database.run(work))
    return back_to_subject(request, f"done=suspend&heard={int(heard)}")


async def release(request: Request, service: Service, visitor: Visitor) -> Response:
    """End a suspension."""
    await read_form(request)

    def work(connection: Connection) -> Made[list[Override]]:
        who = subject_in(service, connection, request.path_params["subject"])
        by = Author(visitor.name, "page", service.now())
        return suspensions.release(connection, who.key, by)

    made = await service.database.run(work)
    if not made.result:
        problem = WebError("no_such_override", "it is not suspended")
        return await show_again(request, service, visitor, problem)
    heard = await is_heard(service, made)
    return back_to_subject(request, f"done=release&heard={int(heard)}")
