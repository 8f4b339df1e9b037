"""The page of a mailbox or domain: what holds, what was sent, what was changed; and changing it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError

from sendlimit.config.limits import MAX_LIMIT
from sendlimit.reports.history import HistorySpan, history_report
from sendlimit.reports.timestamps import timestamp
from sendlimit.rules.limit import SUSPENSION, Scope, Unit
from sendlimit.rules.window import Window
from sendlimit.store.changes import Author, changes_page
from sendlimit.store.episodes import EpisodePage, episodes_of, episodes_page
from sendlimit.store.overrides import OverrideChange, overrides
from sendlimit.store.sqltime import to_iso
from sendlimit.store.usage import reset, running_keys
from sendlimit.web.api.bodies import LimitIn
from sendlimit.web.api.common import is_heard, limit_in, subject_in
from sendlimit.web.api.limits import Changed, make_changes, to_set
from sendlimit.web.errors import WebError, invalid, of_validation
from sendlimit.web.pages.render import go_to, page, problem_text, segment, words_of
from sendlimit.web.pages.security import read_form
from sendlimit.web.pages.verdict import verdict
from sendlimit.web.pages.views import (
    change_row,
    episode_row,
    history_chart,
    limit_choices,
    override_row,
    status_rows,
    suspension_row,
)

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from sendlimit.rules.limit import CounterKey, LimitName
    from sendlimit.rules.subject import Subject
    from sendlimit.store.changes import Made
    from sendlimit.store.connection import Connection
    from sendlimit.web.api.common import Service
    from sendlimit.web.pages.login import Visitor
    from sendlimit.web.pages.words import Words

_DAYS = 90
_SECONDS = _DAYS * 86400
_LATEST = 20
_SEEN = "seen."
_DONE = frozenset({"set", "unset", "reset", "suspend", "release"})


class Wanted(NamedTuple):
    """What stands in a form."""

    limit: str = ""
    max: str = ""
    until: str = ""
    reason: str = ""


_NOTHING = Wanted()


async def show(request: Request, service: Service, visitor: Visitor) -> Response:
    """Show a subject."""
    return await _page(request, service, visitor, _done(request, service))


def _done(request: Request, service: Service) -> str:
    """Say what has just been done, as the page's address has it."""
    words = words_of(request, service)
    what = request.query_params.get("done", "")
    if what not in _DONE:
        return ""
    text = words(f"done.{what}", limit=_limit_text(words, request.query_params.get("limit", "")))
    heard = "not_heard" if request.query_params.get("heard") == "0" else "heard"
    return f"{text} {words(f'done.{heard}')}"


def _limit_text(words: Words, text: str) -> str:
    try:
        return words.full_limit_name(limit_in(text))
    except WebError:
        return ""


async def _page(  # noqa: PLR0913 - what the page says beside the tables
    request: Request,
    service: Service,
    visitor: Visitor,
    done: str = "",
    *,
    problem: WebError | None = None,
    wanted: Wanted = _NOTHING,
    suspending: Wanted = _NOTHING,
) -> Response:
    words = words_of(request, service)
    at = service.now()

    def work(connection: Connection) -> dict[str, Any]:
        who = subject_in(service, connection, request.path_params["subject"])
        return _values(service, connection, words, who, at)

    values = await service.database.run(work)
    return page(
        request,
        service,
        "subject.html",
        visitor,
        200 if problem is None else problem.status,
        problem="" if problem is None else problem_text(words, problem),
        done=done,
        wanted=wanted,
        suspending=suspending,
        **values,
    )


async def show_again(  # noqa: PLR0913 - what stands in the forms
    request: Request,
    service: Service,
    visitor: Visitor,
    problem: WebError,
    *,
    wanted: Wanted = _NOTHING,
    suspending: Wanted = _NOTHING,
) -> Response:
    """Show the subject with what did not work, and the forms as they were."""
    return await _page(
        request, service, visitor, problem=problem, wanted=wanted, suspending=suspending
    )


def _values(
    service: Service, connection: Connection, words: Words, who: Subject, at: int
) -> dict[str, Any]:
    context = service.context
    report = service.usage_report(connection, who, at)
    span = HistorySpan(Unit.MESSAGES, Window.DAY, _DAYS)
    history = history_report(context, connection, who, span, at)
    rows = [row for row in overrides(connection, [who.key]) if row.setting.name != SUSPENSION]
    wanted = EpisodePage(at - _SECONDS, at + 86400, 0, _LATEST)
    if who.scope is Scope.GLOBAL:
        episodes = episodes_page(connection, wanted)
    else:
        episodes = episodes_of(connection, wanted, who.scope, who.key)
    changes = changes_page(connection, 0, who.key, 2**62, _LATEST)
    return {
        "subject_key": who.key,
        "key": "global" if who.scope is Scope.GLOBAL else who.word,
        "title": words("subject.global") if who.scope is Scope.GLOBAL else who.key,
        "scope": str(who.scope),
        "verdict": verdict(words, report, at),
        "statuses": status_rows(words, report.explanation.statuses, at),
        "defaults": status_rows(words, report.explanation.defaults, at),
        "history": history_chart(words, history, words("subject.history")),
        "rows": [override_row(words, row, at) for row in rows],
        "suspended": suspension_row(words, report, at),
        "seen": {
            _kind_of(row.setting.name, is_boost=row.setting.valid_until is not None): to_iso(
                row.set_at
            )
            for row in rows
        },
        "choices": limit_choices(words, who.scope),
        "refusals": [episode_row(words, episode, at) for episode in episodes],
        "changes": [change_row(words, row, at) for row in changes],
    }


