"""What is measured: a running server that answers mails, however it is built."""

from collections.abc import Callable
from dataclasses import dataclass, field

from bench import footprint, load

LIMIT_PER_DAY = 1000
"""What every contender allows a mailbox a day."""


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A server that decides about mails; it runs as long as its context manager is open.

    Attributes:
        name: for tables.
        address: where the load generator finds it.
        daemon: process id; its descendants belong to it.
        store: process id of the database server behind it; None: it has none.
        load_options: options that the load generator always needs for it.
        begun_s: when its daemon was started, of the monotonic clock.
        counted: returns how many mails its store has counted so far; None: it keeps no such number.
        lines: returns the lines of its log that match a pattern.
    """

    name: str
    address: str
    daemon: int
    store: int | None = None
    load_options: dict[str, float | str | bool] = field(default_factory=dict)
    begun_s: float = 0
    counted: Callable[[], int] | None = None
    lines: Callable[[str], list[str]] = lambda _pattern: []

    def run(self, *, seconds: float, **values: float | str | bool) -> load.LoadResult:
        """Put load on it; values are options of the load generator."""
        return load.run(self.address, seconds=seconds, **(values | self.load_options))

    def cpu_s(self) -> tuple[float, float]:
        """Return the CPU seconds so far of the daemon and of its store."""
        store_s = footprint.cpu_s(self.store) if self.store is not None else 0.0
        return footprint.cpu_s(self.daemon), store_s
