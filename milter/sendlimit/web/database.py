"""The database behind an event loop: short jobs on a few connections, each with a deadline.

A job runs in a thread that has a connection of its own. A request that has waited for too long is
answered without its result; a job that has not begun by then is never done.
"""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from sendlimit.errors import ChangedMeanwhile, SchemaError, StoreError, StoreUnavailable
from sendlimit.store.connection import open_connection
from sendlimit.store.location import SQLiteLocation
from sendlimit.store.migrations import schema_version
from sendlimit.store.rows import check_version
from sendlimit.web.errors import WebError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sendlimit.store.connection import Connection
    from sendlimit.store.location import Location

T = TypeVar("T")

ANSWER_S = 0.9
"""Within a second a request has an answer, be it 503."""
CONNECTIONS = 4
_FRESH_S = 1.0
"""For so long after its use a connection is taken to be open."""
_WAITING_MAX = 64
"""Requests that may wait for a connection; the next ones are refused."""

DEADLINE: ContextVar[float] = ContextVar("deadline")
"""When the request must have its answer, in time.monotonic()'s seconds."""


def begin_request() -> None:
    """Let the time of a request begin."""
    DEADLINE.set(time.monotonic() + ANSWER_S)


def remaining_s() -> float:
    """Return how long the request may still take."""
    return DEADLINE.get(time.monotonic() + ANSWER_S) - time.monotonic()


class Database:
    """A few connections to the store, one a thread, opened when they are needed.

    `run` belongs to the event loop; `_local` has the connection of each thread.

    Args:
        location: of the store.
        password: of its user.
    """

    def __init__(self, location: Location, password: str) -> None:
        self._location = location
        self._password = password
        self._threads = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="database")
        self._local = threading.local()
        self._running = 0

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Do something with a connection, before the request's deadline.

        Raises:
            WebError: the store is away or does not answer in time, or too many wait for it.
        """
        if self._running >= CONNECTIONS + _WAITING_MAX:
            raise WebError("busy", "too many requests wait for the database", retry_after_s=1)
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._threads, copy_context().run, self._job, work)
        self._running += 1
        future.add_done_callback(self._ended)
        try:
            return await asyncio.wait_for(future, max(0.0, remaining_s()))
        except TimeoutError:
            raise _unavailable("the database does not answer in time") from None
        except ChangedMeanwhile as error:
            raise WebError("changed_meanwhile", str(error)) from error
        except StoreError as error:
            raise _unavailable(str(error)) from error

    def close(self) -> None:
        """Let the threads end; what waits is dropped."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _ended(self, future: asyncio.Future[T]) -> None:
        self._running -= 1
        if not future.cancelled():
            # A job whose request has its answer already has no other reader.
            future.exception()

    def _job(self, work: Callable[[Connection], T]) -> T:
        connection = self._connection()
        try:
            return work(connection)
        except StoreUnavailable:
            self._drop()
            raise

    def _connection(self) -> Connection:
        """Return the thread's connection if it still answers, else a new one."""
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is not None and time.monotonic() > self._local.used_s + _FRESH_S:
            try:
                connection.execute("SELECT 1")
            except StoreError:
                self._drop()
                connection = None
        if connection is None:
            connection = self._open()
            self._local.connection = connection
        self._local.used_s = time.monotonic()
        return connection

    def _open(self) -> Connection:
        location = self._location
        if isinstance(location, SQLiteLocation) and not Path(location.path).exists():
            raise SchemaError(f"{location}: there is no such file: run 'sendlimit db init'")
        connection = open_connection(location, self._password)
        try:
            check_version(schema_version(connection), location)
        except StoreError:
            connection.close()
            raise
        return connection

    def _drop(self) -> None:
        connection: Connection | None = self._local.__dict__.pop("connection", None)
        if connection is not None:
            connection.close()


def _unavailable(reason: str) -> WebError:
    return WebError("store_unavailable", reason, retry_after_s=5)
