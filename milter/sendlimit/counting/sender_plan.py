"""A sender's plan with its counters in memory, and the reservation that is made by it. Pure.

What one decision looks at and charges is bound once for all mails of a period.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sendlimit.counting.journal import RecordKeys
from sendlimit.rules.limit import LATCH, Charge, CounterKey, Unit

if TYPE_CHECKING:
    from sendlimit.counting.counters import Counters
    from sendlimit.rules.decision import Decision
    from sendlimit.rules.mailbox import Sender
    from sendlimit.rules.plan import LimitedCounter, Plan


class Reservation:
    """A mail that was let through at MAIL: what is given back when the mail ends in any other way than being sent.

    Never changed: mails that were charged by the same plan share one.

    Attributes:
        sender: whose mail.
        at: the moment of MAIL, or the first that the plan holds for; a booking goes to this period.
        decision: None when nothing could be decided in time.
        charges: what is reserved.
        plan: what it was charged by in memory; None: by a batch, or not at all.
    """

    __slots__ = ("at", "charges", "decision", "plan", "sender")

    def __init__(
        self,
        sender: Sender,
        at: int,
        decision: Decision | None,
        charges: tuple[Charge, ...] = (),
        plan: SenderPlan | None = None,
    ) -> None:
        self.sender = sender
        self.at = at
        self.decision = decision
        self.charges = charges
        self.plan = plan


class SenderPlan:
    """A plan of `rules`, bound to counters in memory; the same for every mail of a period.

    Used under the ledger's mutex, until plans or counters are forgotten.

    Args:
        sender: whose mail.
        plan: what it is counted and checked by.
        until: when a boost ends, or the plan's own end.
        counters: where the counters are.
        warn_at_percent: of its limit, from which the use of a counter is told; None: never.

    Attributes:
        since, until: the moments that it holds for, since <= at < until.
        generation: of the counters.
        messages: what a mail is charged to at MAIL, with the latch.
        recipients: what its recipients are charged to at the end.
        checked: of messages, those with a limit, and from how much used on each needs a closer look.
        limited: all counters with a limit.
        quick: whether a mail below `checked` may be granted without a closer look.
        charges: of a mail at MAIL.
        reservation: of a mail that was granted without a closer look.
    """

    __slots__ = (
        "charges",
        "checked",
        "generation",
        "limited",
        "message_keys",
        "messages",
        "plan",
        "quick",
        "recipient_keys",
        "recipients",
        "reservation",
        "since",
        "until",
    )

    def __init__(
        self,
        sender: Sender,
        plan: Plan,
        until: int,
        counters: Counters,
        warn_at_percent: int | None,
    ) -> None:
        self.plan = plan
        self.since = plan.since
        self.until = min(until, plan.until)
        self.generation = counters.generation
        message_keys = tuple([key for key in plan.keys if key.unit is Unit.MESSAGES])
        recipient_keys = plan.keys[len(message_keys) :]
        self.message_keys = RecordKeys((*message_keys, LATCH))
        self.recipient_keys = RecordKeys(recipient_keys)
        bound = {key: counters.get(key) for key in plan.keys}
        self.messages = (*[bound[key] for key in message_keys], counters.get(LATCH))
        self.recipients = tuple([bound[key] for key in recipient_keys])
        self.checked = tuple(
            [(bound[found.key], _look_from(found, warn_at_percent)) for found in plan.messages]
        )
        self.limited = tuple([bound[found.key] for found in (*plan.messages, *plan.recipients)])
        self.quick = False
        granted = plan.granted
        if plan.per_message is not None:
            granted = replace(granted, recipient_usage=(plan.per_message,))
        self.charges = (*plan.granted.charges, Charge(LATCH, 1))
        self.reservation = Reservation(sender, plan.since, granted, self.charges, self)

    def is_known(self) -> bool:
        """Say whether all that a decision depends on is in memory; notes whether it may be quick."""
        if not all(counter.known for counter in self.limited):
            return False
        per_message = self.plan.per_message
        self.quick = (
            not self.plan.recipients
            and (per_message is None or per_message.limit.max > 0)
            and self.plan.suspended is None
        )
        return True

    def usage(self) -> dict[CounterKey, int]:
        """Return the counters with a limit."""
        return {counter.key: counter.used for counter in self.limited}


def _look_from(limited: LimitedCounter, warn_at_percent: int | None) -> int:
    """Return from how much used on a mail is refused, or told as a change."""
    most = limited.limit.max
    if warn_at_percent is None:
        return most
    return min(most, -(-most * warn_at_percent // 100) - 1)
