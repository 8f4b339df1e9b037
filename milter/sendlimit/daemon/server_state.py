"""What all milter sessions of a daemon share: the ledger, the settings, who is told, the clock."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from sendlimit.counting.events import Events
    from sendlimit.counting.ledger import Ledger
    from sendlimit.rules.mailbox import Sender
    from sendlimit.rules.reply import Wording
    from sendlimit.rules.window import Calendar


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """What the config file says about sessions; replaced when the file is loaded again.

    Attributes:
        calendar: for the times in refusals.
        wording: of refusals.
        default_domain: for logins without a domain.
        exempt: mailboxes that are never counted, and domains with "@" before them.
        refuse_at_end: refusals wait for end-of-message (reply.at).
        tempfail: refuse what can't be decided (store.on_failure).
        data_callback: ask for `data`, which cures a 40 ms stall on inet sockets.
    """

    calendar: Calendar
    wording: Wording
    default_domain: str = ""
    exempt: frozenset[str] = frozenset()
    refuse_at_end: bool = False
    tempfail: bool = False
    data_callback: bool = False

    def is_exempt(self, sender: Sender) -> bool:
        """Say whether a sender's mail is never counted."""
        return bool(self.exempt) and (
            sender.mailbox in self.exempt or f"@{sender.domain}" in self.exempt
        )


class ServerState:
    """What all sessions share; lives as long as the daemon."""

    def __init__(
        self,
        ledger: Ledger,
        conduct: SessionSettings,
        events: Events,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Take the parts."""
        self.ledger = ledger
        self.conduct = conduct
        self.events = events
        self.clock = clock
        self.busy: set[object] = set()
