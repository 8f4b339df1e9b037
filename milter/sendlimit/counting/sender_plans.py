"""The plans of senders in memory, and what they follow from: rules in force, running periods. Pure.

Settings of the file, rows of er_limit, the clock: what changes one of them has the plans made
anew by the next mail of each sender. Time comes in as seconds since 1970.

Used under the ledger's mutex.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from sendlimit.counting.counters import CLOCK_ALLOWANCE_S
from sendlimit.counting.plan_maker import PlanMaker
from sendlimit.rules.limit import counted_names, holding
from sendlimit.rules.plan import Plans
from sendlimit.rules.window import ROLLING_WINDOWS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from sendlimit.counting.counters import Counters
    from sendlimit.counting.records import Records
    from sendlimit.counting.sender_plan import SenderPlan
    from sendlimit.rules.counting_settings import CountingSettings
    from sendlimit.rules.limit import LimitName, Setting
    from sendlimit.rules.mailbox import Sender
    from sendlimit.rules.policy import Facts
    from sendlimit.rules.window import Period

PLANS_MAX = 20_000
"""Plans that are kept at once; a plan is some 1 KB."""
RETIRED_AT_ONCE = 500
_FOR_EVER = 2**62


class SenderPlans:
    """The plan of each sender, while it holds.

    Args:
        settings: of the config file.
        counters: that the plans are bound to.
        journal: which record is the last one.

    Attributes:
        by_sender: those that were made; always the same dict, in which Memory looks first. A plan
            in it may have ended.
        rolls: whether any limit of a rolling window is in force (R19).
        run_since: when the youngest of the running periods began.
    """

    def __init__(self, settings: CountingSettings, counters: Counters, journal: Records) -> None:
        self.by_sender: dict[Sender, SenderPlan] = {}
        self._rows: Sequence[Setting] = ()
        self.rolls = False
        self.run_since = 0
        self._counters = counters
        self._journal = journal
        self._maker: PlanMaker | None = None
        self._also: frozenset[LimitName] = frozenset()
        self._run_until = 0
        self._raised = 0
        self._lasting: list[Period] = []
        self.adopt(settings)

    # what is in force

    def adopt(self, settings: CountingSettings) -> None:
        """Take the settings of a config file that was loaded."""
        self._settings = settings
        self._drop_plans()

    def learn(self, rows: Sequence[Setting]) -> None:
        """Take all rows of er_limit."""
        self._rows = rows
        self._drop_plans()

    def count_also(self, names: frozenset[LimitName]) -> None:
        """Take the names that the database is known to limit, where its rows are not."""
        if names != self._also:
            self._also = names
            self._drop_plans()

    def learn_some(self, subjects: Collection[str], rows: Iterable[Setting]) -> bool:
        """Take the rows of some subjects; return whether they were others than known."""
        fresh = sorted(rows, key=str)
        if fresh == sorted((row for row in self._rows if row.subject in subjects), key=str):
            return False
        self.learn([*(row for row in self._rows if row.subject not in subjects), *fresh])
        return True

    # plans

    def of(self, sender: Sender, at: int) -> SenderPlan:
        """Return the plan of a sender at a moment."""
        plan = self.by_sender.get(sender)
        if plan is None or not plan.since <= at < plan.until:
            plan = self.make(sender, at)
        return plan

    def make(self, sender: Sender, at: int) -> SenderPlan:
        """Make the plan of a sender who has none for this moment, or let it go on (R19)."""
        self._make_space(at)
        plans = self._plans_at(at)
        maker = self._maker
        if maker is None or not maker.since <= at < maker.until:
            maker = self._maker = PlanMaker(
                plans, at, self._plans_until, self._counters, self._settings.warn_at_percent
            )
            maker.is_late = at < self.run_since
            maker.raised = self._raised
        plan = self.by_sender.get(sender)
        if plan is not None and maker.rolls and plan.periods == maker.periods:
            plan.go_on(maker)
            return plan
        if len(self.by_sender) >= PLANS_MAX:
            self._retire_some()
        plan = self.by_sender[sender] = maker.make(sender)
        return plan

    def facts(self, plan: SenderPlan, at: int) -> Facts:
        """Return what the rules decide by, about a mail of this plan."""
        return self._settings.facts(self._plans_at(at), plan.usage())

    def forget(self) -> None:
        """Let each plan be bound anew."""
        self.by_sender.clear()
        self._maker = None

    def end_steps(self) -> None:
        """Let each plan look again at the steps of rolling windows: one has more than plans know."""
        self._raised += 1
        self._end_plans()

    def _end_plans(self) -> None:
        """Let each plan go on with its next mail."""
        self._maker = None
        for plan in self.by_sender.values():
            plan.until = 0

    def forget_periods(self) -> None:
        """Forget the plans and which periods are running: the counters are forgotten."""
        self.forget()
        self._run_until = 0

    def look_at_clock(self, at: int) -> None:
        """Note which periods are running, and make space; called with each flush."""
        self._plans_at(at)
        self._make_space(at)

    def _drop_plans(self) -> None:
        """Let each plan be made anew; the counters stay."""
        self.forget()
        self._plans: Plans | None = None
        self._plans_until = 0

    def _plans_at(self, at: int) -> Plans:
        """Return what plans are made from; a boost that has ended is not in it."""
        plans = self._plans
        if plans is None or at >= self._plans_until:
            rows = holding(self._rows, at)
            ends = [row.valid_until for row in rows if row.valid_until is not None]
            rules = self._settings.file.with_rows(rows)
            names = counted_names(rules.names() | self._also)
            plans = self._plans = Plans(rules, names, self._settings.calendar)
            self._plans_until = min(ends, default=_FOR_EVER)
            self.rolls = plans.rolls
            self.forget()
            self._run_until = 0
        if at >= self._run_until or at < self.run_since - CLOCK_ALLOWANCE_S:
            self._run(plans, at)
        return plans

    def _run(self, plans: Plans, at: int) -> None:
        """Note the running periods."""
        calendar = plans.calendar
        running = {name: calendar.period(name.window, at) for name in plans.names}
        self.run_since = max(period.start for period in running.values())
        self._run_until = min(period.end for period in running.values())
        self._counters.run(running, self._journal.number)
        self._maker = None
        lasting = [period for name, period in running.items() if name.window not in ROLLING_WINDOWS]
        if self.rolls:
            # A mail that comes late may not be granted by a plan that knows of no later step.
            if lasting == self._lasting:
                self._end_plans()
            else:
                self.forget()
        self._lasting = lasting

    def _make_space(self, at: int) -> None:
        if self._counters.crowded:
            self.forget()
            self._counters.tidy(at, self._journal.number)

    def _retire_some(self) -> None:
        """Forget the plans that are kept longest: few at once, as mail waits for it."""
        for sender in [*islice(self.by_sender, RETIRED_AT_ONCE)]:
            self.by_sender.pop(sender).retire(self._counters)
