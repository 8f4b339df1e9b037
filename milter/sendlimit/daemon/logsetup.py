"""Writing the log to standard error and to syslog, through a bounded queue.

Each line has a priority. The journal, where standard error ends there, takes it from "<3>" before
the line and the facility from the unit (SyslogFacility=mail); else the line also goes to syslog
with facility mail, where Postfix logs.

FAILURE: a reader of the log that hangs delays no mail and no stop. Lines that the queue has no
room for are dropped, and their number is logged when there is room again.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from logging.handlers import QueueHandler, SysLogHandler

from sendlimit import maillog

LINES_MAX = 10_000
SYSLOG = "/dev/log"
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


class _Syslog(SysLogHandler):
    """Sends lines to syslog; without one that takes them they are lost.

    Args:
        address: of its socket.

    Raises:
        OSError: there is no syslog.
    """

    def __init__(self, address: str) -> None:
        super().__init__(address, SysLogHandler.LOG_MAIL)
        self.ident = f"sendlimit[{os.getpid()}]: "
        self.append_nul = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own
        """Lose the line."""


class LogWriter:
    """The thread that writes the log; lives as long as the daemon.

    It writes to the descriptor itself: sys.stderr has a lock, for which the interpreter would
    wait at its end while the reader hangs.

    Args:
        descriptor: where lines are written.
        lines_max: lines in the queue; further ones are dropped.
        syslog: its socket.
    """

    def __init__(
        self,
        descriptor: int = _STANDARD_ERROR,
        lines_max: int = LINES_MAX,
        syslog: str = SYSLOG,
    ) -> None:
        self._descriptor = descriptor
        self._address = syslog
        self._is_journal = maillog.stderr_is_journal()
        self._wants_syslog = False
        self._syslog: _Syslog | None = None
        self._lines: queue.Queue[logging.LogRecord | None] = queue.Queue(lines_max)
        self._handler = _DroppingHandler(self._lines)
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)

    def start(self, level: str, *, syslog: bool = False) -> None:
        """Write lines from now on; arguments as in `configure`."""
        self.configure(level, syslog=syslog)
        maillog.logger.propagate = False
        maillog.logger.addHandler(self._handler)
        self._thread.start()

    def configure(self, level: str, *, syslog: bool = False) -> None:
        """Change what is written.

        Args:
            level: the lowest one: debug, info, warning or error.
            syslog: to syslog, too, unless standard error is the journal.
        """
        self._wants_syslog = syslog and not self._is_journal
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
            text = f"{record.levelname} {record.getMessage()}"
            for line in text.splitlines():
                self._write_line(line, record.levelno)
        if self._syslog is not None:
            self._syslog.close()

    def _write_line(self, line: str, level: int) -> None:
        mark = f"<{maillog.PRIORITIES[level]}>" if self._is_journal else ""
        self._write(f"{mark}{line}\n".encode("utf-8", "backslashreplace"))
        if self._wants_syslog and (syslog := self._open_syslog()) is not None:
            values = {"levelno": level, "levelname": logging.getLevelName(level), "msg": line}
            syslog.emit(logging.makeLogRecord(values))

    def _open_syslog(self) -> _Syslog | None:
        if self._syslog is None:
            try:
                self._syslog = _Syslog(self._address)
            except OSError:
                return None
        return self._syslog

    def _write(self, line: bytes) -> None:
        """Write a line; without a reader it is lost."""
        while line:
            try:
                line = line[os.write(self._descriptor, line) :]
            except OSError:
                return
