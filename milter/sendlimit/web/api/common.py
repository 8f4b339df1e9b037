"""What the routes of /v1 share: who may call them, the service behind them, subjects and pages."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, NamedTuple

from fastapi import APIRouter, Depends, Query, Request
from fastapi.routing import APIRoute

from sendlimit.rules.limit import parse_limit_name
from sendlimit.store.changes import Author, wait_until_heard
from sendlimit.web.access import ADMIN, READ, Caller, Gate
from sendlimit.web.api.models import ErrorOut
from sendlimit.web.database import Database, remaining_s
from sendlimit.web.errors import WebError, invalid
from sendlimit.web.paths import register_segment

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from typing import Any

    from fastapi import Response

    from sendlimit.reports.context import ReportContext
    from sendlimit.rules.limit import LimitName
    from sendlimit.rules.subject import Subject
    from sendlimit.store.changes import Made
    from sendlimit.store.connection import Connection

register_segment()

HEARD_S = 0.4
"""How long a change waits for the daemon to hear of it; it is made by then."""
_ERRORS: dict[int | str, dict[str, Any]] = {"default": {"model": ErrorOut}}


@dataclass(frozen=True, slots=True)
class Service:
    """What every route works with.

    Attributes:
        context: the configuration.
        database: runs jobs.
        gate: lets callers in.
        clock: says what time it is, seconds since 1970.
    """

    context: ReportContext
    database: Database
    gate: Gate
    clock: Callable[[], float] = time.time

    def now(self) -> int:
        """Return the moment, whole seconds since 1970."""
        return int(self.clock())


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


def _caller(request: Request) -> Caller:
    caller: Caller = request.state.caller
    return caller


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
            caller = await _service(request).gate.caller(request)
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
    """Return the subject of a name.

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


def limit_in(text: str, field: str = "limit") -> LimitName:
    """Return the limit of a name.

    Raises:
        WebError: there is none.
    """
    try:
        return parse_limit_name(text)
    except ValueError as error:
        invalid(field, str(error))


def is_heard(connection: Connection, made: Made[Any]) -> bool:
    """Wait for the daemon to hear of a change, as long as the request has time; say whether it has."""
    patience_s = min(HEARD_S, remaining_s() - 0.1)
    return wait_until_heard(connection, made, time.monotonic, time.sleep, patience_s) is None


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
