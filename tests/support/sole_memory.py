"""The memory of a daemon that is alone on its database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendlimit.counting.counters import Counters
from sendlimit.counting.lease import Lease
from sendlimit.counting.memory import Memory
from sendlimit.counting.stretches import Stretches
from sendlimit.rules.counting_settings import CountingSettings
from support.counting_samples import ALICE, LIMIT_OF_3, NOON, UTC, file_rules
from support.doubles.records import ListedRecords

if TYPE_CHECKING:
    from sendlimit.rules.limit import CounterKey, Setting
    from sendlimit.rules.mailbox import Sender

VALID = 1.0
"""A moment at which the lease is valid."""
_MORNING = NOON - 4 * 3600


class SoleMemory:
    """A daemon that took the lease in the morning and has read everything."""

    def __init__(
        self, *limits: Setting, observe: bool = False, warn_at_percent: int | None = None
    ) -> None:
        self.settings = CountingSettings(file_rules(*limits), UTC, observe, warn_at_percent)
        self.journal = ListedRecords()
        self.stretches = Stretches()
        self.counters = Counters(self.stretches)
        self.lease = Lease("me")
        self.memory = Memory(self.lease, self.settings, self.journal, self.counters, self.stretches)
        self.lease.joined()
        self.take()

    def take_again(self, **used: int) -> None:
        """Lose the lease, take it again."""
        self.lease.lost()
        self.lease.joined()
        self.take(**used)

    def take(self, **used: int) -> None:
        """Take the lease, load the counters of mailboxes."""
        self.lease.taken(0.0, 1, 0)
        self.memory.begin(_MORNING, ())
        self.memory.plans.look_at_clock(NOON)
        while loading := self.counters.next_chunk():
            rows = [(f"{name}@example.org", amount) for name, amount in sorted(used.items())]
            mine = loading.name == LIMIT_OF_3.name
            self.counters.load(loading, rows if mine else [], more=False)

    def send(self, sender: Sender = ALICE, at: int = NOON, now: float = VALID) -> bool:
        """Say whether memory grants a mail."""
        return self.memory.reserve(sender, at, now) is not None

    def pending(self) -> dict[CounterKey, int]:
        """Return what the next flushes would add."""
        sums: dict[CounterKey, int] = {}
        while self.stretches:
            for key, amount in self.stretches.take(0).sums.items():
                sums[key] = sums.get(key, 0) + amount
        return {key: amount for key, amount in sums.items() if amount}
