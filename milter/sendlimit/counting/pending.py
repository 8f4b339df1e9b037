"""What is to be written without a request: releases, bookings, episodes. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sendlimit.rules.episode import Episode
    from sendlimit.rules.limit import Charge, CounterKey


@dataclass(slots=True)
class PendingWrites:
    """Additions and episodes without a request, which the next batch writes.

    Attributes:
        additions: per counter; releases are negative.
        episodes: by counter key, merged.
        unbooked: ids of entries of an unbooked file that are in additions.
        bookings: how many mails in additions were accepted without the database.
    """

    additions: dict[CounterKey, int] = field(default_factory=dict)
    episodes: dict[CounterKey, Episode] = field(default_factory=dict)
    unbooked: set[str] = field(default_factory=set)
    bookings: int = 0

    def __bool__(self) -> bool:
        """Say whether there is anything to write."""
        return bool(self.additions or self.episodes or self.unbooked or self.bookings)

    def add(self, charges: Iterable[Charge]) -> None:
        """Add charges; what sums up to nothing is forgotten."""
        for key, amount in charges:
            total = self.additions.get(key, 0) + amount
            if total:
                self.additions[key] = total
            else:
                self.additions.pop(key, None)

    def record(self, episode: Episode) -> None:
        """Merge an episode."""
        known = self.episodes.get(episode.key)
        if known is None:
            self.episodes[episode.key] = episode
        else:
            known.merge(episode)

    def merge(self, other: PendingWrites) -> None:
        """Take in all of another."""
        self.add(other.additions.items())  # type: ignore[arg-type]
        for episode in other.episodes.values():
            self.record(episode)
        self.unbooked |= other.unbooked
        self.bookings += other.bookings
