"""Why the next mail of a subject passes or is refused: what `sendlimit show` prints. Pure.

Settings, counters, episodes and the time come in. A list of limits comes out: where each is set,
what is used, and when its count starts again. The command writes the sentences.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from sendlimit.rules.decision import LimitUsage
from sendlimit.rules.limit import (
    EXTERNAL,
    KNOWN_NAMES,
    MESSAGES_PER_DAY,
    SUSPENSION,
    CounterKey,
    Limit,
    Origin,
    Scope,
    holding,
    subject_of,
)
from sendlimit.rules.policy import first_to_name
from sendlimit.rules.precedence import Rules
from sendlimit.rules.rolling import counts, span_now, total
from sendlimit.rules.window import ROLLING_WINDOWS, Period, Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sendlimit.rules.episode import Episode
    from sendlimit.rules.learning import LearnRule
    from sendlimit.rules.limit import LimitName, PartOf, Setting, Settings
    from sendlimit.rules.mailbox import Sender
    from sendlimit.rules.override import Override
    from sendlimit.rules.rolling import Counts
    from sendlimit.rules.window import Calendar

_NARROWEST_FIRST = (Scope.MAILBOX, Scope.DOMAIN, Scope.GLOBAL)


class LimitSource(NamedTuple):
    """Where a limit's value comes from.

    Attributes:
        origin: boost, override, file, learned, or share.
        subject: who it is set for: "*", a domain or a mailbox.
        override: the row of er_limit; None: from the file.
        learn: how it is learned (R15); None: it is not.
        part_of: the wider limit that it is a share of (R16); None: it is none.
    """

    origin: Origin
    subject: str
    override: Override | None
    learn: LearnRule | None = None
    part_of: PartOf | None = None


@dataclass(frozen=True, slots=True)
class LimitStatus:
    """One limit of one subject now.

    Attributes:
        name: the limit.
        subject: what is counted: "*", a domain or a mailbox.
        max: the limit in force; None is unlimited.
        source: where it is set; None: nowhere.
        used: in the running period; None for the recipients of one mail, and for defaults, which
            other subjects count.
        period: the running period; of a rolling window from when on mails count, and when the
            next one passes, or with room left the oldest step leaves (R19).
        episode: the last refusals by this limit.
        steps: of a rolling window, what was used when.
    """

    name: LimitName
    subject: str
    max: int | None
    source: LimitSource | None
    used: int | None
    period: Period
    episode: Episode | None = None
    steps: Counts = ()

    @property
    def remaining(self) -> int | None:
        """What is left; None: it is not counted or unlimited."""
        if self.max is None or self.used is None:
            return None
        return max(0, self.max - self.used)

    @property
    def exceeded(self) -> LimitUsage | None:
        """The usage when this limit would refuse the next mail; None: the mail passes it."""
        used = self.used or 0
        if self.max is None or self.source is None or used < self.max:
            return None
        limit = Limit(self.name, self.max, self.source.subject, self.source.origin)
        key = CounterKey(
            self.name.scope, self.subject, self.name.unit, self.name.window, self.period.start
        )
        return LimitUsage(limit, key, used, self.period, self.steps)


class Explanation(NamedTuple):
    """The limits that the next mail of a subject counts towards.

    Attributes:
        statuses: the limits that are in force or counted, the narrowest scope first.
        defaults: of a domain or the server: the settings that hold for its mailboxes or domains.
        exceeded: the limit that would refuse the next mail (R7); None: it passes.
        exceeded_external: the limit that would refuse its external recipients (R18); None: these
            pass as others do.
    """

    statuses: tuple[LimitStatus, ...]
    defaults: tuple[LimitStatus, ...]
    exceeded: LimitUsage | None
    exceeded_external: LimitUsage | None


def counters(
    scope: Scope,
    sender: Sender,
    calendar: Calendar,
    at: int,
    names: Sequence[LimitName] = KNOWN_NAMES,
) -> dict[LimitName, CounterKey]:
    """Return the key of every limit that a mail of the subject counts towards.

    For recipients_per_message, which has no counter, the key has the window "message". For a
    rolling window it is the counter of the running step.

    Args:
        scope: what the subject is; a mailbox counts in its domain and the server too.
        sender: the mailbox and domain; of a domain, the mailbox is "".
        calendar: cuts the periods.
        at: now, seconds since 1970.
        names: those that are asked for, in the order of KNOWN_NAMES.
    """
    starts = {
        window: calendar.period(window, at).start for window in {name.window for name in names}
    }
    return {
        name: CounterKey(name.scope, subject, name.unit, name.window, starts[name.window])
        for own in _scopes_above(scope)
        for name in names
        if name.scope is own and (subject := subject_of(own, sender)) is not None
    }


def explain(  # noqa: PLR0913 - the facts, each by its own name
    scope: Scope,
    sender: Sender,
    *,
    file: Settings,
    overrides: Iterable[Override],
    usage: Mapping[CounterKey, int],
    episodes: Mapping[LimitName, Episode],
    calendar: Calendar,
    at: int,
    names: Sequence[LimitName] = KNOWN_NAMES,
) -> Explanation:
    """Explain a subject's limits.

    Args:
        scope: what the subject is.
        sender: the mailbox and domain; of a domain, the mailbox is "".
        file: the limits of the file.
        overrides: the rows of er_limit of the subject and those above it.
        usage: the counters of `counters`, of a rolling window those of its steps; absent is 0.
        episodes: the last one of each limit.
        calendar: cuts the periods.
        at: now, seconds since 1970.
        names: of the limits that may be in force or counted, in the order of KNOWN_NAMES.
    """
    rows = {(row.setting.subject, row.setting.name, _origin(row.setting)): row for row in overrides}
    rules = Rules(file).with_rows(holding((row.setting for row in rows.values()), at))

    in_windows = {key[:4] for key in usage if key.window in ROLLING_WINDOWS}

    def source(name: LimitName) -> tuple[LimitSource | None, Setting | None]:
        won = rules.in_force(name, sender)
        if won is None:
            return None, None
        setting, origin = won
        row = rows.get((setting.subject, name, origin))
        return (
            LimitSource(origin, setting.subject, row, setting.learn, setting.part_of),
            setting,
        )

    def statuses() -> Iterator[LimitStatus]:
        for name, key in counters(scope, sender, calendar, at, names).items():
            where, setting = source(name)
            rolling = name.window in ROLLING_WINDOWS
            steps = counts(key, usage) if key[:4] in in_windows else ()
            used = total(steps) if rolling else usage.get(key, 0)
            episode = episodes.get(name)
            if setting is None and not used and episode is None and name not in MESSAGES_PER_DAY:
                continue
            if name == SUSPENSION and (setting is None or setting.max is None):
                continue  # not suspended
            most = setting.max if setting else None
            period = span_now(key, steps, most) if rolling else calendar.period(name.window, at)
            yield LimitStatus(
                name,
                key.subject,
                most,
                where,
                None if name.window is Window.MESSAGE else used,
                period,
                episode,
                steps,
            )

    def defaults() -> Iterator[LimitStatus]:
        below = _NARROWEST_FIRST[: _NARROWEST_FIRST.index(scope)]
        for name in filter(lambda name: name.scope in below, KNOWN_NAMES):
            where, setting = source(name)
            if setting is not None and where is not None:
                period = calendar.period(name.window, at)
                yield LimitStatus(name, setting.subject, setting.max, where, None, period)

    found = tuple(statuses())
    exceeded = [status.exceeded for status in found if status.exceeded is not None]
    external = [usage for usage in exceeded if usage.limit.name.unit in EXTERNAL]
    every = [usage for usage in exceeded if usage not in external]
    return Explanation(found, tuple(defaults()), first_to_name(every), first_to_name(external))


def _origin(row: Setting) -> Origin:
    """Return which kind of row of er_limit it is."""
    if row.learned_from is not None:
        return Origin.LEARNED
    return Origin.OVERRIDE if row.valid_until is None else Origin.BOOST


def _scopes_above(scope: Scope) -> tuple[Scope, ...]:
    return _NARROWEST_FIRST[_NARROWEST_FIRST.index(scope) :]
