"""Decisions from memory, in the callback's own thread: what is granted, charged, given back. Pure.

Grants come from memory, refusals from the database: what memory would refuse is asked for
again, and decided on the numbers of a flush that is in. Time comes in as an argument: `now` is
CLOCK_BOOTTIME in s, read inside the mutex; `at` is seconds since 1970.

FAILURE: every method is called under the ledger's mutex; none waits, logs or does I/O.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sendlimit.counting.batch import Answer, reverse
from sendlimit.counting.records import RecordKeys
from sendlimit.counting.reservation import Reservation
from sendlimit.counting.sender_plans import SenderPlans
from sendlimit.counting.stretches import CLOSE_AT
from sendlimit.rules.decision import Decision, Request
from sendlimit.rules.policy import decide_by

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from sendlimit.counting.counter import Counter
    from sendlimit.counting.counters import Counters
    from sendlimit.counting.lease import Lease
    from sendlimit.counting.records import Records
    from sendlimit.counting.sender_plan import SenderPlan
    from sendlimit.counting.stretches import Stretches
    from sendlimit.rules.counting_settings import CountingSettings
    from sendlimit.rules.limit import Charge, CounterKey, Setting
    from sendlimit.rules.mailbox import Sender

_PASSES = Decision()
"""About the end of a mail that passes no limit, with nothing to be told."""


class Memory:
    """All that a daemon decides from while it holds the lease.

    Args:
        lease: says whether it may.
        settings: of the config file.
        journal: where everything is noted that is counted.
        counters: those in memory.
        stretches: what is counted and not in the database.

    Attributes:
        plans: of the senders, by what is in force.
        granted: how many requests were granted in callbacks.
    """

    def __init__(
        self,
        lease: Lease,
        settings: CountingSettings,
        journal: Records,
        counters: Counters,
        stretches: Stretches,
    ) -> None:
        self.plans = SenderPlans(settings, counters, journal)
        self.granted = 0
        self._lease = lease
        self._journal = journal
        self._counters = counters
        self._stretches = stretches
        self._touched = stretches.touched
        self._by_sender = self.plans.by_sender
        lease.forget = self.forget

    # with the lease

    def forget(self) -> None:
        """Empty the memory: the lease was taken, given away or lost. What is pending stays."""
        self.plans.forget_periods()
        self._counters.forget(self._journal.number)

    def begin(self, at: int, rows: Sequence[Setting]) -> None:
        """Note that this daemon alone counts from now on, by these rows of er_limit."""
        self._counters.begin(at)
        self.plans.learn(rows)

    # what callbacks do

    def reserve(  # noqa: C901, PLR0911 - the way of every mail; a call costs as much as a counter
        self, sender: Sender, at: int, now: float
    ) -> Reservation | None:
        """Reserve a message at MAIL; None: the database has to be asked."""
        if now >= self._lease.grants_until:
            return None
        plan = self._by_sender.get(sender)
        if plan is None or not plan.since <= at < plan.until:
            plan = self.plans.make(sender, at)
        if not (plan.knows or plan.is_known()):
            return None
        journal = self._journal
        if not journal.room():
            return None
        if not plan.quick:
            return self._look_closer(plan, sender, at)
        for counter, look_from in plan.checked:
            if counter.used >= look_from:
                plan.sum_anew(counter)
                return self._look_closer(plan, sender, at)
        reservation = plan.reserved(at) if plan.ends else plan.reservation
        if reservation is None:
            return self._look_closer(plan, sender, at)
        touched = self._touched
        for counter in plan.messages:
            counter.used += 1
            if not counter.pending:
                touched.append(counter)
            counter.pending += 1
        journal.add(plan.message_keys, 1, at)
        self.granted += 1
        if len(touched) >= CLOSE_AT:
            self._stretches.close(journal.number)
        return reservation

    def settle(self, request: Request, now: float) -> Decision | None:
        """Charge the recipients of a mail at its end; None: the database has to be asked."""
        if now >= self._lease.grants_until:
            return None
        plan = self.plans.of(request.sender, request.at)
        if not ((plan.knows or plan.is_known()) and self._journal.room()):
            return None
        decision = _PASSES if plan.ends_quickly(request) else self._decide(plan, request)
        if decision.exceeded is not None:
            return None
        self._charge_end(plan, request)
        self.granted += 1
        return decision

    def meter(self, request: Request) -> Reservation:
        """Decide by what is known, and what this daemon has counted since: the database is away.

        A counter that is not known begins with what this daemon has seen of it.
        """
        sender, at = request.sender, request.at
        plan = self.plans.of(sender, at)
        decision = replace(self._decide(plan, request), metered=True)
        if decision.refused:
            self.add(reverse(request.reserved), at)
            return Reservation(sender, at, decision)
        if request.recipients:
            self._charge_end(plan, request)
            return Reservation(sender, at, decision)
        self._charge(plan.messages, plan.message_keys, 1, at)
        return Reservation(sender, at, decision, keys=plan.message_keys)

    def release(self, reservation: Reservation, at: int) -> None:
        """Give a reservation back to the periods that it was taken from (R8)."""
        if reservation.keys is None:
            self.add(reverse(reservation.charges), at)
        else:
            self._add(reservation.keys, -1, at)

    def book(self, request: Request) -> None:
        """Count a mail that was accepted undecided: its message, or with recipients > 0 those."""
        plan = self.plans.of(request.sender, request.at)
        if request.recipients:
            self._charge_end(plan, request)
        else:
            self._charge(plan.messages, plan.message_keys, 1, request.at)

    def add(self, charges: Iterable[Charge], at: int) -> None:
        """Count charges that no plan is known for."""
        by_amount: dict[int, list[CounterKey]] = {}
        for key, amount in charges:
            by_amount.setdefault(amount, []).append(key)
        for amount, keys in by_amount.items():
            self._add(RecordKeys(tuple(keys)), amount, at)

    # what the committer does

    def keys_of(self, request: Request) -> tuple[CounterKey, ...]:
        """Return the counters that the decision about a request depends on."""
        return tuple(counter.key for counter in self.plans.of(request.sender, request.at).limited)

    def answer(self, request: Request, now: float) -> Answer | None:
        """Decide a request on the numbers of a flush that has just come in.

        A refusal gives back what the mail has reserved (R9).

        Returns:
            None: there is room, and this daemon may not grant it; or something is not known.
        """
        plan = self.plans.of(request.sender, request.at)
        if not plan.is_known():
            return None
        decision = self._decide(plan, request)
        if decision.refused:
            effects = reverse(request.reserved)
            self.add(effects, request.at)
            return Answer(decision, effects)
        if now >= self._lease.grants_until or not self._journal.room():
            return None
        if request.recipients:
            self._charge_end(plan, request)
            return Answer(decision, decision.charges)
        self._charge(plan.messages, plan.message_keys, 1, request.at)
        return Answer(decision, plan.charges)

    def steps_of(self, request: Request) -> tuple[CounterKey, ...]:
        """Return those of them that are the running steps of rolling windows (R19)."""
        rolling = self.plans.of(request.sender, request.at).rolling
        return tuple([window.counter.key for window in rolling])

    def follow(self, usage: Mapping[CounterKey, int]) -> None:
        """Take what a flush returned; the stretch that it carried is still in flight."""
        flight = self._stretches.in_flight
        expected = flight.expected if flight is not None else {}
        if usage == expected:
            return
        for key, used in usage.items():
            if expected.get(key) != used:
                self._counters.follow(key, used)
        self._look_at_steps()

    def keys_in_memory(self, subjects: Collection[str]) -> list[CounterKey]:
        """Return the counters in memory of subjects that a change names."""
        return self._counters.of_subjects(subjects)

    # counting

    def _look_at_steps(self) -> None:
        """Have plans look again at the steps where one has more than they know (R19)."""
        if self._counters.steps_raised:
            self._counters.steps_raised = False
            self.plans.end_steps()

    def _decide(self, plan: SenderPlan, request: Request) -> Decision:
        return decide_by(plan.plan, request, self.plans.facts(plan, request.at))

    def _look_closer(self, plan: SenderPlan, sender: Sender, at: int) -> Reservation | None:
        decision = self._decide(plan, Request(sender, at))
        if decision.exceeded is not None:
            return None
        self._charge(plan.messages, plan.message_keys, 1, at)
        self.granted += 1
        return Reservation(sender, at, decision, keys=plan.message_keys)

    def _charge_end(self, plan: SenderPlan, request: Request) -> None:
        """Charge the recipients of a mail, and external mail; one record a unit."""
        for unit, counters, keys in plan.at_end:
            if amount := request.amount(unit):
                self._charge(counters, keys, amount, request.at)

    def _charge(
        self, counters: tuple[Counter, ...], keys: RecordKeys, amount: int, at: int
    ) -> None:
        self._record(keys, amount, at)
        touched = self._touched
        for counter in counters:
            counter.used += amount
            if not counter.pending:
                touched.append(counter)
            counter.pending += amount
        if amount > 0 and self.plans.rolls and at < self.plans.run_since:
            self.plans.end_steps()
        if len(touched) >= CLOSE_AT:
            self._stretches.close(self._journal.number)

    def _add(self, keys: RecordKeys, amount: int, at: int) -> None:
        self._record(keys, amount, at)
        for key in keys.keys:
            self._counters.add(key, amount)
        self._look_at_steps()
        if len(self._touched) >= CLOSE_AT:
            self._stretches.close(self._journal.number)

    def _record(self, keys: RecordKeys, amount: int, at: int) -> None:
        """Write to the journal what is counted next; a stretch is there whole or not at all."""
        journal, stretches = self._journal, self._stretches
        if journal.room():
            journal.add(keys, amount, at)
        elif stretches.is_recorded:
            stretches.begin(journal.number, is_recorded=False)
