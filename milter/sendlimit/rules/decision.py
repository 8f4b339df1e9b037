"""What is asked about a mail, and what is decided: values only. Pure.

Rules R3, R6, R7 and R9 of docs/limits.md; `policy` decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from sendlimit.rules.limit import Charge, CounterKey, Limit, Unit
from sendlimit.rules.rolling import frees_up
from sendlimit.rules.window import Window

if TYPE_CHECKING:
    from sendlimit.rules.mailbox import Sender
    from sendlimit.rules.rolling import Counts
    from sendlimit.rules.window import Period


class Request(NamedTuple):
    """A request to the ledger about one mail.

    Attributes:
        sender: whose mail.
        at: the moment of the callback, seconds since 1970.
        recipients: 0 at MAIL (reserve the message), or the accepted RCPT commands at
            end-of-message (charge the recipients, R9).
        reserved: what the mail has reserved; given back when the answer is no (R9).
        external: of the recipients, those that Postfix does not deliver on this server (R18).
    """

    sender: Sender
    at: int
    recipients: int = 0
    reserved: tuple[Charge, ...] = ()
    external: int = 0

    def amount(self, unit: Unit) -> int:
        """Return what this request charges of a unit."""
        if unit is Unit.MESSAGES:
            return 0 if self.recipients else 1
        return amount_at_end(unit, self.recipients, self.external)


def amount_at_end(unit: Unit, recipients: int, external: int) -> int:
    """Return what a mail with so many recipients, some external, is charged of a unit at its end."""
    if unit is Unit.RECIPIENTS:
        return recipients
    return external if unit is Unit.EXTERNAL_RECIPIENTS else min(1, external)


class LimitUsage(NamedTuple):
    """A limit that a mail would pass.

    Attributes:
        limit: the limit.
        key: its counter in the running period.
        used: the count before this mail, >= 0.
        period: the running period; its end is when the counter frees up.
        steps: of a rolling window (R19), what was used when; key and period are then those that
            its refusals are merged by.
        amount: what the mail would add.
    """

    limit: Limit
    key: CounterKey
    used: int
    period: Period
    steps: Counts = ()
    amount: int = 1

    @property
    def resets_at(self) -> int | None:
        """The moment from which mail passes again, seconds since 1970.

        None: no moment helps, as the limit is 0 or is about one mail.
        """
        window, most = self.limit.name.window, self.limit.max
        if window is Window.MESSAGE or not most:
            return None
        at = frees_up(window, self.steps, most, self.amount) if self.steps else None
        return self.period.end if at is None else at


class UsageChange(NamedTuple):
    """A counter with a limit, before and after a charge: what warnings are made from.

    The last three are as in LimitUsage, with the charge.
    """

    limit: Limit
    key: CounterKey
    before: int
    after: int
    period: Period
    steps: Counts = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided about one mail, and everything that is needed to act on it.

    Attributes:
        charges: what to add; empty when refused (R6).
        exceeded: the limit to name in the answer (R7); None when no limit is passed.
        refused: False in observe mode, also when a limit is exceeded.
        recipient_usage: after a reservation, the limits on recipients and what is used of them.
        counts_recipients: whether the end of the mail has recipients to charge.
        counts_external: whether it has external ones to charge (R18).
        usage_changes: counters with a limit that were charged.
        metered: made from what was known last, as the database is away (store.on_failure).
    """

    charges: tuple[Charge, ...] = ()
    exceeded: LimitUsage | None = None
    refused: bool = False
    recipient_usage: tuple[LimitUsage, ...] = ()
    counts_recipients: bool = False
    counts_external: bool = False
    usage_changes: tuple[UsageChange, ...] = ()
    metered: bool = False
