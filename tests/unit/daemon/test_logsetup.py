"""The thread that writes the log, to a pipe as under systemd."""

import fcntl
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sendlimit import maillog
from sendlimit.daemon.logsetup import LogWriter
from sendlimit.errors import StoreUnavailable
from support.rig.process import wait_for

_ROOM = 4096


@dataclass
class Pipe:
    """A pipe with room for one page, and what was read of it."""

    reading: int
    writing: int

    def read(self) -> list[str]:
        """Return the lines that are there now."""
        os.set_blocking(self.reading, False)
        text = b""
        try:
            while piece := os.read(self.reading, _ROOM):
                text += piece
        except BlockingIOError:
            pass
        return text.decode().splitlines()

    def fill(self) -> None:
        """Leave no room, as when the reader hangs."""
        os.write(self.writing, b"x" * (_ROOM - 1) + b"\n")


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    """An empty pipe."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, _ROOM)
    yield Pipe(reading, writing)
    os.close(reading)
    os.close(writing)


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Leave the program's logger as it was."""
    level, propagate = maillog.logger.level, maillog.logger.propagate
    yield
    maillog.logger.setLevel(level)
    maillog.logger.propagate = propagate


def test_lines_of_the_level_and_above(pipe: Pipe) -> None:
    """A line begins with its level; lines below the level are left out, also after a change."""
    log = LogWriter(pipe.writing)
    log.start("warning")
    maillog.stopping("SIGHUP")
    maillog.restart_needed("store")
    log.configure("info")
    maillog.stopping("SIGTERM")
    log.stop()

    assert pipe.read() == ["WARNING restart-needed key=store", "INFO stopping signal=SIGTERM"]


def test_hanging_reader_delays_no_caller(pipe: Pipe) -> None:
    """While the reader hangs, lines beyond the bound are dropped; their number is logged later."""
    log = LogWriter(pipe.writing, lines_max=2)
    pipe.fill()
    log.start("info")
    for number in range(20):
        maillog.stopping(f"signal-{number}")
    lines = pipe.read()[1:]

    def goes_on() -> bool:
        maillog.stopping("later")
        lines.extend(pipe.read())
        return any(line.startswith("WARNING lines-dropped number=") for line in lines)

    wait_for(goes_on, 20, "the number of dropped lines")
    log.stop()
    kept = [line for line in lines if line.startswith("INFO stopping signal=signal-")]
    assert kept[:2] == ["INFO stopping signal=signal-0", "INFO stopping signal=signal-1"]
    assert 2 <= len(kept) <= 4


def test_hanging_reader_delays_no_stop() -> None:
    """A program whose log is not read ends all the same, and in time."""
    code = """
from sendlimit import maillog
from sendlimit.daemon.logsetup import LogWriter
log = LogWriter()
log.start("info")
for number in range(4000):
    maillog.stopping(f"signal-with-a-long-name-{number}")
log.stop(0.1)
"""
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) as program:
        assert program.wait(30) == 0


def test_stop_with_a_full_queue(pipe: Pipe) -> None:
    """A queue without room for the end is given up when the time is over."""
    log = LogWriter(pipe.writing, lines_max=2)
    pipe.fill()
    log.start("info")
    for number in range(9):
        maillog.stopping(f"signal-{number}")
    log.stop(0.05)

    assert set(os.read(pipe.reading, _ROOM)) == set(b"x\n"), "the reader had taken nothing"
    log.stop()


def test_no_reader() -> None:
    """Lines that nothing reads any more are lost without an error."""
    reading, writing = os.pipe()
    os.close(reading)
    log = LogWriter(writing)
    log.start("info")
    maillog.stopping("SIGTERM")
    log.stop()
    os.close(writing)


def test_stop_writes_what_is_queued(pipe: Pipe) -> None:
    """Lines that were logged before the end are written; later ones are not."""
    log = LogWriter(pipe.writing)
    log.start("info")
    for number in range(50):
        maillog.stopping(f"signal-{number}")
    log.stop()
    maillog.stopping("too late")

    assert len(pipe.read()) == 50


def test_priorities_for_the_journal(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where standard error is the journal, each line has the priority that journalctl -p looks at."""
    status = os.fstat(2)
    monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
    log = LogWriter(pipe.writing)
    log.start("debug", syslog=True)
    maillog.store_down(StoreUnavailable("gone"))
    maillog.restart_needed("store")
    maillog.stopping("SIGTERM")
    maillog.accepted("a", "b", "c", "d", 1)
    maillog.logger.error("%s", "Traceback:\n  line")
    log.stop()

    assert [line[: line.index(" ")] for line in pipe.read()] == [
        "<3>ERROR", "<4>WARNING", "<6>INFO", "<7>DEBUG", "<3>ERROR", "<3>",
    ]  # fmt: skip


@pytest.mark.parametrize("journal", ["", "1:2", "nonsense", "7"])
def test_another_journal(pipe: Pipe, monkeypatch: pytest.MonkeyPatch, journal: str) -> None:
    """A variable that was left by another service makes no marks."""
    monkeypatch.setenv("JOURNAL_STREAM", journal)
    log = LogWriter(pipe.writing)
    log.start("info")
    maillog.stopping("SIGTERM")
    log.stop()

    assert pipe.read() == ["INFO stopping signal=SIGTERM"]


@pytest.fixture
def syslog(folder: Path) -> Iterator[socket.socket]:
    """The socket of a syslog daemon."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(folder / "log"))
        server.settimeout(20)
        yield server


def test_syslog(pipe: Pipe, syslog: socket.socket) -> None:
    """Without the journal each line goes to syslog, too: facility mail, priority, program, text."""
    log = LogWriter(pipe.writing, syslog=str(syslog.getsockname()))
    log.start("info", syslog=True)
    maillog.store_down(StoreUnavailable("gone"))
    maillog.stopping("SIGTERM")
    log.stop()

    own = f"sendlimit[{os.getpid()}]: "
    mail = 2 << 3
    assert syslog.recv(999).decode() == f"<{mail + 3}>{own}ERROR store-down error=gone"
    assert syslog.recv(999).decode() == f"<{mail + 6}>{own}INFO stopping signal=SIGTERM"
    assert pipe.read() == ["ERROR store-down error=gone", "INFO stopping signal=SIGTERM"]


def test_syslog_that_comes_later(pipe: Pipe, folder: Path) -> None:
    """Lines without a syslog are only on standard error; it gets those after its start."""
    log = LogWriter(pipe.writing, syslog=str(folder / "log"))
    log.start("info", syslog=True)
    maillog.stopping("first")
    lines: list[str] = []

    def has_come() -> bool:
        lines.extend(pipe.read())
        return bool(lines)

    wait_for(has_come, 20, "the first line")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(folder / "log"))
        server.settimeout(20)
        maillog.stopping("second")
        while not server.recv(999).decode().endswith("INFO stopping signal=second"):
            pass
    maillog.stopping("third")
    log.stop()
    assert len(lines + pipe.read()) == 3
