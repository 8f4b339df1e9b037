"""Counts that were not booked when the daemon stopped, kept in state_dir (R11).

One file, written at a clean stop while the database was away, booked at the next start. Each
entry has an id that goes into er_committer with the booking, so that it is booked once.
"""

from __future__ import annotations

import contextlib
import json
import os
import uuid
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from sendlimit.rules.episode import Episode
from sendlimit.rules.limit import LATCH, LIMIT_NAMES, CounterKey, LimitName

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from sendlimit.rules.limit import Charge


@dataclass(slots=True)
class PendingWrites:
    """Unconditional additions and episodes that wait for the next batch.

    Attributes:
        additions: per counter; releases are negative.
        episodes: by counter key, merged.
        journals: entries of an earlier stop that are in additions.
        bookings: how many mails in additions were accepted without the database.
    """

    additions: dict[CounterKey, int] = field(default_factory=dict)
    episodes: dict[CounterKey, Episode] = field(default_factory=dict)
    journals: set[str] = field(default_factory=set)
    bookings: int = 0

    def __bool__(self) -> bool:
        """Say whether there is anything to write."""
        return bool(self.additions or self.episodes or self.journals or self.bookings)

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
        self.journals |= other.journals
        self.bookings += other.bookings


@dataclass(frozen=True, slots=True)
class Entry:
    """What one stop left behind.

    Attributes:
        id: unique; a row in er_committer says that it is booked.
        owed: what to book.
        unless: (committer, batch): a batch whose outcome was unknown; if it is in, owed is void.
        instead: what to book then: what the batch decided for callbacks that had left is undone.
    """

    id: str
    owed: PendingWrites
    unless: tuple[str, int] | None = None
    instead: PendingWrites = field(default_factory=PendingWrites)


def new_id() -> str:
    """Return an id that no other daemon start has."""
    return uuid.uuid4().hex


class Journal:
    """The file of unbooked counts."""

    NAME = "unbooked.json"

    def __init__(self, state_dir: Path) -> None:
        """Take the directory; reads and writes later."""
        self.path = state_dir / self.NAME

    def load(self) -> list[Entry]:
        """Return what an earlier stop left.

        Raises:
            ValueError: the file is damaged or can't be read; it was put aside as
                unbooked.json.damaged, so that the next stop does not write over it.
        """
        try:
            document = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return []
        except (OSError, ValueError) as error:
            self._put_aside()
            raise ValueError(f"{self.path}: {error}") from error
        try:
            return [_entry(item) for item in document["entries"]]
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            self._put_aside()
            raise ValueError(f"{self.path}: not as written by sendlimit: {error!r}") from error

    def save(self, entries: list[Entry]) -> None:
        """Write the file anew, or remove it when nothing is owed."""
        if not entries:
            self.path.unlink(missing_ok=True)
            return
        fresh = self.path.with_suffix(".new")
        # Who sent how much is nobody else's: not left to the umask.
        number = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(number, "w", encoding="utf-8") as file:
            json.dump({"entries": [_item(entry) for entry in entries]}, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.path)

    def _put_aside(self) -> None:
        # Where even that can't be done, the next stop can't write over it either.
        with contextlib.suppress(OSError):
            self.path.replace(self.path.with_suffix(".json.damaged"))


_NAMES = {
    tuple(map(str, name)): name
    for name in (*LIMIT_NAMES, LimitName(LATCH.scope, LATCH.unit, LATCH.window))
}


def _item(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "unless": entry.unless,
        "additions": _amounts(entry.owed),
        "instead": _amounts(entry.instead),
        "episodes": [
            asdict(episode) | {"key": list(episode.key)} for episode in entry.owed.episodes.values()
        ],
        "bookings": entry.owed.bookings,
    }


def _amounts(owed: PendingWrites) -> list[Any]:
    return [[list(key), amount] for key, amount in owed.additions.items()]


def _additions(amounts: list[Any]) -> dict[CounterKey, int]:
    return {_key(key): int(amount) for key, amount in amounts}


def _key(item: list[Any]) -> CounterKey:
    scope, subject, unit, window, period_start = item
    name = _NAMES[scope, unit, window]
    return CounterKey(name.scope, str(subject), name.unit, name.window, int(period_start))


def _entry(item: dict[str, Any]) -> Entry:
    journals = {str(item["id"])}
    owed = PendingWrites(
        additions=_additions(item["additions"]),
        episodes={
            (key := _key(raw["key"])): Episode(**(raw | {"key": key})) for raw in item["episodes"]
        },
        journals=journals,
        bookings=int(item["bookings"]),
    )
    unless = item["unless"]
    return Entry(
        str(item["id"]),
        owed,
        (str(unless[0]), int(unless[1])) if unless else None,
        PendingWrites(_additions(item["instead"]), journals=set(journals)),
    )
