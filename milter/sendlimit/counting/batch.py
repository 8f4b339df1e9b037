"""One batch of the ledger: what to load, what is decided, what is written. Pure.

Requests are decided in the order in which they came, each against the counters that the
database holds plus what the batch has granted before it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from sendlimit.rules.limit import EVERYONE, LATCH, Charge, Unit, counted_names
from sendlimit.rules.policy import Facts, decide
from sendlimit.rules.window import ROLLING_WINDOWS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sendlimit.rules.counting_settings import CountingSettings
    from sendlimit.rules.decision import Decision, Request
    from sendlimit.rules.limit import CounterKey, LimitName, Setting


_LATCHED = Charge(LATCH, 1)


class Answer(NamedTuple):
    """A decision, and all that it does to the counters."""

    decision: Decision
    effects: tuple[Charge, ...]


@dataclass(slots=True)
class Tally:
    """Counters as they are, and what is to be added to them."""

    usage: dict[CounterKey, int] = field(default_factory=dict)
    additions: dict[CounterKey, int] = field(default_factory=dict)

    def add(self, charges: Iterable[Charge]) -> None:
        """Take charges into both."""
        for key, amount in charges:
            self.usage[key] = self.usage.get(key, 0) + amount
            self.additions[key] = self.additions.get(key, 0) + amount


def reverse(charges: Iterable[Charge]) -> tuple[Charge, ...]:
    """Return the charges that undo these."""
    return tuple(Charge(key, -amount) for key, amount in charges)


def optimistic_additions(
    requests: Iterable[Request], facts: Facts, pending: Mapping[CounterKey, int]
) -> dict[CounterKey, int]:
    """Return what is added if every request is granted, and what is pending; never negative.

    The latch comes first. Counters that are only looked at are in it with 0. What is pending
    below 0 is given back with the corrections.
    """
    additions: dict[CounterKey, int] = {LATCH: 0}
    for request in requests:
        plan = facts.plans.plan(request.sender, request.at)
        if request.recipients:
            for key in plan.keys_at_end:
                additions[key] = additions.get(key, 0) + request.amount(key.unit)
            continue
        additions[LATCH] += 1
        for key in plan.keys:
            additions[key] = additions.get(key, 0) + (key.unit is Unit.MESSAGES)
    for key, amount in pending.items():
        additions[key] = max(0, additions.get(key, 0) + amount)
    return additions


def steps_to_load(requests: Iterable[Request], facts: Facts) -> dict[CounterKey, None]:
    """Return the running steps of rolling windows whose other steps decisions depend on (R19)."""
    if not facts.plans.rolls:
        return {}
    return {
        key: None
        for request in requests
        for key in facts.plans.plan(request.sender, request.at).keys
        if key.window in ROLLING_WINDOWS
    }


def corrections(
    added: Mapping[CounterKey, int], due: Mapping[CounterKey, int]
) -> dict[CounterKey, int]:
    """Return what is still to be added to each counter, negative where too much was."""
    return {
        key: difference
        for key in {**added, **due}
        if (difference := due.get(key, 0) - added.get(key, 0))
    }


def subjects_to_load(requests: Iterable[Request]) -> dict[str, None]:
    """Return the subjects whose overrides bear on the requests, each once."""
    subjects: dict[str, None] = {EVERYONE: None}
    for request in requests:
        subjects[request.sender.mailbox] = None
        if request.sender.domain:
            subjects[request.sender.domain] = None
    return subjects


def answer_all(
    requests: Sequence[Request], facts: Facts, pending: Mapping[CounterKey, int]
) -> tuple[list[Answer], dict[CounterKey, int]]:
    """Decide a batch.

    Args:
        requests: in the order in which they came.
        facts: rules and usage as loaded.
        pending: additions without a request (releases, bookings).

    Returns:
        An answer per request, and everything to add to the counters.
    """
    tally = Tally(dict(facts.usage))
    # What was reset while mail was in flight has nothing left to give back.
    tally.add(
        Charge(key, max(amount, -max(0, facts.usage.get(key, 0))))
        for key, amount in pending.items()
    )
    facts = replace(facts, usage=tally.usage)
    answers = []
    for request in requests:
        decision = decide(request, facts)
        if decision.refused:
            effects = reverse(request.reserved)
        elif not request.recipients:
            effects = (*decision.charges, _LATCHED)
        else:
            effects = decision.charges
        tally.add(effects)
        answers.append(Answer(decision, effects))
    return answers, tally.additions


def counted_now(
    settings: CountingSettings, known: frozenset[LimitName], rows: Iterable[Setting] = ()
) -> tuple[LimitName, ...]:
    """Return what is counted now: by the file, by what the database was last seen to limit, by these rows."""
    names = settings.file.names() | known | {row.name for row in rows if row.max is not None}
    file = settings.file.file
    return counted_names(file.with_shares(names) if file.shares else names)
