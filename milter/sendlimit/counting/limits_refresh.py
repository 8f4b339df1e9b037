"""Once a second while mail flows: which limits are in force, and what the views are told of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendlimit.errors import StoreConflict, StoreError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from sendlimit.counting.events import Events
    from sendlimit.counting.ledger import Ledger
    from sendlimit.counting.write_behind import WriteBehind
    from sendlimit.rules.counting_settings import Publication
    from sendlimit.store import Store

REFRESH_S = 1.0
"""How old the knowledge of the limits in the database may be while mail flows."""


class LimitsRefresh:
    """Reads which limits are in force, publishes the file's; the committer's thread alone uses it.

    Args:
        ledger: is told which names are limited.
        store: the database.
        write_behind: while this daemon holds the lease, memory has all rows of er_limit.
        events: is told what fails.
        clock: seconds since 1970.
        uptime: CLOCK_BOOTTIME in s.
    """

    def __init__(  # noqa: PLR0913 - the parts, each by its own name
        self,
        *,
        ledger: Ledger,
        store: Store,
        write_behind: WriteBehind,
        events: Events,
        clock: Callable[[], float],
        uptime: Callable[[], float],
    ) -> None:
        self._ledger = ledger
        self._store = store
        self._write_behind = write_behind
        self._events = events
        self._clock = clock
        self._uptime = uptime
        self._due_at = 0.0
        self._published: Publication | None = None

    def on_new_connection(self) -> None:
        """Refresh at once; the database may be another one than before.

        Raises:
            StoreError: the database is away.
        """
        self._published = None
        self._refresh()

    def when_due(self, now: float) -> None:
        """Refresh when it is time; a connection that was closed while idle is opened again.

        Args:
            now: CLOCK_BOOTTIME in s.

        Raises:
            StoreError: the database is away.
        """
        if now < self._due_at:
            return
        try:
            self._refresh()
        except StoreUnavailable:
            self._store.close()
            self._store.connect()
            self._refresh()

    def _refresh(self) -> None:
        at = int(self._clock())
        try:
            known = self._store.names_in_force(at)
            if known != self._ledger.known_names:
                self._ledger.learn(known)
            publication = self._ledger.settings.publication(at)
            if publication != self._published:
                self._publish(publication)
            if self._ledger.lease.holds:
                self._write_behind.refresh_limits()
            self._due_at = self._uptime() + REFRESH_S
        except StoreConflict as error:
            self._store.rollback()
            self._events.batch_retried(error)

    def _publish(self, publication: Publication) -> None:
        """Tell the views the file's limits; only a lost connection may stop the counting."""
        try:
            self._store.publish(publication)
        except (StoreUnavailable, StoreConflict):
            raise
        except StoreError as error:
            self._store.rollback()
            self._events.publishing_failed(error)
        self._published = publication
