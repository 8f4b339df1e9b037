"""What the templates show of limits, refusals and changes: rows of plain texts. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple, TypeGuard

from sendlimit.rules.limit import SUSPENSION, LimitName, Origin, Scope, Unit, parse_limit_name
from sendlimit.rules.window import Window
from sendlimit.web.pages.chart import Bar, ChartWords, bar_chart, meter
from sendlimit.web.pages.verdict import suspension_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from markupsafe import Markup

    from sendlimit.reports.history import HistoryReport
    from sendlimit.reports.hours import HourTotal
    from sendlimit.reports.usage import UsageReport
    from sendlimit.rules.episode import Episode
    from sendlimit.rules.explain import LimitSource, LimitStatus
    from sendlimit.rules.override import Override
    from sendlimit.rules.window import Period
    from sendlimit.store.changes import RecordedChange
    from sendlimit.web.pages.words import Words

_NOT_SHOWN = frozenset({"subject", "set_by", "set_at", "period_start"})


class StatusRow(NamedTuple):
    """One limit of a table."""

    name: str
    subject: str
    used: str
    max: str
    left: str
    again: str
    origin: str
    reason: str
    meter: Markup | None


class OverrideRow(NamedTuple):
    """One override or boost of a table; until "" is lasting."""

    subject: str
    name: str
    limit: str
    value: str
    until: str
    is_boost: bool
    has_ended: bool
    set_by: str
    set_at: str
    reason: str


class EpisodeRow(NamedTuple):
    """Refusals of a limit in a period."""

    last: str
    subject: str
    name: str
    max: str
    times: str
    login: str
    client: str
    sender: str


class ChangeRow(NamedTuple):
    """A line of the audit trail."""

    when: str
    who: str
    origin: str
    what: str
    subject: str
    before: list[str]
    after: list[str]


def suspension_row(words: Words, report: UsageReport, now: int) -> OverrideRow | None:
    """Return the row of the suspension that holds for a subject."""
    row = suspension_of(report)
    return None if row is None else override_row(words, row, now)


def status_rows(words: Words, statuses: Iterable[LimitStatus], now: int) -> list[StatusRow]:
    """Return the rows of limits; a suspension, which has no numbers, is told elsewhere."""
    return [status_row(words, each, now) for each in statuses if each.name != SUSPENSION]


def status_row(words: Words, status: LimitStatus, now: int) -> StatusRow:
    """Return the row of one limit."""
    has_count = status.used is not None
    return StatusRow(
        words.full_limit_name(status.name),
        status.subject,
        words.number(status.used) if status.used is not None else "",
        words.limit_value(status.max) if status.source else words("table.no_limit"),
        "" if status.remaining is None else words.number(status.remaining),
        words.time(status.period.end, now) if has_count else "",
        _origin(words, status.source, now),
        status.source.override.reason if status.source and status.source.override else "",
        meter(status.used or 0, status.max) if has_count and status.max is not None else None,
    )


def _origin(words: Words, source: LimitSource | None, now: int) -> str:
    if source is None:
        return ""
    whose = words("table.for_subject", subject=words.subject(source.subject))
    row = source.override
    if source.part_of is not None:
        wider, most, percent = source.part_of
        of = f"{words.full_limit_name(wider)} ({words.number(most)})"
        return f"{words('table.share', percent=percent, of=of)}, {whose}"
    if source.learn is not None:
        learned = None if row is None else row.setting.learned_from
        if learned is None:
            return f"{words('table.to_be_learned')}, {whose}"
        return f"{words('table.learned', day=words.date(learned))}, {whose}"
    if row is None:
        return f"{words('table.file')}, {whose}"
    until = row.setting.valid_until
    if source.origin is Origin.BOOST and until is not None:
        text = words("table.boost", time=words.time(until, now), who=row.set_by or "?")
    else:
        text = words("table.override", who=row.set_by or "?", time=words.time(row.set_at, now))
    return f"{text}, {whose}"


def override_row(words: Words, row: Override, now: int) -> OverrideRow:
    """Return the row of an override or boost."""
    until = row.setting.valid_until
    return OverrideRow(
        row.setting.subject,
        words.full_limit_name(row.setting.name),
        str(row.setting.name),
        words.limit_value(row.setting.max),
        "" if until is None else words.time(until, now),
        until is not None,
        not row.holds(now),
        row.set_by or "?",
        words.time(row.set_at, now),
        row.reason,
    )


def episode_row(words: Words, episode: Episode, now: int) -> EpisodeRow:
    """Return the row of an episode."""
    if episode.attempts == 1:
        times = words("table.once")
    else:
        times = words(
            "table.times_since",
            number=words.number(episode.attempts),
            time=words.time(episode.first_at, now),
        )
    return EpisodeRow(
        words.time(episode.last_at, now),
        "" if episode.key.scope is Scope.GLOBAL else episode.key.subject,
        words.full_limit_name(episode.key.name),
        words.number(episode.limit),
        times,
        episode.last_mailbox,
        episode.last_client_addr,
        episode.last_sender,
    )


def change_row(words: Words, row: RecordedChange, now: int) -> ChangeRow:
    """Return the row of a change; what the table has may be anything."""
    what = f"change.{row.change.what.replace(' ', '_')}"
    origin = f"change.origin_{row.origin}"
    return ChangeRow(
        "?" if row.at is None else words.time(row.at, now),
        row.who or "?",
        words(origin) if words.has(origin) else row.origin,
        words(what) if words.has(what) else row.change.what,
        row.change.subject,
        [*_values(words, row.change.before)],
        [*_values(words, row.change.after)],
    )


def _values(words: Words, value: object) -> Iterator[str]:
    """Write what a change has before or after."""
    if isinstance(value, list):
        for each in value:
            yield from _values(words, each)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key not in _NOT_SHOWN and (inner not in (None, "", []) or key == "max"):
                yield from _field(words, key, inner)
    elif value is not None:
        yield str(value)


def _field(words: Words, key: str, value: object) -> Iterator[str]:
    """Write one key of what a change has before or after."""
    if isinstance(value, list | dict):
        yield from _values(words, value)
    elif key == "limit":
        yield _limit_words(words, value)
    elif key == "until":
        yield f"{words('table.until').lower()} {_until_words(words, value)}"
    elif key == "learned_from":
        yield words("table.learned", day=_day_words(words, value))
    elif key == "reason":
        yield f"{words('table.reason')}: {value}"
    elif words.has(f"changed.{key}"):
        shown = words.number(value) if _is_whole(value) else value
        yield words(f"changed.{key}", value=shown)
    elif key == "max" and (value is None or _is_whole(value)):
        yield words.limit_value(value)
    else:
        yield f"{key}: {value}"


def _until_words(words: Words, text: object) -> str:
    moment = _moment(text)
    return str(text) if moment is None else words.time(moment)


def _day_words(words: Words, text: object) -> str:
    moment = _moment(text)
    return str(text) if moment is None else words.date(moment)


def _moment(text: object) -> int | None:
    """Return the moment that a change has as text; None: it is none that can be written."""
    try:
        return int(datetime.fromisoformat(str(text)).timestamp())
    except (ValueError, OverflowError):
        return None


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _limit_words(words: Words, text: object) -> str:
    try:
        return words.full_limit_name(parse_limit_name(str(text)))
    except ValueError:
        return str(text)


_WINDOWS = (
    Window.DAY,
    Window.HOUR,
    Window.MINUTE,
    Window.MONTH,
    Window.ROLLING_DAY,
    Window.ROLLING_HOUR,
)


def limit_choices(words: Words, scope: Scope) -> list[tuple[str, str]]:
    """Return the limits that can be set for a subject of a scope, as (name, words)."""
    scopes = {
        Scope.MAILBOX: (Scope.MAILBOX,),
        Scope.DOMAIN: (Scope.DOMAIN, Scope.MAILBOX),
        Scope.GLOBAL: (Scope.GLOBAL, Scope.DOMAIN, Scope.MAILBOX),
    }[scope]
    names = [
        LimitName(each, unit, window) for each in scopes for window in _WINDOWS for unit in Unit
    ]
    if Scope.MAILBOX in scopes:
        names.append(LimitName(Scope.MAILBOX, Unit.RECIPIENTS, Window.MESSAGE))
    return [(str(name), words.full_limit_name(name)) for name in names]


class Chart(NamedTuple):
    """A chart and its numbers, for those who want these: the last period first."""

    svg: Markup
    rows: list[tuple[str, str]]


def history_chart(words: Words, report: HistoryReport, title: str) -> Chart | None:
    """Return the chart of days; None: there was nothing in all the time."""
    if not any(each.used for each in report.periods):
        return None
    bars = [
        Bar(
            each.used,
            words.day_month(each.period.start),
            f"{words.date(each.period.start)}: {words.number(each.used)}",
        )
        for each in report.periods
    ]
    rows = [
        (words.date(each.period.start), words.number(each.used))
        for each in reversed(report.periods)
        if each.used
    ]
    return Chart(bar_chart(bars, report.max, _chart_words(words, bars, report.max, title)), rows)


def day_chart(
    words: Words, hours: Sequence[HourTotal], day: Period, limit: int | None, title: str
) -> Chart | None:
    """Return the chart of a day, its hours added up, against the limit of the day.

    Args:
        words: of the page.
        hours: of the day until now.
        day: the running one; hours that are still to come are empty places.
        limit: of the day; None: unlimited.
        title: says what it is.
    """
    if not hours[-1].total:
        return None
    bars, rows, before = [], [], 0
    for hour, total, is_known in hours:
        clock = words.clock(hour.start)
        number = words.number(total - before)
        if is_known:
            text = words("overview.hour", hour=clock, number=number, sum=words.number(total))
            rows.append((clock, number))
        else:
            text = words("overview.hour_unknown", hour=clock)
        bars.append(Bar(total if is_known else 0, clock, text))
        before = total
    described = _chart_words(words, bars, limit, title)
    to_come = range(hours[-1].hour.end, day.end, _HOUR_S)
    bars += [Bar(0, words.clock(start), words.clock(start)) for start in to_come]
    return Chart(bar_chart(bars, limit, described), rows[::-1])


def _chart_words(words: Words, bars: Sequence[Bar], limit: int | None, title: str) -> ChartWords:
    shown = words.limit_value(limit)
    return ChartWords(
        words("chart.describe", title=title, highest=words.number(max(bar.value for bar in bars))),
        words("chart.limit", max=shown),
        words("chart.above", max=shown),
    )


_HOUR_S = 3600
