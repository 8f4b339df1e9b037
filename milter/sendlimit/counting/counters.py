"""The counters of the running periods in memory, and which of them are known whole. Pure.

A running period of a name is complete when it was read whole since the lease was taken, or
began more than CLOCK_ALLOWANCE_S after that: then a counter that is not in memory is 0. The
allowance is for other daemons whose clocks are ahead, and who counted in it before they stopped.
Of a rolling window all steps that count are in memory, each like a period (R19).

Above the cap everything is forgotten and nothing is complete: a counter comes back with the
flush of the first mail that needs it.

Used under the ledger's mutex.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendlimit.counting.counter import Counter, Group, Loading
from sendlimit.rules.limit import LATCH, CounterKey, LimitName
from sendlimit.rules.rolling import step_starts
from sendlimit.rules.window import ROLLING_WINDOWS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from sendlimit.counting.stretches import Stretches
    from sendlimit.rules.window import Period

CLOCK_ALLOWANCE_S = 60
COUNTERS_MAX = 1_000_000
OBJECTS_MAX = 100_000
"""Counters that are objects, of senders with a plan; the others are numbers by subject."""
TIDIED_AT_ONCE = 50_000
_NEVER = 2**62


class Counters:
    """All counters in memory.

    Args:
        stretches: what is pending; a counter that comes into memory takes its own from there.
        limit: how many counters are kept at most.

    Attributes:
        limit: how many are kept at most.
        steps_raised: set where a step of a rolling window may have more than plans know; the
            caller clears it and forgets the plans.
    """

    def __init__(self, stretches: Stretches, limit: int = COUNTERS_MAX) -> None:
        self.steps_raised = False
        self._stretches = stretches
        self.limit = limit
        self._groups: dict[tuple[LimitName, int], Group] = {}
        self._running: dict[LimitName, tuple[Group, ...]] = {}
        self._unread: list[Group] = []
        self._latest: dict[LimitName, int] = {}
        self._lease = 0
        self._since = _NEVER
        self._tidy_at = OBJECTS_MAX
        self._objects = 0
        self._idle = 0

    def __len__(self) -> int:
        """Return how many are in memory."""
        return self._objects + self._idle

    # periods

    def begin(self, at: int) -> None:
        """Note that from this moment on, seconds since 1970, this daemon alone counts."""
        self._since = at

    def forget(self, last: int) -> None:
        """Forget everything: a lease begins or ends, or there are too many counters.

        Args:
            last: number of the journal's last record.
        """
        self._stretches.close(last)
        self._stretches.expect_nothing()
        self._lease += 1
        self._since = _NEVER
        self._tidy_at = OBJECTS_MAX
        self._groups = {}
        self._running = {}
        self._unread = []
        self._objects = self._idle = 0

    def run(self, running: Mapping[LimitName, Period], last: int) -> None:
        """Note the running periods of the names that are counted; forget all others.

        A new period is complete if the one before was, and it began long enough after the
        lease was taken. One that comes again, as a clock was put back and forth, has to be read.

        Args:
            running: by name.
            last: number of the journal's last record.
        """
        if all(
            name in self._running and self._running[name][0].start == period.start
            for name, period in running.items()
        ) and len(running) == len(self._running):
            return
        # What is pending is by key from here on: a counter that is made anew finds it.
        self._stretches.close(last)
        self._stretches.expect_nothing()
        for name, period in running.items():
            before = self._running.get(name, ())
            if before and before[0].start == period.start:
                continue
            if before and before[0].is_step:
                self._rest_all(before[0])
            self._running[name] = self._begin(name, period.start, before)
        for name in self._running.keys() - running.keys():
            del self._running[name]
        windows = self._running.values()
        counting = [groups[0] for groups in windows]
        counting += [group for groups in windows for group in groups[1:]]
        self._unread = [group for group in counting if not group.complete]
        kept = {(group.name, group.start) for group in counting}
        for key in self._groups.keys() - kept:
            group = self._groups.pop(key)
            self._objects -= len(group.counters)
            self._idle -= len(group.idle)

    def _begin(self, name: LimitName, start: int, before: tuple[Group, ...]) -> tuple[Group, ...]:
        """Return the groups that count from now on: of the period of this start, then further steps."""
        further = step_starts(name.window, start) if name.window in ROLLING_WINDOWS else ()
        starts = [start, *(step for step in reversed(further) if step != start)]
        known = {group.start for group in before}
        groups = tuple([self.group(name, step) for step in starts])
        for group in groups:
            if group.start in known:
                continue
            group.read_up_to, group.given_up = None, False
            group.complete = False
            if (
                before
                and before[0].complete
                and group.start > self._latest.get(name, -1)
                and group.start - CLOCK_ALLOWANCE_S > self._since
            ):
                self._complete(group)
        self._latest[name] = max(*starts, self._latest.get(name, -1))
        return groups

    def steps(self, name: LimitName, start: int) -> tuple[Group, ...]:
        """Return the groups of a rolling window that count while the step of this start runs."""
        running = self._running.get(name, ())
        if running and running[0].start == start:
            return running
        return tuple([self.group(name, step) for step in step_starts(name.window, start)])

    def group(self, name: LimitName, start: int) -> Group:
        """Return the counters of a name in the period of this start."""
        group = self._groups.get((name, start))
        if group is None:
            group = self._groups[name, start] = Group(name, start)
        return group

    # counters

    def get(self, key: CounterKey) -> Counter:
        """Return a counter, which comes into memory if it is not there."""
        scope, subject, unit, window, start = key
        return self.of(self.group(LimitName(scope, unit, window), start), subject)

    def of(self, group: Group, subject: str) -> Counter:
        """Return a subject's counter, which comes into memory if it is not there."""
        counter = group.counters.get(subject)
        return counter or self._brought(Counter(group, subject, 0, known=False))

    def later(self, counter: Counter, group: Group) -> Counter:
        """Return the counter of a later step for one plan: the same, if its own step is a number now (R19)."""
        subject = counter.subject
        in_use = counter.pending or counter.group.counters.get(subject) is counter
        if in_use or subject in group.counters:
            return self.of(group, subject)
        counter.group = group
        return self._brought(counter)

    def _brought(self, counter: Counter) -> Counter:
        """Bring a counter into memory, with what is known of it."""
        group, subject = counter.group, counter.subject
        used = group.idle.pop(subject, None)
        counter.known = group.complete or used is not None
        if used is not None:
            self._idle -= 1
        elif group.is_step and counter.known:
            used = 0  # what is pending has come into memory with the step
        else:
            used = self._stretches.pending(group.key(subject))
        counter.used = used
        group.counters[subject] = counter
        self._objects += 1
        return counter

    def rest(self, counter: Counter) -> None:
        """Make a counter a number again, if it is known and nothing is pending in it."""
        group, subject = counter.group, counter.subject
        if counter.known and not counter.pending and group.counters.get(subject) is counter:
            del group.counters[subject]
            group.idle[subject] = counter.used
            if self._groups.get((group.name, group.start)) is group:
                self._objects -= 1
                self._idle += 1

    def add(self, key: CounterKey, amount: int) -> None:
        """Count for a key, and in memory if it is there."""
        scope, subject, unit, window, start = key
        group = self._groups.get((LimitName(scope, unit, window), start))
        if group is not None and (
            subject in group.counters or subject in group.idle or (group.is_step and group.complete)
        ):
            self.steps_raised |= group.is_step and amount > 0
            counter = self.get(key)
            counter.used += amount
            counter.pending += amount
            self._stretches.touched.append(counter)
        else:
            self._stretches.add(key, amount)

    def follow(self, key: CounterKey, used: int) -> None:
        """Take the database's value, which has the stretch in flight in it, and what came since."""
        if key == LATCH:
            return
        used += self._stretches.since(key)
        scope, subject, unit, window, start = key
        group = self.group(LimitName(scope, unit, window), start)
        counter = group.counters.get(subject)
        pending = counter.pending if counter is not None else 0
        if group.is_step:
            self.steps_raised |= used + pending > self.used_in(group, subject)
        if counter is not None:
            if counter.known and counter.used != used + pending:
                self._stretches.expect_nothing()
            counter.used = used + pending
            counter.known = True
            return
        if group.idle.get(subject, used) != used:
            self._stretches.expect_nothing()
        if subject not in group.idle:
            if group.is_step and group.complete and not used:
                return
            self._idle += 1
        group.idle[subject] = used

    def used_in(self, group: Group, subject: str) -> int:
        """Return what a subject has used in a group; what is not known is what this daemon has seen."""
        counter = group.counters.get(subject)
        if counter is not None:
            return counter.used
        used = group.idle.get(subject)
        if used is not None:
            return used
        return 0 if group.complete else self._stretches.pending(group.key(subject))

    def of_subjects(self, subjects: Collection[str]) -> list[CounterKey]:
        """Return the counters of subjects that are in memory."""
        return [
            CounterKey(name.scope, subject, name.unit, name.window, start)
            for (name, start), group in self._groups.items()
            for subject in subjects
            if subject in group.counters or subject in group.idle
        ]

    # space

    @property
    def crowded(self) -> bool:
        """Whether tidy() has something to do."""
        return self._objects > self._tidy_at or len(self) > self.limit

    def tidy(self, at: int, last: int) -> None:
        """Make space: known counters become numbers again, or all are forgotten above the cap.

        Of many objects so many at once that mail waits for some 30 ms; the next call goes on.

        Args:
            at: seconds since 1970.
            last: number of the journal's last record.
        """
        if len(self) > self.limit:
            running = self._running
            self.forget(last)
            self.begin(at)
            for name, before in running.items():
                groups = tuple([self.group(name, group.start) for group in before])
                self._running[name] = groups
                for group in groups:
                    group.given_up = True
            return
        self._stretches.close(last)
        left = TIDIED_AT_ONCE
        for group in self._groups.values():
            left -= self._rest_all(group, left)
        self._tidy_at = max(OBJECTS_MAX, 2 * self._objects) if left else OBJECTS_MAX

    def _rest_all(self, group: Group, most: int | None = None) -> int:
        """Make known counters of a group numbers again, all or so many; return how many."""
        number = group.rest(most)
        self._idle += number
        self._objects -= number
        return number

    # loading

    def next_chunk(self) -> Loading | None:
        """Return what to read next of the running periods; None: they are complete, or too big."""
        unread = self._unread
        while unread and (unread[0].complete or unread[0].given_up):
            unread.pop(0)
        if not unread:
            return None
        group = unread[0]
        return Loading(group.name, group.start, group.read_up_to, self._lease)

    def load(self, loading: Loading, rows: Iterable[tuple[str, int]], *, more: bool) -> None:
        """Take a chunk; what is known already is newer.

        No flush may have been under way, or in doubt, when it was read.

        Args:
            loading: what was asked for.
            rows: (subject, used), in the order of the subjects.
            more: whether further rows may follow.
        """
        name, start, _, lease = loading
        group = self._groups.get((name, start))
        if lease != self._lease or group is None or group not in self._running.get(name, ()):
            return
        for subject, used in rows:
            group.read_up_to = subject
            counter = group.counters.get(subject)
            if subject not in group.idle and (counter is None or not counter.known):
                self.follow(CounterKey(name.scope, subject, name.unit, name.window, start), used)
        if len(self) > self.limit * 9 // 10:
            group.given_up = True
        elif not more:
            self._complete(group)

    def _complete(self, group: Group) -> None:
        """Take the counters that the database has no row of for what this daemon has counted."""
        if group.is_step:
            for subject in self._stretches.subjects(group.name, group.start):
                self.of(group, subject)
        group.complete = True
        for counter in group.counters.values():
            counter.known = True
