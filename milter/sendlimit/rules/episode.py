"""Refusals of one counter in one period, merged (R13). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sendlimit.rules.limit import CounterKey


@dataclass(slots=True)
class Episode:
    """The refusals of one counter in one period (R13).

    Attributes:
        key: the counter, or for recipients_per_message a key of window message.
        limit: the limit's value at the last attempt.
        first_at, last_at: seconds since 1970.
        attempts: how many refusals these are, >= 1.
        last_client_addr, last_sender, last_mailbox: of the last attempt.
    """

    key: CounterKey
    limit: int
    first_at: int
    last_at: int
    attempts: int
    last_client_addr: str
    last_sender: str
    last_mailbox: str

    def merge(self, later: Episode) -> None:
        """Take in a later episode of the same key."""
        self.limit = later.limit
        self.first_at = min(self.first_at, later.first_at)
        self.last_at = max(self.last_at, later.last_at)
        self.attempts += later.attempts
        self.last_client_addr = later.last_client_addr
        self.last_sender = later.last_sender
        self.last_mailbox = later.last_mailbox
