"""Threads of which exactly one runs at a time: the code that is tested waits as it is written."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_DEADLINE_S = 60


class Killed(BaseException):
    """The process of this thread was killed."""


def _at_once() -> bool:
    return True


class Actor:
    """One thread of a simulated process.

    Attributes:
        condition: what it waits for; asked by the scheduler.
        done: it has ended.
    """

    def __init__(self, work: Callable[[], None]) -> None:
        self.condition: Callable[[], bool] = _at_once
        self.done = False
        self.error: BaseException | None = None
        self._work = work
        self._is_killed = False
        self._go = threading.Semaphore(0)
        self._back = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def resume(self) -> None:
        """Let it run until it waits again; raise what ended it."""
        self._go.release()
        assert self._back.acquire(timeout=_DEADLINE_S), "the code under test waits in earnest"
        if self.error is not None:
            raise self.error

    def wait(self, condition: Callable[[], bool]) -> None:
        """Called by its own thread: let others run until the condition holds.

        Raises:
            Killed: the process was killed meanwhile.
        """
        self.condition = condition
        self._back.release()
        self._go.acquire()
        if self._is_killed:
            raise Killed

    def kill(self) -> None:
        """End it where it waits."""
        if not self.done:
            self._is_killed = True
            self.resume()
            self._thread.join()

    def _run(self) -> None:
        self._go.acquire()
        try:
            if not self._is_killed:
                self._work()
        except Killed:
            pass
        except BaseException as error:  # noqa: BLE001 - raised again in the scheduler
            self.error = error
        self.done = True
        self._back.release()
