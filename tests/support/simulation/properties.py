"""What may never happen in a simulated world, whatever daemons, people and faults do.

P1  No limit of a minute, or of a rolling window, is passed, but for mail that was accepted undecided and what a stopped or cut-off
    holder had granted and not written.
P2  In the end the database has what was granted and accepted, to the mail; at most one mail a
    session is left over by kill -9.
P3  Nothing is granted from memory while another daemon decides.
P4  Some seconds after the last fault each daemon decides again.
P5  A limit that a command has set holds once the command has returned.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sendlimit.rules.rolling import step_keys
from sendlimit.rules.window import ROLLING_WINDOWS

if TYPE_CHECKING:
    from sendlimit.rules.limit import CounterKey
    from support.doubles.store import Tables
    from support.simulation.process import Process
    from support.simulation.world import World

LIMIT = 4


class Violation(AssertionError):  # noqa: N818 - the word of the field
    """A property does not hold."""


class Properties:
    """What has been counted in a world, and whether the properties hold.

    Args:
        world: whose daemons.

    Attributes:
        granted, undecided, released: mails, by counter.
        unseen: what others could not know: unwritten grants of a holder that was passed by.
        reset, clamped: what was taken from a counter by people, and what it could not go below 0 by.
        loose: mails that may be counted or not, as of a session that was open when a process was killed.
        resets: of each sender, how often a command has reset the counters.
        orders: of each sender, how many commands were begun.
        largest_limit: of each sender, that a command has set.
        in_force: of each sender, since when nothing may be sent, and by which command.
        excused: until when a daemon can't know what has happened to it.
    """

    def __init__(self, world: World) -> None:
        self.granted: Counter[CounterKey] = Counter()
        self.undecided: Counter[CounterKey] = Counter()
        self.released: Counter[CounterKey] = Counter()
        self.unseen: Counter[CounterKey] = Counter()
        self.reset: Counter[CounterKey] = Counter()
        self.clamped: Counter[CounterKey] = Counter()
        self.loose: Counter[CounterKey] = Counter()
        self.resets: Counter[str] = Counter()
        self.orders: Counter[str] = Counter()
        self.largest_limit: Counter[str] = Counter()
        self.in_force: dict[str, tuple[float, int]] = {}
        self.excused: dict[str, float] = {}
        self._world = world

    # what happens

    def committed(self, before: Tables, after: Tables) -> None:
        """Note what a commit means for the properties."""
        if after.lease.holder != before.lease.holder:
            self._world.note("lease", before.lease.holder or "-", "->", after.lease.holder or "-")
            if before.lease.holder and not after.handed_over:
                self._passed_by(before.lease.holder, after)
        for key, amount in after.clamped.items():
            self.clamped[key] += amount
        after.clamped = {}
        after.handed_over = False

    def _passed_by(self, holder: str, tables: Tables) -> None:
        """A lease was taken from a holder: what it had granted and not written others can't know."""
        for machine in self._world.machines:
            records = machine.journals.get(holder)
            if records is not None:
                self.lost(records.sums(tables.records.get(holder, 0)))

    def lost(self, sums: dict[CounterKey, int]) -> None:
        """Note additions that were granted, and that the database does not show for the moment."""
        for key, amount in sums.items():
            self.unseen[key] += max(0, amount)

    def restored(self, old: Tables, new: Tables) -> None:
        """Note that an old dump was played back."""
        self.in_force.clear()
        for process in self._world.processes:
            self.excused[process.name] = self._world.now + 3.2
        for key, used in old.counters.items():
            self.unseen[key] += max(0, used - new.counters.get(key, 0))
            self.loose[key] += 1000

    # what has to hold

    def _violated(self, what: str, *words: object) -> None:
        world = self._world
        raise Violation("\n".join([*world.trace[-60:], f"{what} at {world.now:.2f}: {' '.join(map(str, words))}"]))  # fmt: skip

    def check_limit(self, process: Process, key: CounterKey) -> None:
        """Check the limit of a mail that was granted just now (P1)."""
        name = key.subject[0]
        keys = step_keys(key) if key.window in ROLLING_WINDOWS else [key]
        allowed = max(LIMIT, self.largest_limit[name]) + sum(
            self.unseen[one] + self.reset[one] + self.loose[one] for one in keys
        )
        granted = sum(self.granted[one] - self.released[one] for one in keys)
        if granted > allowed:
            self._violated("P1", process, key, granted, allowed)

    def check_memory(self, process: Process, key: CounterKey) -> None:
        """Check a grant that was made under the lease just now (P3)."""
        holder = self._world.server.tables.lease.holder
        if holder == process.name:
            return
        if self.excused.get(process.name, 0) > self._world.now:
            self.loose[key] += 1
            return
        self._violated("P3", process, "granted, holder is", holder)

    def check_command(self, process: Process, key: CounterKey, began: float) -> None:
        """Check that a mail that began then might be granted, whatever commands have returned (P5)."""
        now, name = self._world.now, key.subject[0]
        since, order = self.in_force.get(name, (now, 0))
        if (
            began > since
            and order == self.orders[name]
            and self.excused.get(process.name, 0) <= now
        ):
            self._violated("P5", process, key, "granted, though nothing may be sent since", since)

    def check_the_end(self) -> None:
        """Check each daemon and each counter, some time after the last fault (P2, P4)."""
        world = self._world
        for process in world.processes:
            if process.is_alive and process.last_decision < world.now - 35:
                self._violated("P4", process, process.lease.state, "decides nothing")
            faults = [
                e for e in process.events.recorded if isinstance(e, tuple) and e[0] == "fault"
            ]
            if faults:
                self._violated("a fault", process, faults)
        alive = {id(process.machine) for process in world.processes if process.is_alive}
        if any((m.journals or m.entries) and id(m) not in alive for m in world.machines):
            return  # the rest is booked by its next start
        counters = world.server.tables.counters
        window = world.limited.window
        for key in {*self.granted, *self.undecided, *(k for k in counters if k.window is window)}:
            due = self.granted[key] + self.undecided[key] - self.released[key]
            due += self.clamped[key] - self.reset[key]
            if abs(counters.get(key, 0) - due) > self.loose[key]:
                self._violated("P2", key, counters.get(key, 0), "and not", due)
