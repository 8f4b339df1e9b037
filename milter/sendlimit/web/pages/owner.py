"""/me: what the owner of a mailbox sees of it; the mailbox is the session's, never the request's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sendlimit.reports.history import HistorySpan, history_report
from sendlimit.rules.limit import SUSPENSION, Scope, Unit
from sendlimit.rules.window import Window
from sendlimit.store.episodes import EpisodePage, own_episodes
from sendlimit.web.pages.chart import meter
from sendlimit.web.pages.render import page, words_of
from sendlimit.web.pages.verdict import Verdict, verdict
from sendlimit.web.pages.views import episode_row, history_chart

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from sendlimit.reports.usage import UsageReport
    from sendlimit.store.connection import Connection
    from sendlimit.web.api.common import Service
    from sendlimit.web.pages.login import Visitor
    from sendlimit.web.pages.words import Words

_DAYS = 90
_LATEST = 20


async def show(request: Request, service: Service, visitor: Visitor) -> Response:
    """Show the visitor's own mailbox."""
    words = words_of(request, service)
    at = service.now()

    def work(connection: Connection) -> dict[str, Any]:
        context = service.context
        who = context.mailbox(visitor.name)
        report = service.usage_report(connection, who, at)
        span = HistorySpan(Unit.MESSAGES, Window.DAY, _DAYS)
        history = history_report(context, connection, who, span, at)
        wanted = EpisodePage(at - _DAYS * 86400, at + 86400, 0, _LATEST)
        return {
            "verdict": _own_verdict(words, report, at),
            "statuses": _own_limits(words, report, at),
            "history": history_chart(words, history, words("owner.history")),
            "refusals": [
                episode_row(words, episode, at)
                for episode in own_episodes(connection, wanted, who.scope, who.key)
            ],
        }

    return page(request, service, "owner.html", visitor, **await service.database.run(work))


def _own_verdict(words: Words, report: UsageReport, at: int) -> Verdict:
    """Say what happens to the next message, without a word about the limits of others."""
    exceeded = report.explanation.exceeded or report.explanation.exceeded_external
    if exceeded is not None and exceeded.limit.name == SUSPENSION and not report.observes:
        return Verdict("bad", [words("owner.suspended")])
    if exceeded is None or report.is_exempt or exceeded.limit.name.scope is Scope.MAILBOX:
        return verdict(words, report, at)
    if report.observes:
        return Verdict("ok", [words("state.passes")])
    if report.explanation.exceeded is None:
        return Verdict("note", [words("owner.other_external_limit")])
    return Verdict("bad", [words("owner.other_limit")])


def _own_limits(words: Words, report: UsageReport, at: int) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for status in report.explanation.statuses:
        if status.name.scope is not Scope.MAILBOX or status.name == SUSPENSION:
            continue
        value = words.limit_value(status.max)
        if status.used is None:
            text = value
        elif status.max is None:
            text = words("overview.used_unlimited", used=words.number(status.used))
        else:
            text = words("overview.used_of", used=words.number(status.used), max=value)
        rows.append(
            {
                "name": words.limit_name(status.name),
                "text": text,
                "meter": "" if status.used is None else meter(status.used, status.max),
                "again": "" if status.used is None else words.time(status.period.end, at),
            }
        )
    return rows
