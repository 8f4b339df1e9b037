"""A command of the admin's that is run for each notice (notify.command).

It runs as the daemon's user, in a process group of its own, without a shell. What a notice has is in
its environment, SENDLIMIT_MAILBOX and so on, never on a command line. docs/notifications.md has
examples that were tried.

FAILURE: a command that does not end in time is killed with all that it has started. One that fails
is not run again, unless its exit code is 75 (EX_TEMPFAIL of sysexits.h).
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sendlimit.notify.host import host_name
from sendlimit.notify.notices import Event
from sendlimit.notify.outbox import DeliveryError, Route
from sendlimit.notify.webhook import document, flat_values
from sendlimit.rules.reply import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sendlimit.notify.notices import Notice
    from sendlimit.rules.window import Calendar

_KEPT = ("PATH", "LANG", "TZ")
"""What the command gets of the daemon's own environment, which may hold secrets."""
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_TRY_AGAIN = 75
_WORDS_MAX = 200
"""Bytes of its standard error in the log."""


@dataclass(frozen=True)
class CommandRoute(Route):
    """Runs a command for every notice, but for those of observe mode.

    Attributes:
        words: the program and its arguments.
        timeout_s: how long it may take.
        calendar: for the sentence.
    """

    name = "command"

    words: Sequence[str]
    timeout_s: float
    calendar: Calendar

    def takes(self, notice: Notice) -> bool:
        """Take what happened: in observe mode a command must lock no one out."""
        return not notice.observe or notice.event is Event.TEST

    def deliver(self, notice: Notice) -> None:
        """Run the command and wait for its end.

        Raises:
            DeliveryError: it could not be run, did not end in time, or failed.
        """
        with tempfile.TemporaryFile() as words:
            try:
                process = subprocess.Popen(  # noqa: S603 - the admin's own words, no shell
                    self.words,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=words,
                    env=self._environment(notice),
                    cwd="/",
                    start_new_session=True,
                )
            except OSError as error:
                reason = f"can't be run: {error.strerror}"
                raise DeliveryError(reason, is_permanent=True) from error
            try:
                code = process.wait(self.timeout_s)
            except subprocess.TimeoutExpired as error:
                reason = f"killed after {self.timeout_s:g} s"
                raise DeliveryError(reason, is_permanent=True) from error
            finally:
                # Also what it has left running; the group is gone when nothing is left.
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            if code:
                words.seek(0)
                said = one_line(words.read(_WORDS_MAX).decode("utf-8", "replace"))
                how = f"exit code {code}" if code > 0 else f"signal {-code}"
                raise DeliveryError(
                    f"{how}: {said}" if said else how, is_permanent=code != _TRY_AGAIN
                )

    def _environment(self, notice: Notice) -> dict[str, str]:
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        values = flat_values(document(notice, self.calendar, host_name()))
        return {"PATH": _PATH, **kept} | {
            f"SENDLIMIT_{key.upper()}": one_line(value) for key, value in values.items()
        }
