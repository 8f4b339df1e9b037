"""What all milter sessions of a daemon share."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from sendlimit.counting.events import Witness
    from sendlimit.counting.ledger import Ledger
    from sendlimit.daemon.session_settings import Conduct


class Desk:
    """What all sessions share; lives as long as the daemon."""

    def __init__(
        self,
        ledger: Ledger,
        conduct: Conduct,
        witness: Witness,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Take the parts."""
        self.ledger = ledger
        self.conduct = conduct
        self.witness = witness
        self.clock = clock
        self.busy: set[object] = set()
