"""The thread that works out the learned limits once a day (R15).

It looks at all counters of 35 days and writes what has changed, on a connection of its own and as
`sendlimit learn` does. Several daemons on one database come to the same limits, and the second
one finds nothing to change.

FAILURE: while the database is away it tries again; the limits of the day before hold meanwhile.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from sendlimit import maillog
from sendlimit.errors import StoreError
from sendlimit.onboarding.learning import learn_limits, names_to_learn, write_learned
from sendlimit.rules.window import Window
from sendlimit.store.changes import Author
from sendlimit.store.rules_in_force import lasting_rules

if TYPE_CHECKING:
    from collections.abc import Callable

    from sendlimit.rules.counting_settings import CountingSettings
    from sendlimit.store.connection import Connection

SETTLE_S = 300
"""After the beginning of a day: what was sent before has been counted by then."""
RETRY_S = 60.0
_WHO = Author("sendlimit", "daemon", 0)


class Learner:
    """Learns at the start, at a reload that changes the limits, and after the beginning of each day.

    The main thread calls use() and stop(), the thread reads what they left.

    Args:
        connect: opens a connection; raises StoreError.
        clock: seconds since 1970.
        retry_s: before the database is tried again.
        look_s: how long the thread sleeps at most; a clock may be set meanwhile.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        clock: Callable[[], float] = time.time,
        retry_s: float = RETRY_S,
        look_s: float = RETRY_S,
    ) -> None:
        self._connect = connect
        self._clock = clock
        self._retry_s = retry_s
        self._look_s = look_s
        self._settings: CountingSettings | None = None
        self._learned: tuple[CountingSettings, int] | None = None
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def use(self, settings: CountingSettings) -> None:
        """Learn what these settings want to be learned."""
        self._settings = settings
        if self._thread is None and names_to_learn(settings.file):
            self._thread = threading.Thread(target=self._run, name="learn", daemon=True)
            self._thread.start()
        self._wake.set()

    def stop(self) -> None:
        """Let the thread end."""
        self._stopping.set()
        self._wake.set()

    def _run(self) -> None:
        pause_s = 0.0
        while not self._stopping.is_set():
            self._wake.wait(pause_s)
            self._wake.clear()
            pause_s = self._look_s
            settings = self._settings
            if self._stopping.is_set() or settings is None:
                continue
            at = int(self._clock())
            day = settings.calendar.period(Window.DAY, at - SETTLE_S).start
            if self._learned == (settings, day) or not names_to_learn(settings.file):
                continue
            try:
                self._learn(settings, at)
                self._learned = (settings, day)
            except StoreError as error:
                maillog.learn_failed(error)
                pause_s = self._retry_s
            except Exception:  # noqa: BLE001 - the thread's boundary
                maillog.fault("learn")
                self._learned = (settings, day)

    def _learn(self, settings: CountingSettings, at: int) -> None:
        connection = self._connect()
        try:
            rules = lasting_rules(connection, settings.file.file)
            found = learn_limits(connection, rules, settings.calendar, at)
            for _ in write_learned(connection, found, _WHO._replace(at=at)):
                if self._stopping.is_set():
                    return
        finally:
            connection.close()
        changed = sum(one.is_changed for one in found)
        maillog.limits_learned(len(found), changed)