def _kind_of(name: LimitName, *, is_boost: bool) -> str:
    return f"{name}.{'boost' if is_boost else 'lasting'}"


async def set_limit(request: Request, service: Service, visitor: Visitor) -> Response:
    """Set a limit or a boost; where it can't be, show the form as it was."""
    fields = await read_form(request)
    wanted = Wanted(*(fields.get(name, "").strip() for name in Wanted._fields))
    words = words_of(request, service)
    try:
        name = limit_in(wanted.limit)
        body = _read(service, words, name, wanted, fields)

        def work(connection: Connection) -> Changed:
            who = subject_in(service, connection, request.path_params["subject"])
            by = _author(service, visitor)
            return make_changes(connection, [to_set(who, name, body, by)], by)

        changed = await service.database.run(work)
    except WebError as error:
        if error.code == "store_unavailable":
            raise
        return await show_again(request, service, visitor, error, wanted=wanted)
    heard = await is_heard(service, changed.made)
    return back_to_subject(request, f"done=set&limit={name}&heard={int(heard)}")


def _read(
    service: Service, words: Words, name: LimitName, wanted: Wanted, fields: dict[str, str]
) -> LimitIn:
    """Return what the form wants.

    Raises:
        WebError: a value is none.
    """
    until = to_iso(read_until(service, wanted.until))
    seen = fields.get(_SEEN + _kind_of(name, is_boost=until is not None))
    try:
        return LimitIn(
            max=_read_max(words, wanted.max), until=until, reason=wanted.reason, if_set_at=seen
        )
    except ValidationError as error:
        raise of_validation(
            [{**each, "loc": ("form", *each["loc"])} for each in error.errors(include_input=False)]
        ) from None


def read_until(service: Service, text: str) -> int | None:
    """Return an end as it is typed, on the calendar's clock; None: lasting.

    Raises:
        WebError: it is no time.
    """
    if not text:
        return None
    try:
        return timestamp(text, service.context.calendar, service.now())
    except ValueError as error:
        invalid("until", str(error))


def _read_max(words: Words, text: str) -> int | None:
    """Return a value as it is typed, with thousands apart or not; None: unlimited.

    Raises:
        WebError: it is none.
    """
    lowered = text.lower()
    if lowered in {"unlimited", words("table.unlimited").lower()}:
        return None
    apart = re.escape(words("format.thousands"))
    if re.fullmatch(rf"\d{{1,3}}([{apart} \u00a0]\d{{3}})+", lowered, re.ASCII):
        lowered = re.sub(r"\D", "", lowered)
    if not re.fullmatch(r"\d{1,16}", lowered, re.ASCII) or int(lowered) > MAX_LIMIT:
        invalid("max", "is no limit")
    return int(lowered)


async def unset_limit(request: Request, service: Service, visitor: Visitor) -> Response:
    """Take a limit back."""
    fields = await read_form(request)
    name = limit_in(fields.get("limit", ""))
    is_boost = fields.get("kind") == "boost"

    def work(connection: Connection) -> Changed:
        who = subject_in(service, connection, request.path_params["subject"])
        change = OverrideChange(who.key, name, is_boost)
        return make_changes(connection, [change], _author(service, visitor))

    changed = await service.database.run(work)
    if changed.made.result == [None]:
        problem = WebError("no_such_override", "it is not there")
        return await show_again(request, service, visitor, problem)
    heard = await is_heard(service, changed.made)
    return back_to_subject(request, f"done=unset&heard={int(heard)}")


async def reset_counts(request: Request, service: Service, visitor: Visitor) -> Response:
    """Set the running counts to 0."""
    await read_form(request)

    def work(connection: Connection) -> Made[dict[CounterKey, int]]:
        who = subject_in(service, connection, request.path_params["subject"])
        keys = running_keys(who.scope, who.key, service.context.calendar, service.now())
        return reset(connection, keys, _author(service, visitor))

    heard = await is_heard(service, await service.database.run(work))
    return back_to_subject(request, f"done=reset&heard={int(heard)}")


def _author(service: Service, visitor: Visitor) -> Author:
    return Author(visitor.name, "page", service.now())


def back_to_subject(request: Request, query: str) -> Response:
    """Show the subject after a change; the query says what was done."""
    return go_to(f"/subject/{segment(request.path_params['subject'])}?{query}")
