"""The simplest thing that counts right: what the real one is compared with."""

from collections import Counter
from dataclasses import dataclass, field

from sendlimit.rules.mailbox import Sender

LIMITS = {
    "mailbox.messages_per_day": 4,
    "domain.messages_per_hour": 6,
    "domain.messages_per_rolling_hour": 7,
    "global.messages_per_day": 9,
    "mailbox.recipients_per_day": 8,
    "mailbox.recipients_per_rolling_day": 10,
    "mailbox.recipients_per_message": 4,
    "domain.external_recipients_per_day": 3,
    "mailbox.external_messages_per_day": 1,
}
_COUNTED = {
    "messages": [
        ("global", "day"),
        ("domain", "day"),
        ("domain", "hour"),
        ("domain", "rolling_hour"),
        ("mailbox", "day"),
        ("global", "ever"),
    ],
    "recipients": [("mailbox", "day"), ("mailbox", "rolling_day")],
    "external_recipients": [("domain", "day")],
    "external_messages": [("mailbox", "day")],
}
_SECONDS = {
    "hour": 3600,
    "day": 86_400,
    "rolling_hour": 60,
    "rolling_day": 3600,
    "ever": 2**62,
}
_SPANS = {"rolling_hour": 3600, "rolling_day": 86_400}

Key = tuple[str, str, str, str, int]
"""(scope, subject, unit, window, period_start), as in er_counter."""


@dataclass
class Model:
    """Counters by hand, in UTC.

    Attributes:
        limits: by name, for everyone.
        overrides: of mailbox.messages_per_day, by mailbox; None is unlimited.
        counters: accepted mails, and those that are let through and not yet at their end.
    """

    limits: dict[str, int] = field(default_factory=lambda: dict(LIMITS))
    overrides: dict[str, int | None] = field(default_factory=dict)
    counters: Counter[Key] = field(default_factory=Counter)

    def keys(self, unit: str, sender: Sender, at: int) -> list[Key]:
        """Return the counters that a mail is charged to."""
        subjects = {"global": "*", "domain": sender.domain, "mailbox": sender.mailbox}
        return [
            (scope, subject, unit, window, at - at % _SECONDS[window])
            for scope, window in _COUNTED[unit]
            if (subject := subjects[scope]) is not None
        ]

    def charge(self, unit: str, sender: Sender, at: int, amount: int) -> None:
        """Add to all counters of a unit; below 0: give back."""
        for key in self.keys(unit, sender, at):
            self.counters[key] += amount

    def left(self, unit: str, sender: Sender, at: int) -> float:
        """Return how much may still be charged."""
        recipient_usage = [float("inf")]
        for key in self.keys(unit, sender, at):
            scope, subject, _, window, _ = key
            name = f"{scope}.{unit}_per_{window}"
            limit = self.limits.get(name)
            if name == "mailbox.messages_per_day":
                limit = self.overrides.get(subject, limit)
            if limit is not None:
                recipient_usage.append(max(0, limit - self.counted(key)))
        return min(recipient_usage)

    def counted(self, key: Key) -> int:
        """Return what counts towards a limit: its counter, or all steps of a rolling window."""
        *series, start = key
        span = _SPANS.get(key[3], 0)
        return sum(
            used
            for (*other, step), used in self.counters.items()
            if other == series and start - span <= step <= start
        )

    def used(self) -> dict[Key, int]:
        """Return the counters that are not 0."""
        return {key: used for key, used in self.counters.items() if used}
