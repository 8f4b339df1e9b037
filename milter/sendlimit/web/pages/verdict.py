"""What happens to the next message of a subject, in words. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sendlimit.rules.limit import SUSPENSION

if TYPE_CHECKING:
    from sendlimit.reports.usage import UsageReport
    from sendlimit.rules.decision import LimitUsage
    from sendlimit.rules.override import Override
    from sendlimit.web.pages.words import Words


class Verdict(NamedTuple):
    """What happens to the next message: "ok", "bad" or "note", and in words."""

    level: str
    sentences: list[str]


def verdict(words: Words, report: UsageReport, now: int) -> Verdict:
    """Say what happens to the next message of a subject."""
    explanation = report.explanation
    if report.is_exempt:
        return Verdict("note", [words("state.exempt")])
    exceeded = explanation.exceeded or explanation.exceeded_external
    if exceeded is None:
        unknown = [] if report.is_known else [words("state.unknown")]
        return Verdict("note" if unknown else "ok", [*unknown, words("state.passes")])
    if exceeded.limit.name == SUSPENSION:
        return _suspended(words, report, now)
    limit = words.full_limit_name(exceeded.limit.name)
    if report.observes:
        return Verdict("note", [words("state.would_be_refused", limit=limit)])
    if explanation.exceeded is None:
        return Verdict("note", [words("state.external_refused", limit=limit)])
    return Verdict("bad", _refused(words, exceeded, now))


def _refused(words: Words, exceeded: LimitUsage, now: int) -> list[str]:
    limit = words.full_limit_name(exceeded.limit.name)
    if exceeded.resets_at is None:
        return [words("state.refused_zero", limit=limit)]
    again = words(
        "state.again",
        time=words.time(exceeded.resets_at, now),
        duration=words.duration(exceeded.resets_at - now),
    )
    return [words("state.refused", limit=limit), again]


def _suspended(words: Words, report: UsageReport, now: int) -> Verdict:
    row = suspension_of(report)
    until = row.setting.valid_until if row else None
    end = words("suspended.lasting")
    if until is not None:
        end = words("suspended.until", time=words.time(until, now))
    if report.observes:
        return Verdict("note", [words("state.would_be_suspended", end=end)])
    return Verdict("bad", [words("state.suspended", end=end)])


def suspension_of(report: UsageReport) -> Override | None:
    """Return the suspension that holds for a subject, its own or that of its domain or everyone."""
    for status in (*report.explanation.statuses, *report.explanation.defaults):
        if status.name == SUSPENSION and status.source is not None:
            return status.source.override
    return None
