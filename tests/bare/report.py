"""What script/test-on tells: a line for each step on the terminal, everything in a log."""

import math
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_TAIL_LINES = 60
_UNTIL_THIS_ENDS = ("setpriv", "--pdeathsig", "KILL")
"""Begins a command that ends with this process, however this ends."""

_printing = threading.Lock()


class CannotTryError(Exception):
    """This machine lacks something; the message says what, and what to do."""


class TrialFailedError(Exception):
    """Something did not work in a bare system."""


class TookTooLongError(TrialFailedError):
    """Something did not end in time, and was ended."""


@dataclass
class Report:
    """The log of one suite.

    Attributes:
        suite: "trixie".
        path: of the log.
        prepared_by: time.monotonic() at which it is over, unless a trial has begun.
        done_by: the same for the trials.
        began: whether a bare system has started: from now on what fails is our fault.
    """

    suite: str
    path: Path
    prepared_by: float = math.inf
    done_by: float = math.inf
    began: bool = False

    def left_s(self) -> float:
        """Return how long a program may still run, in seconds."""
        return max((self.done_by if self.began else self.prepared_by) - time.monotonic(), 0)

    def stop(self) -> None:
        """Let no further program run."""
        self.prepared_by = self.done_by = 0

    def say(self, words: str) -> None:
        """Print a line, and log it."""
        with _printing:
            print(f"{self.suite}: {words}", flush=True)
        self.log(f"=== {words}\n")

    def log(self, text: str) -> None:
        """Add to the log."""
        with self.path.open("a") as log:
            log.write(text)

    def tail(self) -> str:
        """Return the end of the log."""
        return "\n".join(self._lines()[-_TAIL_LINES:])

    def last_words(self) -> str:
        """Return the last line that a program has printed, "" if it has printed nothing."""
        last = next((line for line in reversed(self._lines()) if line.strip()), "---")
        return "" if last.startswith(("--- ", "=== ")) else last.strip()

    def _lines(self) -> list[str]:
        return self.path.read_text(errors="replace").splitlines()

    def timed(self, words: str, step: Callable[[], object]) -> None:
        """Do a step and say how long it took."""
        started = time.monotonic()
        step()
        self.say(f"{words}: {time.monotonic() - started:.0f} s")

    def run(
        self,
        *argv: str | Path,
        env: Mapping[str, str] | None = None,
        expected: Sequence[int] = (0,),
        timeout_s: float = 1800,
    ) -> str:
        """Run a program to its end, without input; what it prints is logged and returned.

        Args:
            argv: the program and its arguments.
            env: all its variables; None: this process's.
            expected: exit codes that are not a failure.
            timeout_s: how long it may take; not longer than is left.

        Raises:
            TrialFailedError: it ended in another way.
            TookTooLongError: it did not end in time.
        """
        timeout_s = min(timeout_s, self.left_s())
        self.log(f"--- {' '.join(map(str, argv))}\n")
        begin = self.path.stat().st_size
        with self.path.open("a") as log:
            try:
                done = subprocess.run(
                    [*_UNTIL_THIS_ENDS, *argv],
                    env=env,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    check=False,
                    timeout=timeout_s,
                )
            except subprocess.TimeoutExpired as exc:
                over = "" if self.left_s() else ", when the time of the whole trial was over"
                msg = f"not ended within {timeout_s:.0f} s{over}: {argv[-1]}"
                raise TookTooLongError(msg) from exc
        if self.left_s() == 0:  # and the exit code may be lost: end_children() has taken it
            msg = f"was ended: {argv[-1]}"
            raise TookTooLongError(msg)
        printed = self.path.read_bytes()[begin:].decode(errors="replace")
        if done.returncode not in expected:
            msg = f"exit code {done.returncode}: {str(argv[-1]).splitlines()[0]}"
            raise TrialFailedError(msg)
        return printed
