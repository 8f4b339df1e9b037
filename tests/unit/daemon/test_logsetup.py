"""The thread that writes the log, to a pipe as under systemd."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from sendlimit import maillog
from sendlimit.daemon.logsetup import LogWriter
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
    log.set_level("info")
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
