"""Which windows have counters at all: asked of the database once a second, not by each request."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sendlimit.store.usage import windows_counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from sendlimit.rules.window import Window
    from sendlimit.store.connection import Connection

_KEPT_S = 1.0


class CountedWindows:
    """What was found last; threads share it, and each replaces it as a whole.

    Args:
        clock: seconds of a clock that only goes forward.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._found: tuple[float, frozenset[Window]] = (clock() - _KEPT_S, frozenset())

    def get(self, connection: Connection) -> frozenset[Window]:
        """Return the windows of which anything was counted, as they were a second ago or later."""
        looked_s, found = self._found
        now_s = self._clock()
        if now_s - looked_s >= _KEPT_S:
            found = windows_counted(connection)
            self._found = (now_s, found)
        return found
