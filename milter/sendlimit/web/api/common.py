"""What the routes of /v1 share: who may call them, the service behind them, subjects and pages."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, NamedTuple, TypeVar

from fastapi import APIRouter, Depends, Query, Request
from fastapi.routing import APIRoute

from sendlimit.reports.usage import usage_report
from sendlimit.rules.limit import parse_limit_name
from sendlimit.store.changes import LOOK_S, Author, HolderWatch, read_lease
from sendlimit.web.access import ADMIN, READ, Caller, Gate
from sendlimit.web.api.answers import ErrorOut
from sendlimit.web.database import Database, remaining_s
from sendlimit.web.errors import WebError, invalid
from sendlimit.web.paths import register_segment
from sendlimit.web.windows import CountedWindows

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from typing import Any

    from fastapi import Response

    from sendlimit.reports.context import ReportContext
    from sendlimit.reports.usage import UsageReport
    from sendlimit.rules.limit import LimitName
    from sendlimit.rules.subject import Subject
    from sendlimit.store.changes import Made
    from sendlimit.store.connection import Connection
    from sendlimit.web.live import LiveContext

T = TypeVar("T")

register_segment()

_ANSWERING_S = 0.1
"""What is left of a request's time for its answer, when it has waited for the daemon."""
_ERRORS: dict[int | str, dict[str, Any]] = {"default": {"model": ErrorOut}}


@dataclass(frozen=True, slots=True)
class Service:
    """What every route works with.

    Attributes:
        live: the configuration.
        database: runs jobs.
        gate: lets callers in.
        clock: says what time it is, seconds since 1970.
        windows: which ones have counters.
    """

    live: LiveContext
    database: Database
    gate: Gate
    clock: Callable[[], float] = time.time
    windows: CountedWindows = field(default_factory=CountedWindows)

    @property
    def context(self) -> ReportContext:
        """What reports are made with: the configuration as it is now."""
        return self.live.context

    def now(self) -> int:
        """Return the moment, whole seconds since 1970."""
        return int(self.clock())

    def usage_report(self, connection: Connection, subject: Subject, at: int) -> UsageReport:
        """Return the limits of a subject with everything that bears on them."""
        windows = self.windows.get(connection)
        return usage_report(self.context, connection, subject, at, windows)


# FastAPI calls a dependency that is no coroutine in another thread.
async def _service(request: Request) -> Service:
    return service_of(request)


async def _caller(request: Request) -> Caller:
    caller: Caller = request.state.caller
    return caller


def service_of(request: Request) -> Service:
    """Return what the routes of an application work with."""
    service: Service = request.app.state.service
    return service


ServiceOf = Annotated[Service, Depends(_service)]
Size = Annotated[int, Query(ge=1, le=500)]
"""Rows of a page."""
CallerOf = Annotated[Caller, Depends(_caller)]


class ReaderRoute(APIRoute):
    """A route for everybody who is let in; that is decided before the body is read."""

    roles = frozenset({READ, ADMIN})

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Let the caller in, then do what the route does."""
        handler = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            caller = await service_of(request).gate.caller(request)
            if caller.role not in self.roles:
                raise WebError("forbidden", f"the role {caller.role} may not do this")
            request.state.caller = caller
            return await handler(request)

        return guarded


class AdminRoute(ReaderRoute):
    """A route for the role admin."""

    roles = frozenset({ADMIN})


def reader_router() -> APIRouter:
    """Return a router for routes of both roles."""
    return APIRouter(prefix="/v1", route_class=ReaderRoute, responses=_ERRORS)


def admin_router() -> APIRouter:
    """Return a router for routes of the role admin."""
    return APIRouter(prefix="/v1", route_class=AdminRoute, responses=_ERRORS)


def author(service: Service, caller: Caller, by: str | None, origin: str = "api") -> Author:
    """Return who makes a change."""
    return Author(by or caller.name, origin, service.now())


def subject_in(
    service: Service, connection: Connection, text: str, field: str = "subject"
) -> Subject:
    """Return the subject of a name; another spelling of a login is its mailbox.

    Raises:
        WebError: it names none.
    """
    if "?" in text and "@" in text and "*" not in text:
        # No wildcard for a program, which means the one mailbox whose login this is.
        return service.context.mailbox(text.strip())
    try:
        return service.context.subject(text, connection)
    except ValueError as error:
        invalid(field, str(error))


def stored_subject_in(
    service: Service, connection: Connection, text: str, field: str = "subject"
) -> Subject:
    """Return what a name is stored as, be it another spelling of a login by now.

    Raises:
        WebError: it names none.
    """
    try:
        return service.context.stored_subject(text, connection)
    except ValueError as error:
        invalid(field, str(error))


def limit_in(text: str, field: str = "limit") -> LimitName:
    """Return the limit of a name.

    Raises:
        WebError: there is none.
    """
    try:
        return parse_limit_name(text)
    except ValueError as error:
        invalid(field, str(error))


async def is_heard(service: Service, made: Made[Any]) -> bool:
    """Wait for the daemon to hear of a change, as long as the request has time; say whether it has.

    Nothing of the database is held meanwhile: others are answered.
    """
    if not made.id or not made.lease.holder:
        return True
    patience_s = remaining_s() - _ANSWERING_S
    watch = HolderWatch(made.id, made.lease, time.monotonic(), patience_s)
    try:
        while True:
            lease = await service.database.run(read_lease)
            verdict = watch.verdict(lease, time.monotonic())
            if verdict is not None:
                return not verdict
            await asyncio.sleep(LOOK_S)
    except WebError:
        return False  # the change is made; whether it is heard can't be told


class Cursor(NamedTuple):
    """Where a page begins: at a key, of which some rows were given already.

    Attributes:
        key: a subject, or a moment.
        skip: how many of its rows were given; None: it was not written by us.
    """

    key: str
    skip: int | None = None

    def __str__(self) -> str:
        """Write it for `next`."""
        return f"{self.key}~{self.skip or 0}"

    @classmethod
    def read(cls, text: str) -> Cursor:
        """Read what `next` was, or a key."""
        key, mark, skip = text.rpartition("~")
        if mark and skip.isascii() and skip.isdigit() and len(skip) <= _DIGITS_MAX:
            return cls(key, int(skip))
        return cls(text)


def paged(
    found: Sequence[T], size: int, cursor: Cursor, key: Callable[[T], str]
) -> tuple[Sequence[T], str | None]:
    """Return the rows of a page, and what `next` is: None on the last page.

    Args:
        found: what was read from where the page begins; one more than fits tells of a next page.
        size: how many rows fit.
        cursor: where the page begins.
        key: of a row, by which the list is in order.
    """
    shown = found[:size]
    if len(found) <= size:
        return shown, None
    return shown, str(next_cursor(cursor, [key(row) for row in shown]))


def next_cursor(cursor: Cursor, keys: Sequence[str]) -> Cursor:
    """Return where the page after this one begins.

    Args:
        cursor: where this one began.
        keys: of its rows, in their order; at least one.
    """
    last = keys[-1]
    given = sum(key == last for key in keys)
    if last == cursor.key and given == len(keys):
        given += cursor.skip or 0
    return Cursor(last, given)


_DIGITS_MAX = 9
