"""The thread that suspends logins (R17), and the watch over what the sessions see of them.

A callback only tells; the thread has a connection of its own and writes as the command
`sendlimit suspend` does, so that each daemon on the database refuses from then on. Until then this
one refuses by itself: fifty clients send much in the time that a transaction takes.

FAILURE: while the database is away a suspension waits and is tried again, and holds in this daemon.
A daemon that stops loses what waits, and a restart forgets what was seen.
"""

from __future__ import annotations

import threading
import time
from queue import SimpleQueue
from typing import TYPE_CHECKING

from sendlimit import maillog
from sendlimit.errors import StoreError
from sendlimit.rules.suspicion import Suspicion
from sendlimit.store.changes import Author, wait_until_heard
from sendlimit.store.suspensions import suspend

if TYPE_CHECKING:
    from collections.abc import Callable

    from sendlimit.counting.events import Events
    from sendlimit.rules.mailbox import Sender
    from sendlimit.rules.suspicion import SuspendRule, Suspension
    from sendlimit.store.connection import Connection

RETRY_S = 1.0
WHO = "sendlimit"
"""Who has suspended, as the tables have it."""


class Suspender:
    """Watches logins and suspends them; lives as long as the daemon.

    Callbacks tell it, under `_mutex`; the thread takes from the queue; the main thread calls use()
    and stop().

    Args:
        connect: opens a connection; raises StoreError.
        events: is told of each suspension.
        clock: seconds since 1970.
        retry_s: before the database is tried again.

    Attributes:
        watches_clients: whether sent() has something to look at.
        waiting: mailboxes whose suspension is decided and not yet in the tables; changed under
            `_mutex`, read by callbacks without it.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        events: Events,
        clock: Callable[[], float] = time.time,
        retry_s: float = RETRY_S,
    ) -> None:
        self.watches_clients = False
        self.waiting: set[str] = set()
        self._connect = connect
        self._events = events
        self._clock = clock
        self._retry_s = retry_s
        self._mutex = threading.Lock()
        self._suspicion: Suspicion | None = None
        self._queue: SimpleQueue[Suspension | None] = SimpleQueue()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def use(self, rule: SuspendRule | None) -> None:
        """Watch by another rule; None: suspend nothing. A changed rule begins to count anew."""
        with self._mutex:
            if rule is None:
                self._suspicion = None
                self.waiting.clear()
            elif self._suspicion is None or self._suspicion.rule != rule:
                self._suspicion = Suspicion(rule)
        self.watches_clients = rule is not None and rule.after_client_addresses is not None
        if rule is not None and self._thread is None:
            self._thread = threading.Thread(target=self._run, name="suspend", daemon=True)
            self._thread.start()

    def refused(self, sender: Sender, client: str) -> None:
        """Take a refusal by a limit of the mailbox."""
        with self._mutex:
            if self._suspicion is not None and sender.mailbox not in self.waiting:
                self._queue_it(self._suspicion.refused(sender, client, int(self._clock())))

    def sent(self, sender: Sender, client: str) -> None:
        """Take a mail that passed MAIL."""
        with self._mutex:
            if self._suspicion is not None and sender.mailbox not in self.waiting:
                self._queue_it(self._suspicion.sent(sender, client, int(self._clock())))

    def stop(self) -> None:
        """Let the thread end."""
        self._stopping.set()
        self._queue.put(None)

    def _queue_it(self, suspension: Suspension | None) -> None:
        if suspension is None:
            return
        if not suspension.observe:
            self.waiting.add(suspension.sender.mailbox)
        self._queue.put(suspension)

    def _run(self) -> None:
        while (suspension := self._queue.get()) is not None:
            try:
                if suspension.observe or self._suspend(suspension):
                    self._events.suspended(suspension)
            except Exception:  # noqa: BLE001 - the thread's boundary
                self._events.fault("suspend")
            finally:
                with self._mutex:
                    self.waiting.discard(suspension.sender.mailbox)

    def _suspend(self, suspension: Suspension) -> bool:
        """Write it, however often it takes; return False when the daemon stops before it is done."""
        is_reported = False
        while not self._stopping.is_set():
            try:
                connection = self._connect()
                try:
                    made = suspend(
                        connection,
                        suspension.sender.mailbox,
                        suspension.until,
                        suspension.why,
                        Author(WHO, "daemon", suspension.at),
                    )
                    # A daemon that decides from memory grants until it has heard.
                    wait_until_heard(connection, made, time.monotonic, time.sleep)
                finally:
                    connection.close()
            except StoreError as error:
                if not is_reported:
                    is_reported = True
                    maillog.suspend_failed(suspension.sender.mailbox, error)
                self._stopping.wait(self._retry_s)
            else:
                return True
        return False
