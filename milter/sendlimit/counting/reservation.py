"""What a mail that was let through at MAIL has reserved, and the limits that its end is looked at by. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sendlimit.rules.decision import LimitUsage, amount_at_end

if TYPE_CHECKING:
    from sendlimit.counting.counter import Counter
    from sendlimit.counting.records import RecordKeys
    from sendlimit.rules.decision import Decision
    from sendlimit.rules.limit import Charge, CounterKey, Limit
    from sendlimit.rules.mailbox import Sender
    from sendlimit.rules.window import Period


class EndLimit(NamedTuple):
    """A limit that is looked at when a mail ends: on recipients, or on external mail.

    Attributes:
        limit: the limit.
        counter: in memory.
        key: of the counter.
        period: the running one.
        most: up to how much used nothing is refused or told.
    """

    limit: Limit
    counter: Counter
    key: CounterKey
    period: Period
    most: int


class Reservation:
    """A mail that was let through at MAIL: what is given back when the mail ends in any other way than being sent.

    Never changed: mails that were charged by the same plan in the same steps share one.

    Args:
        charges: what a batch has reserved.
        ends: limits that are looked at when the mail ends, with what was used of them; those that
            are not in the decision.

    Attributes:
        sender: whose mail.
        at: the moment of MAIL, or the first that the plan holds for; a booking goes to this period.
        decision: None when nothing could be decided in time.
        keys: what it was charged to from memory; None: by a batch, or not at all.
    """

    __slots__ = ("_charges", "_ends", "at", "decision", "keys", "sender")

    def __init__(  # noqa: PLR0913 - the last two by name
        self,
        sender: Sender,
        at: int,
        decision: Decision | None,
        charges: tuple[Charge, ...] = (),
        *,
        keys: RecordKeys | None = None,
        ends: tuple[tuple[EndLimit, int], ...] = (),
    ) -> None:
        self.sender = sender
        self.at = at
        self.decision = decision
        self.keys = keys
        self._charges = charges
        self._ends = ends

    @property
    def recipient_usage(self) -> tuple[LimitUsage, ...]:
        """The limits that are looked at when the mail ends, and what was used of them at MAIL (R9)."""
        if self.decision is None:
            return ()
        return (
            *[LimitUsage(end.limit, end.key, used, end.period) for end, used in self._ends],
            *self.decision.recipient_usage,
        )

    def has_room(self, recipients: int, external: int) -> bool:
        """Say whether it is plain that so many recipients pass none of these limits."""
        for end, used in self._ends:
            if used + amount_at_end(end.limit.name.unit, recipients, external) > end.limit.max:
                return False
        return self.decision is None or not self.decision.recipient_usage

    @property
    def charges(self) -> tuple[Charge, ...]:
        """What is reserved."""
        return self._charges if self.keys is None else self.keys.charges(1)
