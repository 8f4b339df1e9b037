"""Counts that were not booked when the daemon stopped, kept in state_dir (R11).

One file, written at a clean stop while the database was away, booked at the next start. Each
entry has an id that goes into er_committer with the booking, so that it is booked once.
"""

from __future__ import annotations

import contextlib
import json
import uuid
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from sendlimit.counting.pending import PendingWrites
from sendlimit.files import read_octets, replace_file
from sendlimit.rules.episode import Episode
from sendlimit.rules.limit import KNOWN_NAMES, LATCH, CounterKey, LimitName

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class UnbookedEntry:
    """What one stop left to be booked.

    Attributes:
        id: unique; a row in er_committer says that it is booked.
        pending: what to book.
        unless: (committer, batch): a batch whose outcome was unknown; if it was committed, `instead` is booked.
        instead: what undoes that batch's answers to callbacks that had left.
    """

    id: str
    pending: PendingWrites
    unless: tuple[str, int] | None = None
    instead: PendingWrites = field(default_factory=PendingWrites)


MOST_OCTETS = 512 << 20
"""Of the file: a million counters have some 130 MB."""


def new_id() -> str:
    """Return an id that no other daemon start has."""
    return uuid.uuid4().hex


class UnbookedFile:
    """The file of unbooked counts in state_dir; the committer's thread alone uses it."""

    NAME = "unbooked.json"

    def __init__(self, state_dir: Path) -> None:
        """Take the directory; reads and writes later."""
        self.path = state_dir / self.NAME

    def load(self) -> list[UnbookedEntry]:
        """Return what an earlier stop left.

        Raises:
            ValueError: the file is damaged or can't be read; it was put aside as
                unbooked.json.damaged, so that the next stop does not write over it.
        """
        try:
            document = json.loads(read_octets(self.path, MOST_OCTETS).decode())
        except FileNotFoundError:
            return []
        except (OSError, ValueError, RecursionError) as error:
            self._put_aside()
            raise ValueError(f"{self.path}: {error}") from error
        try:
            return [_entry(item) for item in document["entries"]]
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            self._put_aside()
            raise ValueError(f"{self.path}: not as written by sendlimit: {error!r}") from error

    def save(self, entries: list[UnbookedEntry]) -> None:
        """Write the file anew, or remove it when there is nothing to keep."""
        if not entries:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                self.path.unlink()
            return
        content = json.dumps({"entries": [_item(entry) for entry in entries]})
        # Who sent how much is private, whatever the umask says.
        replace_file(self.path, content.encode(), 0o600, sync=True)

    def _put_aside(self) -> None:
        # Where even that can't be done, the next stop can't write over it either.
        with contextlib.suppress(OSError):
            self.path.replace(self.path.with_suffix(".json.damaged"))


_NAMES = {
    tuple(map(str, name)): name
    for name in (*KNOWN_NAMES, LimitName(LATCH.scope, LATCH.unit, LATCH.window))
}


def _item(entry: UnbookedEntry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "unless": entry.unless,
        "additions": _amounts(entry.pending),
        "instead": _amounts(entry.instead),
        "episodes": [
            asdict(episode) | {"key": list(episode.key)}
            for episode in entry.pending.episodes.values()
        ],
        "bookings": entry.pending.bookings,
    }


def _amounts(pending: PendingWrites) -> list[Any]:
    return [[list(key), amount] for key, amount in pending.additions.items()]


def _additions(amounts: list[Any]) -> dict[CounterKey, int]:
    return {_key(key): int(amount) for key, amount in amounts}


def _key(item: list[Any]) -> CounterKey:
    scope, subject, unit, window, period_start = item
    name = _NAMES[scope, unit, window]
    return CounterKey(name.scope, str(subject), name.unit, name.window, int(period_start))


def _entry(item: dict[str, Any]) -> UnbookedEntry:
    ids = {str(item["id"])}
    pending = PendingWrites(
        additions=_additions(item["additions"]),
        episodes={
            (key := _key(raw["key"])): Episode(**(raw | {"key": key})) for raw in item["episodes"]
        },
        unbooked=ids,
        bookings=int(item["bookings"]),
    )
    unless = item["unless"]
    return UnbookedEntry(
        str(item["id"]),
        pending,
        (str(unless[0]), int(unless[1])) if unless else None,
        PendingWrites(_additions(item["instead"]), unbooked=set(ids)),
    )
