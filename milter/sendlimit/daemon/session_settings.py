"""What the config file says about milter sessions. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sendlimit.rules.reply import Wording
    from sendlimit.rules.window import Calendar


@dataclass(frozen=True, slots=True)
class Conduct:
    """What the config file says about sessions; replaced when the file is loaded again.

    Attributes:
        calendar: for the times in refusals.
        wording: of refusals.
        default_domain: for logins without a domain.
        exempt: mailboxes that are never counted, normalised.
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
