"""Which notices a decision, a refusal or an outage makes. Pure; time comes in.

A counter makes one notice when it passes warn_at_percent and one when it is used up, for each
limit and period; a limit that is changed meanwhile is another limit. The history is kept in
memory: after a restart, and by each daemon of a cluster, a notice may be made again.
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
    from sendlimit.rules.suspicion import Suspension

MINUTE_NOTICES_APART_S = 3600
"""A limit per minute makes one notice in this time; one each minute would be a flood."""
OUTAGE_NOTICES_APART_S = 300
"""A database that comes and goes makes one notice in this time."""
HISTORY_MIN = 1000
"""How many entries the history may have before it is pruned for the first time."""
_PERCENT = 100


class Event(StrEnum):
    """What happened; the words stand in the JSON."""

    WARNING = "warning"
    LIMIT_REACHED = "limit-reached"
    STORE_DOWN = "store-down"
    STORE_BACK = "store-back"
    SUSPENDED = "suspended"
    FINDING = "finding"
    FINDING_OVER = "finding-over"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Notice:
    """One event that is reported; each route gives it a form of its own.

    Attributes:
        id: unique, and the same at each try, so that a receiver recognises a repetition.
        event: what happened.
        at: when it happened, in seconds since 1970.
        observe: whether the mode is "observe", which refuses nothing.
        sender: the login whose mail filled the counter; None for an event of the database.
        exceeded: the limit, and its counter with that mail.
        error: why nothing is decided; of a finding, what the doctor found or does not find any more.
        bookings: how many mails were accepted during the outage and are booked.
        suspension: the login that is suspended.
    """

    id: str
    event: Event
    at: int
    observe: bool = False
    sender: Sender | None = None
    exceeded: LimitUsage | None = None
    error: str = ""
    bookings: int = 0
    suspension: Suspension | None = None


class ThresholdReached(NamedTuple):
    """A counter that a mail has taken to a threshold: WARNING or LIMIT_REACHED."""

    event: Event
    exceeded: LimitUsage


def thresholds_reached(
    usage_changes: Iterable[UsageChange], warn_at_percent: int
) -> Iterator[ThresholdReached]:
    """Yield the counters that these charges have taken to a threshold.

    A charge that reaches both thresholds at once makes no warning.
    """
    for limit, key, before, after, period, steps in usage_changes:
        usage = LimitUsage(limit, key, after, period, steps)
        if before < limit.max <= after:
            yield ThresholdReached(Event.LIMIT_REACHED, usage)
        elif before * _PERCENT < limit.max * warn_at_percent <= after * _PERCENT:
            yield ThresholdReached(Event.WARNING, usage)


def limit_reached(refused: LimitUsage) -> ThresholdReached | None:
    """Return the counter that a refusal shows to be used up.

    None: only this mail has too many recipients, for recipients_per_message or for what is left.
    """
    if refused.key.window is Window.MESSAGE or refused.used < refused.limit.max:
        return None
    return ThresholdReached(Event.LIMIT_REACHED, refused)


class _Entry(NamedTuple):
    event: Event
    until: int


@dataclass(slots=True)
class History:
    """Which limits have made notices; lives as long as the daemon, guarded by its owner."""

    _entries: dict[tuple[object, ...], _Entry] = field(default_factory=dict)
    _prune_at: int = HISTORY_MIN

    def is_new(self, threshold: ThresholdReached, at: int) -> bool:
        """Say whether a threshold makes a notice; a warning makes none after the limit."""
        entry = self._entries.get(_key(threshold))
        return (
            entry is None
            or entry.until <= at
            or (entry.event is Event.WARNING and threshold.event is Event.LIMIT_REACHED)
        )

    def add(self, threshold: ThresholdReached, at: int) -> None:
        """Keep that a threshold has made its notice."""
        until = threshold.exceeded.period.end
        if threshold.exceeded.key.window is Window.MINUTE:
            until = at + MINUTE_NOTICES_APART_S
        self._entries[_key(threshold)] = _Entry(threshold.event, until)
        if len(self._entries) >= self._prune_at:
            self._entries = {key: entry for key, entry in self._entries.items() if entry.until > at}
            self._prune_at = max(HISTORY_MIN, 2 * len(self._entries))

    def __len__(self) -> int:
        """Return the number of entries, those that are over included until they are pruned."""
        return len(self._entries)


def _key(threshold: ThresholdReached) -> tuple[object, ...]:
    """Return the counter without its period, and the limit."""
    return (*threshold.exceeded.key[:-1], threshold.exceeded.limit.max)


@dataclass(slots=True)
class Outages:
    """Which outages of the database make notices; guarded by its owner.

    An outage makes its notice at once, unless another one did within OUTAGE_NOTICES_APART_S: then
    it makes one after that time, if it still lasts. Its end makes one if its beginning did.
    """

    _error: str | None = None
    _quiet_until: int = 0
    _is_reported: bool = False

    def began(self, error: str, at: int) -> str | None:
        """Take the beginning; return the error if it makes a notice now."""
        self._error, self._is_reported = error, False
        return self.due(at)

    def due(self, at: int) -> str | None:
        """Return the error of an outage that makes its notice now."""
        if self._error is None or self._is_reported or at < self._quiet_until:
            return None
        self._is_reported, self._quiet_until = True, at + OUTAGE_NOTICES_APART_S
        return self._error

    def ended(self) -> bool:
        """Take the end; return whether it makes a notice."""
        was_reported, self._error, self._is_reported = self._is_reported, None, False
        return was_reported
