"""The simplest thing that counts right: what the real one is compared with."""

from collections import Counter
from dataclasses import dataclass, field

from sendlimit.rules.mailbox import Sender

LIMITS = {
    "mailbox.messages_per_day": 4,
    "domain.messages_per_hour": 6,
    "global.messages_per_day": 9,
    "mailbox.recipients_per_day": 8,
    "mailbox.recipients_per_message": 4,
}
_COUNTED = {
    "messages": [
        ("global", "day"),
        ("domain", "day"),
        ("domain", "hour"),
        ("mailbox", "day"),
        ("global", "ever"),
    ],
    "recipients": [("mailbox", "day")],
}
_SECONDS = {"hour": 3600, "day": 86_400, "ever": 2**62}

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
                recipient_usage.append(max(0, limit - self.counters[key]))
        return min(recipient_usage)

    def used(self) -> dict[Key, int]:
        """Return the counters that are not 0."""
        return {key: used for key, used in self.counters.items() if used}
