"""Where log lines go: standard error, through a bounded queue.

A reader of the log that hangs must not hold up a mail: lines are dropped then, and counted.
"""

from __future__ import annotations

import logging
import queue
import sys
from logging.handlers import QueueHandler, QueueListener
from typing import TYPE_CHECKING

from sendlimit import maillog

if TYPE_CHECKING:
    from typing import TextIO

LINES_MAX = 10_000


class _Dropping(QueueHandler):
    """Puts lines on the queue, never waits for room."""

    dropped = 0

    def enqueue(self, record: logging.LogRecord) -> None:
        """Queue a line, or count it as dropped; say how many once there is room again."""
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            self.dropped += 1
            return
        if self.dropped:
            number, self.dropped = self.dropped, 0
            maillog.lines_dropped(number)


class LogWriter:
    """The thread that writes the log; lives as long as the daemon."""

    def __init__(self, stream: TextIO | None = None) -> None:
        """Write to the stream, standard error by default."""
        handler = logging.StreamHandler(stream or sys.stderr)
        handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
        lines: queue.Queue[logging.LogRecord] = queue.Queue(LINES_MAX)
        self._listener = QueueListener(lines, handler)
        self._handler = _Dropping(lines)

    def start(self, level: str) -> None:
        """Begin to write lines of the level and above."""
        self.set_level(level)
        maillog.logger.propagate = False
        maillog.logger.addHandler(self._handler)
        self._listener.start()

    @staticmethod
    def set_level(level: str) -> None:
        """Change the level: debug, info, warning or error."""
        maillog.logger.setLevel(level.upper())

    def stop(self) -> None:
        """Write what is queued, then end."""
        maillog.logger.removeHandler(self._handler)
        self._listener.stop()
