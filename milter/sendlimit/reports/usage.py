"""Why the next mail of a subject passes or is refused: `sendlimit show` and /v1/usage."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sendlimit.reports.records import episode_record
from sendlimit.rules.explain import Explanation, LimitStatus, counters, explain
from sendlimit.rules.limit import KNOWN_NAMES, Scope, counted_names
from sendlimit.rules.window import COUNTED_WINDOWS
from sendlimit.store.episodes import last_episodes
from sendlimit.store.overrides import override_record
from sendlimit.store.rules_in_force import rows_of
from sendlimit.store.sqltime import to_iso
from sendlimit.store.usage import known_subjects, usage

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from sendlimit.reports.context import ReportContext
    from sendlimit.rules.limit import CounterKey
    from sendlimit.rules.override import Override
    from sendlimit.rules.subject import Subject
    from sendlimit.rules.window import Window
    from sendlimit.store.connection import Connection


@dataclass(frozen=True, slots=True)
class UsageReport:
    """The limits of one subject now.

    Attributes:
        subject: whose.
        explanation: the limits, and which of them would refuse the next mail.
        at: now, seconds since 1970.
        observes: mode = "observe".
        is_exempt: never counted and never refused.
        is_known: it has been counted, or something is set for it.
    """

    subject: Subject
    explanation: Explanation
    at: int
    observes: bool
    is_exempt: bool
    is_known: bool

    def record(self) -> dict[str, object]:
        """Return what `show --json` prints."""
        return {
            **self.short_record(),
            "limits": [status_record(status) for status in self.explanation.statuses],
            "defaults": [status_record(status) for status in self.explanation.defaults],
        }

    def short_record(self) -> dict[str, object]:
        """Return it without defaults and refusals, for a list of many."""
        exceeded = None if self.is_exempt else self.explanation.exceeded
        external = None if self.is_exempt else self.explanation.exceeded_external
        return {
            "subject": self.subject.key,
            "scope": str(self.subject.scope),
            "at": to_iso(self.at),
            "mode": "observe" if self.observes else "enforce",
            "exempt": self.is_exempt,
            "over_limit": str(exceeded.limit.name) if exceeded else None,
            "refused": exceeded is not None and not self.observes,
            "resets_at": to_iso(exceeded.resets_at) if exceeded else None,
            "external_over_limit": str(external.limit.name) if external else None,
            "external_resets_at": to_iso(external.resets_at) if external else None,
            "limits": [_counted_record(status) for status in self.explanation.statuses],
        }


def usage_report(
    context: ReportContext,
    connection: Connection,
    subject: Subject,
    at: int,
    windows: Container[Window] = COUNTED_WINDOWS,
) -> UsageReport:
    """Return the limits of a subject with everything that bears on them.

    Args:
        context: the configuration.
        connection: to the tables.
        subject: whose limits.
        at: now, seconds since 1970.
        windows: of which there are counters at all.
    """
    keys = counters(subject.scope, subject.sender, context.calendar, at)
    rows = rows_of(connection, subject.levels)
    found = usage(connection, [key for key in keys.values() if key.window in windows])
    explanation = explain(
        subject.scope,
        subject.sender,
        file=context.file_settings,
        overrides=rows,
        usage=found,
        episodes=last_episodes(connection, {(key.scope, key.subject) for key in keys.values()}),
        calendar=context.calendar,
        at=at,
    )
    known = _known(context, connection, [subject], rows, found)
    return _report(context, subject, explanation, at, is_known=subject.key in known)


def usage_reports(
    context: ReportContext, connection: Connection, subjects: Sequence[Subject], at: int
) -> list[UsageReport]:
    """Return the limits of many subjects, in their order; without refusals.

    What is asked of the database does not grow with the number of limits, and hardly with the
    number of subjects.
    """
    in_force = context.names_in_force(connection, at)
    counted = set(counted_names(in_force))
    names = [name for name in KNOWN_NAMES if name in counted or name in in_force]
    keys = {
        key
        for subject in subjects
        for name, key in counters(
            subject.scope, subject.sender, context.calendar, at, names
        ).items()
        if name in counted
    }
    found = usage(connection, sorted(keys))
    levels = {level for subject in subjects for level in subject.levels}
    rows = rows_of(connection, sorted(levels))
    known = _known(context, connection, subjects, rows, found)
    by_subject: dict[str, list[Override]] = defaultdict(list)
    for row in rows:
        by_subject[row.setting.subject].append(row)
    reports = []
    for subject in subjects:
        explanation = explain(
            subject.scope,
            subject.sender,
            file=context.file_settings,
            overrides=[row for level in subject.levels for row in by_subject.get(level, ())],
            usage=found,
            episodes={},
            calendar=context.calendar,
            at=at,
            names=names,
        )
        reports.append(_report(context, subject, explanation, at, is_known=subject.key in known))
    return reports


def _report(
    context: ReportContext, subject: Subject, explanation: Explanation, at: int, *, is_known: bool
) -> UsageReport:
    return UsageReport(
        subject, explanation, at, context.observes, context.is_exempt(subject), is_known
    )


def _known(
    context: ReportContext,
    connection: Connection,
    subjects: Sequence[Subject],
    rows: Sequence[Override],
    used: dict[CounterKey, int],
) -> set[str]:
    """Return the subjects that were counted, or for which something is set, file or database."""
    known = {key.subject for key in used}
    known |= {row.setting.subject for row in rows}
    known |= {name for name, _ in context.file_settings.by_subject}
    known |= {subject.key for subject in subjects if subject.scope is Scope.GLOBAL}
    for scope in (Scope.MAILBOX, Scope.DOMAIN):
        unknown = [
            subject.key
            for subject in subjects
            if subject.scope is scope and subject.key not in known
        ]
        known |= known_subjects(connection, scope, unknown)
    return known


def status_record(status: LimitStatus) -> dict[str, object]:
    """Return one limit as `show --json` prints it."""
    return {
        **_counted_record(status),
        "last_episode": episode_record(status.episode) if status.episode else None,
    }


def _counted_record(status: LimitStatus) -> dict[str, object]:
    source = status.source
    return {
        "limit": str(status.name),
        "subject": status.subject,
        "max": status.max,
        "used": status.used,
        "remaining": status.remaining,
        "period_start": to_iso(status.period.start),
        "period_end": to_iso(status.period.end),
        "origin": str(source.origin) if source else None,
        "set_for": source.subject if source else None,
        "override": override_record(source.override) if source and source.override else None,
        "learned_from": to_iso(source.override.setting.learned_from)
        if source and source.override
        else None,
    }
