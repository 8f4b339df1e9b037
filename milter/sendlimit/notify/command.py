"""A command of the admin's that is run for each notice (notify.command).

It runs as the daemon's user, in a process group of its own, without a shell. What a notice has is in
its environment, SENDLIMIT_MAILBOX and so on, never on a command line. docs/notifications.md has
examples that were tried.

FAILURE: a command that does not end in time, or before the daemon, is killed with all that it has
started. One that fails is not run again, unless its exit code is 75 (EX_TEMPFAIL of sysexits.h).
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sendlimit.notify.host import host_name
from sendlimit.notify.notices import Event
from sendlimit.notify.outbox import DeliveryError, Route
from sendlimit.notify.webhook import document, flat_values
from sendlimit.rules.reply import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sendlimit.notify.notices import Notice
    from sendlimit.rules.window import Calendar

_KEPT = ("PATH", "LANG", "TZ")
"""What the command gets of the daemon's own environment, which may hold secrets."""
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_TRY_AGAIN = 75
_WORDS_MAX = 200
"""Bytes of its standard error in the log."""
_ID = "SENDLIMIT_ID"
"""Variable that all that the command starts has, too: by it what has left its group is found."""
_LOOKS_MAX = 20
"""How often it is looked for processes that are left: those that were found may have forked."""


class _Run(NamedTuple):
    """A command that runs.

    Attributes:
        process: the command, the first of its process group.
        mark: the variable of its environment that no other process has.
    """

    process: subprocess.Popen[bytes]
    mark: bytes

    def kill(self) -> None:
        """Kill it with all that it has started, and wait for its end."""
        # The group is gone when nothing is left in it.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for _ in range(_LOOKS_MAX):
            left = [*self._left()]
            if not left:
                return
            for pid in left:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)

    def _left(self) -> Iterator[int]:
        """Yield the processes with the mark; see proc_pid_environ(5)."""
        for folder in Path("/proc").iterdir():
            if folder.name.isdecimal():
                with suppress(OSError):  # of another user, or it has ended
                    if self.mark in (folder / "environ").read_bytes().split(b"\0"):
                        yield int(folder.name)


@dataclass(frozen=True)
class CommandRoute(Route):
    """Runs a command for every notice, but for those of observe mode.

    Attributes:
        words: the program and its arguments.
        timeout_s: how long it may take.
        calendar: for the sentence.
        running: the command that runs, if one does; the thread that delivers adds and removes it,
            the one that stops the daemon reads.
    """

    name = "command"

    words: Sequence[str]
    timeout_s: float
    calendar: Calendar
    running: list[_Run] = field(default_factory=list, compare=False, repr=False)

    def takes(self, notice: Notice) -> bool:
        """Take what happened: in observe mode a command must lock no one out."""
        return not notice.observe or notice.event is Event.TEST

    def deliver(self, notice: Notice) -> None:
        """Run the command and wait for its end.

        Raises:
            DeliveryError: it could not be run, did not end in time, or failed.
        """
        environment = self._environment(notice)
        with tempfile.TemporaryFile() as words:
            try:
                process = subprocess.Popen(  # noqa: S603 - the admin's own words, no shell
                    self.words,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=words,
                    env=environment,
                    cwd="/",
                    start_new_session=True,
                )
            except OSError as error:
                reason = f"can't be run: {error.strerror}"
                raise DeliveryError(reason, is_permanent=True) from error
            run = _Run(process, f"{_ID}={environment[_ID]}".encode())
            self.running.append(run)
            try:
                code = process.wait(self.timeout_s)
            except subprocess.TimeoutExpired as error:
                reason = f"killed after {self.timeout_s:g} s"
                raise DeliveryError(reason, is_permanent=True) from error
            finally:
                run.kill()  # also what it has left running
                self.running.remove(run)
            if code:
                words.seek(0)
                said = one_line(words.read(_WORDS_MAX).decode("utf-8", "replace"))
                how = f"exit code {code}" if code > 0 else f"signal {-code}"
                raise DeliveryError(
                    f"{how}: {said}" if said else how, is_permanent=code != _TRY_AGAIN
                )

    def abandon(self) -> None:
        """Kill the command that runs; the one that started it may not get to it any more."""
        for run in [*self.running]:
            run.kill()

    def _environment(self, notice: Notice) -> dict[str, str]:
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        values = flat_values(document(notice, self.calendar, host_name()))
        return {"PATH": _PATH, **kept} | {
            f"SENDLIMIT_{key.upper()}": one_line(value) for key, value in values.items()
        }
