"""Writing the log to standard error, through a bounded queue.

FAILURE: a reader of the log that hangs delays no mail and no stop. Lines that the queue has no
room for are dropped, and their number is logged when there is room again.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from logging.handlers import QueueHandler
from typing import TYPE_CHECKING

from sendlimit import maillog

if TYPE_CHECKING:
    import logging

LINES_MAX = 10_000
STOP_S = 2.0
"""How long a stop waits for a reader that hangs."""
_STANDARD_ERROR = 2


class _DroppingHandler(QueueHandler):
    """Puts lines on the queue without waiting for room.

    Attributes:
        dropped: lines that had no room since the last one that had; every thread that logs
            changes it, under the handler's lock.
    """

    dropped = 0

    def enqueue(self, record: logging.LogRecord) -> None:
        """Queue a line, or count it as dropped; log the number of dropped lines when one fits."""
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            self.dropped += 1
            return
        if self.dropped:
            number, self.dropped = self.dropped, 0
            maillog.lines_dropped(number)


class LogWriter:
    """The thread that writes the log; lives as long as the daemon.

    It writes to the descriptor itself: sys.stderr has a lock, for which the interpreter would
    wait at its end while the reader hangs.

    Args:
        descriptor: where lines are written.
        lines_max: lines in the queue; further ones are dropped.
    """

    def __init__(self, descriptor: int = _STANDARD_ERROR, lines_max: int = LINES_MAX) -> None:
        self._descriptor = descriptor
        self._lines: queue.Queue[logging.LogRecord | None] = queue.Queue(lines_max)
        self._handler = _DroppingHandler(self._lines)
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)

    def start(self, level: str) -> None:
        """Write lines of this level and above: debug, info, warning or error."""
        self.set_level(level)
        maillog.logger.propagate = False
        maillog.logger.addHandler(self._handler)
        self._thread.start()

    @staticmethod
    def set_level(level: str) -> None:
        """Change the level."""
        maillog.logger.setLevel(level.upper())

    def stop(self, wait_s: float = STOP_S) -> None:
        """Write the lines that are queued, then end.

        Args:
            wait_s: how long to wait for the reader; lines that it has not taken then are lost.
        """
        maillog.logger.removeHandler(self._handler)
        deadline = time.monotonic() + wait_s
        try:
            self._lines.put(None, timeout=wait_s)
        except queue.Full:
            return
        self._thread.join(max(0.0, deadline - time.monotonic()))

    def _run(self) -> None:
        """Write lines until None comes."""
        while (record := self._lines.get()) is not None:
            line = f"{record.levelname} {record.getMessage()}\n"
            self._write(line.encode("utf-8", "backslashreplace"))

    def _write(self, line: bytes) -> None:
        """Write a line; without a reader it is lost."""
        while line:
            try:
                line = line[os.write(self._descriptor, line) :]
            except OSError:
                return
