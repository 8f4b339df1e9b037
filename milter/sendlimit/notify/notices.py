"""Which notices follow from a decision, a refusal or an outage. Pure; time comes in.

A counter is told about once for each limit and period, when it passes warn_at_percent and when
it is used up; a limit that is changed meanwhile is another limit. What was told is kept in
memory: after a restart, and by each daemon of a cluster, it may be told again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from sendlimit.rules.decision import LimitUsage
from sendlimit.rules.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sendlimit.rules.decision import UsageChange
    from sendlimit.rules.mailbox import Sender

WHOLE = 100
QUIET_S = 3600
"""A limit per minute is told about once in this time, or its notices would be a flood."""
OUTAGES_APART_S = 300
"""A database that comes and goes is told about once in this time."""
_MEMORY_MIN = 1000


class Event(StrEnum):
    """What happened; the words stand in the JSON."""

    WARNING = "warning"
    LIMIT_REACHED = "limit-reached"
    STORE_DOWN = "store-down"
    STORE_BACK = "store-back"


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to be told, on every route in that route's own form.

    Attributes:
        id: unique; the same at each try, so that a receiver can tell a repetition.
        event: what happened.
        at: when, seconds since 1970.
        observe: nothing is refused.
        sender: whose mail filled the counter; None when the database is the news.
        exceeded: the limit and its counter with that mail.
        error: why the database is away.
        bookings: how many mails were accepted without it and are booked.
    """

    id: str
    event: Event
    at: int
    observe: bool = False
    sender: Sender | None = None
    exceeded: LimitUsage | None = None
    error: str = ""
    bookings: int = 0


class Crossing(NamedTuple):
    """A counter that has passed a threshold, with the mail that passed it."""

    event: Event
    exceeded: LimitUsage


def crossings(usage_changes: Iterable[UsageChange], warn_at_percent: int) -> Iterator[Crossing]:
    """Yield the counters that these charges took over a threshold.

    A charge that passes both thresholds at once has only reached the limit.
    """
    for limit, key, before, after, period in usage_changes:
        if before < limit.max <= after:
            yield Crossing(Event.LIMIT_REACHED, LimitUsage(limit, key, after, period))
        elif before * WHOLE < limit.max * warn_at_percent <= after * WHOLE:
            yield Crossing(Event.WARNING, LimitUsage(limit, key, after, period))


def reached(hit: LimitUsage) -> Crossing | None:
    """Return what a refusal tells; None when only this one mail was too large.

    That is so for recipients_per_message, and while there is room for fewer recipients.
    """
    if hit.key.window is Window.MESSAGE or hit.used < hit.limit.max:
        return None
    return Crossing(Event.LIMIT_REACHED, hit)


class _Told(NamedTuple):
    event: Event
    until: int


@dataclass(slots=True)
class Memory:
    """What was told about which limit; lives as long as the daemon, guarded by its owner."""

    _told: dict[tuple[object, ...], _Told] = field(default_factory=dict)
    _prune_at: int = _MEMORY_MIN

    def is_news(self, crossing: Crossing, at: int) -> bool:
        """Say whether a crossing is still to be told; a warning is no news after the limit."""
        told = self._told.get(_key(crossing))
        return (
            told is None
            or told.until <= at
            or (told.event is Event.WARNING and crossing.event is Event.LIMIT_REACHED)
        )

    def keep(self, crossing: Crossing, at: int) -> None:
        """Remember that a crossing was told."""
        until = crossing.exceeded.period.end
        if crossing.exceeded.key.window is Window.MINUTE:
            until = at + QUIET_S
        self._told[_key(crossing)] = _Told(crossing.event, until)
        if len(self._told) >= self._prune_at:
            self._told = {key: told for key, told in self._told.items() if told.until > at}
            self._prune_at = max(_MEMORY_MIN, 2 * len(self._told))


def _key(crossing: Crossing) -> tuple[object, ...]:
    """Return the counter without its period, and the limit."""
    return (*crossing.exceeded.key[:-1], crossing.exceeded.limit.max)


@dataclass(slots=True)
class Outages:
    """Which outages of the database are told; guarded by its owner.

    An outage is told at once, unless another was told within OUTAGES_APART_S: then when it
    lasts until that time is over. Its end is told when its beginning was.
    """

    _error: str | None = None
    _quiet_until: int = 0
    _is_told: bool = False

    def began(self, error: str, at: int) -> str | None:
        """Take the beginning; return the error if it is to be told now."""
        self._error, self._is_told = error, False
        return self.due(at)

    def due(self, at: int) -> str | None:
        """Return the error of an outage that is to be told now."""
        if self._error is None or self._is_told or at < self._quiet_until:
            return None
        self._is_told, self._quiet_until = True, at + OUTAGES_APART_S
        return self._error

    def ended(self) -> bool:
        """Take the end; return whether it is to be told."""
        was_told, self._error, self._is_told = self._is_told, None, False
        return was_told
