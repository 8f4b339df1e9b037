"""A request on its way through the ledger, and the callback that waits for its answer.

State machine; `_end` alone changes the state:

    | state     | step    | then                                            |
    |-----------|---------|-------------------------------------------------|
    | waiting   | answer  | answered: the callback acts on it               |
    | waiting   | abandon | abandoned: the mail is accepted undecided (R11) |
    | answered  | any     | answered; the step returns False                |
    | abandoned | any     | abandoned; the step returns False               |

The callback abandons when its time is up, the committer when no answer will come. Whichever
step is first holds, so a mail is never both decided and accepted undecided.
"""

from __future__ import annotations

import threading
from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sendlimit.counting.batch import Answer
    from sendlimit.rules.decision import Request


class WaiterState(Enum):
    """Where a waiter stands."""

    WAITING = auto()
    ANSWERED = auto()
    ABANDONED = auto()


class Waiter:
    """One request; lives from the callback's asking to the end of its batch.

    Two threads share it: a milter callback and the committer. Its state changes under one lock
    that all waiters share; `wait` holds no lock but its own, a raw one, which is the cheapest
    way to wait for another thread.

    Attributes:
        request: what is asked; never changes.
        result: the answer; None until there is one.
    """

    __slots__ = ("_ended", "_state", "request", "result")

    _mutex = threading.Lock()

    def __init__(self, request: Request) -> None:
        self.request = request
        self.result: Answer | None = None
        self._state = WaiterState.WAITING
        self._ended = threading.Lock()
        self._ended.acquire()

    @property
    def state(self) -> WaiterState:
        """Where it stands; only `waiting` may still change."""
        return self._state

    def wait(self, timeout_s: float) -> bool:
        """Wait for the end of the waiting; return whether it came in time."""
        return self._ended.acquire(timeout=timeout_s)

    def answer(self, answer: Answer) -> bool:
        """Give the answer and wake the callback; return False when it is abandoned already."""
        return self._end(WaiterState.ANSWERED, answer)

    def abandon(self) -> bool:
        """Give up; return False when there is an answer already, which then holds."""
        return self._end(WaiterState.ABANDONED, None)

    def _end(self, state: WaiterState, answer: Answer | None) -> bool:
        with self._mutex:
            if self._state is not WaiterState.WAITING:
                return False
            self.result = answer
            self._state = state
        self._ended.release()
        return True
