"""Whether a mail may pass: usage and time come in, a decision goes out, the caller acts. Pure.

Rules R6, R7, R9, R18 and R19 of docs/limits.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sendlimit.rules.decision import Decision, LimitUsage, Request, UsageChange, amount_at_end
from sendlimit.rules.limit import (
    EXTERNAL,
    ORDER,
    SCOPE_ORDER,
    SUSPENSION,
    Charge,
    CounterKey,
)
from sendlimit.rules.rolling import charged, counts, total
from sendlimit.rules.window import EVER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sendlimit.rules.plan import LimitedCounter, Plan, Plans


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a decision depends on, besides the request.

    Attributes:
        plans: of the settings that hold now.
        usage: the counters, 0 where absent, with what the batch has granted so far.
        observe: refuse nothing; the decision names what was exceeded.
        usage_changes_from_percent: of its limit, from which a change is reported; None: never.
    """

    plans: Plans
    usage: Mapping[CounterKey, int]
    observe: bool = False
    usage_changes_from_percent: int | None = 0


def decide(request: Request, facts: Facts) -> Decision:
    """Decide one request against the usage; nothing is charged here (R6, R7, R9)."""
    return decide_by(facts.plans.plan(request.sender, request.at), request, facts)


def decide_by(plan: Plan, request: Request, facts: Facts) -> Decision:
    """Decide one request by its sender's plan."""
    if request.recipients:
        checked = plan.at_end
        charges = tuple(
            Charge(key, amount) for key in plan.keys_at_end if (amount := request.amount(key.unit))
        )
        recipient_usage: tuple[LimitUsage, ...] = ()
    else:
        checked = plan.messages
        charges = plan.granted.charges
        recipient_usage = tuple(_limit_usage(found, facts, 1) for found in plan.at_end)
        if plan.per_message is not None:
            recipient_usage = (*recipient_usage, plan.per_message)
    passed = [
        _limit_usage(found, facts, amount)
        for found in checked
        if (amount := request.amount(found.key.unit))
        and _used(facts, found) + amount > found.limit.max
    ]
    # A mailbox with no recipient left is refused at MAIL already (R9), but not with no external one
    # left: the mail may be for this server (R18).
    passed += [
        usage
        for usage in recipient_usage
        if usage.used >= usage.limit.max and usage.limit.name.unit not in EXTERNAL
    ]
    if plan.suspended is not None and not request.recipients:
        passed.append(plan.suspended)
    exceeded = first_to_name(passed) if passed else None
    if exceeded is not None and not facts.observe:
        return Decision(exceeded=exceeded, refused=True)
    changes = tuple(_usage_changes(checked, request, facts))
    if exceeded is None and not (changes or recipient_usage or request.recipients):
        return plan.granted
    return Decision(
        charges=charges,
        exceeded=exceeded,
        recipient_usage=recipient_usage,
        counts_recipients=not request.recipients and plan.granted.counts_recipients,
        counts_external=not request.recipients and plan.granted.counts_external,
        usage_changes=changes,
    )


def _limit_usage(found: LimitedCounter, facts: Facts, amount: int) -> LimitUsage:
    limit, key, period, step = found
    steps = () if step is None else counts(step, facts.usage)
    return LimitUsage(limit, key, _used(facts, found), period, steps, amount)


def _used(facts: Facts, found: LimitedCounter) -> int:
    """Return what is used of a limit: its counter, or the steps of a rolling window (R19)."""
    if found.step is not None:
        return total(counts(found.step, facts.usage))
    return max(0, facts.usage.get(found.key, 0))


def _usage_changes(
    checked: Iterable[LimitedCounter], request: Request, facts: Facts
) -> Iterator[UsageChange]:
    """Yield the counters that a charge takes far enough to be warned about."""
    percent = facts.usage_changes_from_percent
    if percent is None:
        return
    for found in checked:
        limit, key, period, step = found
        before, amount = _used(facts, found), request.amount(key.unit)
        if amount and (before + amount) * 100 >= limit.max * percent:
            steps = () if step is None else charged(step, facts.usage, amount)
            yield UsageChange(limit, key, before, before + amount, period, steps)


def first_to_name(passed: Iterable[LimitUsage]) -> LimitUsage | None:
    """Return the limit that the answer names: global, domain, mailbox; then the last to free up (R7).

    What never frees up is the last. A suspension goes before all: it alone is for a person to end.
    """
    return min(
        passed,
        key=lambda usage: (
            usage.limit.name != SUSPENSION,
            SCOPE_ORDER[usage.limit.name.scope],
            -(usage.resets_at or EVER.end),
            ORDER[usage.limit.name],
        ),
        default=None,
    )


def recipient_beyond(
    recipient_usage: Iterable[LimitUsage], recipients: int, external: int = 0
) -> LimitUsage | None:
    """Return the limit that this many recipients of one mail would pass (R9, R18).

    Args:
        recipient_usage: from the decision at MAIL.
        recipients: accepted so far, with the one that is asked about.
        external: those of them that are external.
    """
    return first_to_name(
        usage._replace(amount=amount)
        for usage in recipient_usage
        if (amount := amount_at_end(usage.limit.name.unit, recipients, external))
        and usage.used + amount > usage.limit.max
    )
