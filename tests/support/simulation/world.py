"""Daemons, people and faults around one database, and what may never happen whatever they do.

P1  No limit of a minute, or of a rolling window, is passed, but for mail that was accepted undecided and what a stopped or cut-off
    holder had granted and not written.
P2  In the end the database has what was granted and accepted, to the mail; at most one mail a
    session is left over by kill -9.
P3  Nothing is granted from memory while another daemon decides.
P4  Some seconds after the last fault each daemon decides again.
P5  A limit that a command has set holds once the command has returned.
"""

from __future__ import annotations

import random
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

from sendlimit.counting.counters import COUNTERS_MAX
from sendlimit.rules.counting_settings import CountingSettings
from sendlimit.rules.limit import CounterKey, LimitName, Scope, Unit
from sendlimit.rules.mailbox import Sender
from sendlimit.rules.rolling import step_keys
from sendlimit.rules.window import ROLLING_WINDOWS, Window
from sendlimit.store import Change
from sendlimit.store.changes import HolderWatch, Lease
from support.counting_samples import NOON, UTC, file_rules, setting
from support.simulation.actor import Actor
from support.simulation.process import Machine, Process
from support.simulation.server import Connection, Packet, Server, copied

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from support.doubles.store import Tables

LIMIT = 4
_ARMED_S = 3.0
"""How long a fault waits for the moment at which it is worst."""
SENDERS = {name: Sender(f"{name}@example.org", None) for name in "ab"}

FAULTS = (
    "stop", "stop", "vm", "cut", "kill", "kill9", "clean", "db", "restore", "cli", "cli", "reset",
    "forget",
)  # fmt: skip


class Fault:
    """One fault of a schedule: when, what, to which machine, how long."""

    def __init__(self, at: float, kind: str, machine: int = 0, lasts: float = 1.0) -> None:
        self.at = at
        self.kind = kind
        self.machine = machine
        self.lasts = lasts


class Violation(AssertionError):  # noqa: N818 - the word of the field
    """A property does not hold."""


class World:
    """One run.

    Args:
        seed: of everything that is left to chance.
        machines: how many daemons there are.
        faults: in any order; None: at random.
        begins: when each daemon starts; None: at random.
        stops_at: places in the code at which daemons are stopped now and then.
        window: of the limit.

    Attributes:
        now: seconds since the run began.
        granted, undecided, released: mails, by counter.
        trace: what happened.
    """

    END, SETTLE = 90.0, 45.0

    def __init__(  # noqa: PLR0913, PLR0917 - what makes a run
        self,
        seed: int,
        machines: int | None = None,
        faults: Sequence[Fault] | None = None,
        begins: Sequence[float] | None = None,
        stops_at: Sequence[str] = (),
        window: Window = Window.MINUTE,
    ) -> None:
        self.limited = LimitName(Scope.MAILBOX, Unit.MESSAGES, window)
        self.random = random.Random(seed)  # noqa: S311 - the same run for the same seed
        self.begin = NOON + 25
        self.now = 0.0
        self.is_quiet = False
        self.stops_at = stops_at
        self.settings = CountingSettings(file_rules(setting("*", str(self.limited), LIMIT)), UTC)
        self.server = Server()
        self.server.committed = self._committed
        self.trace: list[str] = []
        self.granted: Counter[CounterKey] = Counter()
        self.undecided: Counter[CounterKey] = Counter()
        self.released: Counter[CounterKey] = Counter()
        self.lost_sight: Counter[CounterKey] = Counter()
        """What others could not know: unwritten grants of a holder that was passed by."""
        self.reset: Counter[CounterKey] = Counter()
        self.clamped: Counter[CounterKey] = Counter()
        self.loose: Counter[CounterKey] = Counter()
        self.largest_limit: Counter[str] = Counter()
        self.in_force: dict[str, tuple[float, int]] = {}
        self.orders: Counter[str] = Counter()
        self.resets: Counter[str] = Counter()
        self.excused: dict[str, float] = {}
        self.from_memory = 0
        self.running: Actor
        self._fault_at = -1000.0
        self._later: list[tuple[float, Callable[[], None]]] = []
        self._armed: list[tuple[Process, Fault, str]] = []
        self._commands: list[Actor] = []
        count = machines or self.random.choice([1, 2, 2, 3])
        self._machines = [Machine() for _ in range(count)]
        self._starts = Counter[int]()
        self.processes: list[Process] = []
        self._faults = sorted(
            faults if faults is not None else self._random_faults(count),
            key=lambda fault: fault.at,
        )
        self._dump = copied(self.server.tables)
        self._dumped_at = 0.0
        for number in range(count):
            self._start(number, begins[number] if begins else self.random.choice([0, 0, 0.5, 15]))

    def run(self) -> None:
        """Run to the end.

        Raises:
            Violation: with the trace.
        """
        try:
            while self.now < self.END + self.SETTLE:
                self._events_of_now()
                if not self._step() or self.random.random() < 0.1:
                    self.now += self.random.choice([0.005, 0.02, 0.06])
                self.server.now = self.now
            self._check_the_end()
        finally:
            for actor in [*self._commands, *(a for p in self.processes for a in p.actors)]:
                actor.kill()

    def note(self, *words: object) -> None:
        """Add a line to the trace."""
        self.trace.append(f"{self.now:7.2f} {' '.join(map(str, words))}")

    def loosen(self, key: CounterKey) -> None:
        """Allow one mail of a session that was open."""
        self.loose[key] += 1

    @property
    def has_fault_lately(self) -> bool:
        """Whether a packet may have been lost to a fault."""
        return self.now - self._fault_at < 20

    def _violated(self, what: str, *words: object) -> None:
        raise Violation("\n".join([*self.trace[-60:], f"{what} at {self.now:.2f}: {' '.join(map(str, words))}"]))  # fmt: skip

    # the scheduler

    def _events_of_now(self) -> None:
        if self.now - self._dumped_at > 7 and self.random.random() < 0.01:
            self._dump, self._dumped_at = copied(self.server.tables), self.now
        if not self.is_quiet and self.now >= self.END:
            self._calm_down()
        while self._faults and self._faults[0].at <= self.now and not self.is_quiet:
            self._do(self._faults.pop(0))
        due = [item for item in self._later if item[0] <= self.now]
        for item in due:
            self._later.remove(item)
            item[1]()
        for process in self.processes:
            if 0 < process.paused_until <= self.now:
                process.go_on()
        for armed in list(self._armed):
            process, fault, moment = armed
            if (
                not process.is_alive
                or self.now > fault.at + _ARMED_S
                or self._is_at(process, moment)
            ):
                self._armed.remove(armed)
                if process.is_alive and not self.is_quiet:
                    self._do_to(process, fault)
        self.server.end_idle_transaction()

    def _is_at(self, process: Process, moment: str) -> bool:
        """Say whether a process is where a fault is worst: a packet on its way, the latch taken."""
        if moment == "latch":
            return self.server.has_latch(process)
        mine = (one for one in self.server.connections if one.client is process)
        return moment == "now" or any(one.inbox for one in mine)

    def _step(self) -> bool:
        """Let one thread, or the server, do something; return False if nothing can."""
        choices: list[Actor | Connection] = [
            actor
            for process in self.processes
            if process.is_alive and process.paused_until <= self.now
            for actor in process.actors
            if not actor.done and actor.condition()
        ]
        choices += [actor for actor in self._commands if not actor.done and actor.condition()]
        choices += [one for one in self.server.connections if self.server.can_execute(one)]
        gone = [one for one in self.server.connections if not one.client_open]
        if gone and self.server.notice_the_gone(self.random.choice(gone)):
            return True
        if not choices:
            return False
        choice = self.random.choice(choices)
        if isinstance(choice, Connection):
            self.server.execute(choice)
            self.now += self.random.choice([0, 0.001, 0.003])
        else:
            self.running = choice
            choice.resume()
            self.now += self.random.choice([0, 0, 0.001])
        return True

    def _calm_down(self) -> None:
        self.is_quiet = True
        self.server.is_up = True
        for machine in self._machines:
            machine.is_cut_off = False
        for process in self.processes:
            process.go_on()
        self.note("no more faults")

    # mail

    def sessions(self, process: Process) -> list[Callable[[], None]]:
        """Return what the sessions of a process do."""
        return [partial(self._send_mail, process, number) for number in (1, 2)]

    def _send_mail(self, process: Process, number: int) -> None:
        while (
            not process.is_stopping and process.is_alive and self.now < self.END + self.SETTLE - 8
        ):
            process.sleep(self.random.choice([0, 0.1, 0.4, 1.5, 3]))
            if not self._may_send(process):
                return
            name = self.random.choice("aab")
            at = int(process.wall_clock())
            key = self.key_of(SENDERS[name], at)
            session = process.actors[number]
            process.waiting[session] = key
            began, resets = self.now, self.resets[name]
            reservation = process.ledger.reserve(SENDERS[name], at)
            del process.waiting[session]
            decision = reservation.decision
            if decision is None:
                process.ledger.book(reservation, 0, at)
                self.undecided[key] += 1
                continue
            process.last_decision = self.now
            if decision.refused:
                continue
            self.granted[key] += 1
            if reservation.plan is not None:
                self.from_memory += 1
                self.check_memory(process, key)
            self._check_limit(process, key)
            self._check_command(process, name, key, began)
            process.sleep(self.random.choice([0, 0.05, 0.5, 5]))
            if self.random.random() < 0.3:
                process.ledger.release(reservation)
                self.released[key] += 1
                if self.resets[name] != resets:
                    self.loose[key] += 1  # it was taken away already: perhaps nothing is left

    @staticmethod
    def _may_send(process: Process) -> bool:
        return process.is_alive and not process.is_stopping

    def key_of(self, sender: Sender, at: int) -> CounterKey:
        """Return the counter that a mail is charged to."""
        scope, unit, window = self.limited
        return CounterKey(scope, sender.mailbox, unit, window, UTC.period(window, at).start)

    def _check_limit(self, process: Process, key: CounterKey) -> None:
        name = key.subject[0]
        keys = step_keys(key) if key.window in ROLLING_WINDOWS else [key]
        allowed = max(LIMIT, self.largest_limit[name]) + sum(
            self.lost_sight[one] + self.reset[one] + self.loose[one] for one in keys
        )
        granted = sum(self.granted[one] - self.released[one] for one in keys)
        if granted > allowed:
            self._violated("P1", process, key, granted, allowed)

    def check_memory(self, process: Process, key: CounterKey) -> None:
        """Check a grant that was made under the lease just now (P3)."""
        if self.server.tables.lease.holder == process.name:
            return
        if self.excused.get(process.name, 0) > self.now:
            self.loose[key] += 1
            return
        self._violated("P3", process, "granted, holder is", self.server.tables.lease.holder)

    def _check_command(self, process: Process, name: str, key: CounterKey, began: float) -> None:
        since, order = self.in_force.get(name, (self.now, 0))
        if (
            began > since
            and order == self.orders[name]
            and self.excused.get(process.name, 0) <= self.now
        ):
            self._violated("P5", process, key, "granted, though nothing may be sent since", since)

    def _check_the_end(self) -> None:
        for process in self.processes:
            if process.is_alive and process.last_decision < self.now - 35:
                self._violated("P4", process, process.lease.state, "decides nothing")
            faults = [
                e for e in process.events.recorded if isinstance(e, tuple) and e[0] == "fault"
            ]
            if faults:
                self._violated("a fault", process, faults)
        alive = {id(process.machine) for process in self.processes if process.is_alive}
        if any((m.journals or m.entries) and id(m) not in alive for m in self._machines):
            return  # the rest is booked by its next start
        tables = self.server.tables
        for key in {*self.granted, *self.undecided, *(k for k in tables.counters if k.window is self.limited.window)}:  # fmt: skip
            due = self.granted[key] + self.undecided[key] - self.released[key]
            due += self.clamped[key] - self.reset[key]
            if abs(tables.counters.get(key, 0) - due) > self.loose[key]:
                self._violated("P2", key, tables.counters.get(key, 0), "and not", due)

    # the database

    def _committed(self, before: Tables, after: Tables) -> None:
        """Note what a commit means for the properties."""
        if after.lease.holder != before.lease.holder:
            self.note("lease", before.lease.holder or "-", "->", after.lease.holder or "-")
            if before.lease.holder and not after.handed_over:
                self._lose_sight(before.lease.holder, after)
        for key, amount in after.clamped.items():
            self.clamped[key] += amount
        after.clamped = {}
        after.handed_over = False

    def _lose_sight(self, holder: str, tables: Tables) -> None:
        """A lease was taken from a holder: what it had granted and not written others can't know."""
        for machine in self._machines:
            records = machine.journals.get(holder)
            if records is not None:
                for key, amount in records.sums(tables.records.get(holder, 0)).items():
                    self.lost_sight[key] += max(0, amount)

    def _promised(self, sums: dict[CounterKey, int]) -> None:
        for key, amount in sums.items():
            self.lost_sight[key] += max(0, amount)

    # people

    def _order(self, name: str, limit: int | None) -> None:
        """`limit set`, or without a limit `usage reset`, as sendlimit.store.changes does it."""
        client = Machine()
        connection = self.server.connect(client)
        mailbox = SENDERS[name].mailbox
        number: list[int] = []
        order: list[int] = []

        def change(tables: Tables) -> Lease:
            self.orders[name] += 1
            order.append(self.orders[name])
            number.append(
                len(tables.changes) + 1 if not tables.changes else tables.changes[-1].id + 1
            )
            tables.changes.append(Change(number[0], mailbox))
            if limit is None:
                self.resets[name] += 1
                for key in [k for k in tables.counters if k.subject == mailbox]:
                    self.reset[key] += tables.counters[key]
                    tables.counters[key] = 0
            else:
                tables.limits = [row for row in tables.limits if row.subject != mailbox]
                tables.limits.append(setting(mailbox, str(self.limited), limit))
                self.largest_limit[name] = max(self.largest_limit[name], limit)
            return Lease(*tables.lease)

        made = self._ask(connection, change, latch=True)
        if made is None:
            return
        watch = HolderWatch(number[0], made, self.now)
        verdict: str | None = None
        while made.holder and verdict is None:
            self._sleep(0.05)
            lease = self._ask(connection, lambda tables: Lease(*tables.lease), latch=False)
            if lease is None:
                return
            verdict = watch.verdict(lease, self.now)
        connection.client_open = False
        self.note("the command for", name, limit, "has returned:", verdict)
        if limit == 0 and not (verdict and "lives" in verdict):
            self.in_force[name] = self.now, order[0]

    def _ask(
        self, connection: Connection, work: Callable[[Tables], Lease], *, latch: bool
    ) -> Lease | None:
        connection.inbox.append(Packet(work, latch=latch, goes_on=False, commits=latch))
        self.running.wait(lambda: bool(connection.answers) or not connection.server_open)
        answer = connection.answers.pop(0) if connection.answers else None
        return answer if isinstance(answer, Lease) else None

    def _sleep(self, seconds: float) -> None:
        until = self.now + seconds
        self.running.wait(lambda: self.now >= until)

    # faults

    def _start(self, number: int, begins_in: float = 0.0) -> None:
        machine = self._machines[number]
        if any(p.machine is machine and p.is_alive for p in self.processes):
            self._later.append((self.now + 0.5, lambda: self._start(number)))  # state_dir is locked
            return
        self._starts[number] += 1
        process = Process(self, machine, f"{'ABC'[number]}{self._starts[number]}", begins_in)
        process.store.promised = self._promised
        self.processes.append(process)

    def _random_faults(self, machines: int) -> Iterator[Fault]:
        for _ in range(self.random.choice([1, 2, 3, 4])):
            yield Fault(
                self.random.uniform(2, self.END - 5),
                self.random.choice(FAULTS),
                self.random.randrange(machines),
                self.random.choice([0.3, 1.5, 3.5, 6, 12, 20]),
            )

    def _do(self, fault: Fault) -> None:
        machine = self._machines[fault.machine]
        alive = [p for p in self.processes if p.machine is machine and p.is_alive]
        if fault.kind in {"db", "restore"}:
            self._fault_at = self.now
        if fault.kind in {"cli", "reset"}:
            limit = None if fault.kind == "reset" else self.random.choice([0, 0, 2, 6])
            name = self.random.choice("ab")
            self._commands.append(Actor(lambda: self._order(name, limit)))
        elif fault.kind == "restore":
            self._restore()
        elif fault.kind == "db":
            self.server.is_up = False
            for connection in self.server.connections:
                self.server.kill(connection)
            self._later.append(
                (self.now + fault.lasts, lambda: setattr(self.server, "is_up", True))
            )
        elif alive:
            self._armed.append((alive[0], fault, self.random.choice(["now", "packet", "latch"])))
        elif fault.kind in {"kill9", "clean"}:
            self._start(fault.machine)

    def _do_to(self, process: Process, fault: Fault) -> None:
        self.note("fault", fault.kind, process, fault.lasts)
        if fault.kind in {"kill", "cut", "kill9", "host"}:
            self._fault_at = self.now
        do = {
            "stop": self._pause, "vm": self._pause, "cut": self._cut_off, "kill": self._kill_connections,
            "kill9": self._kill, "host": self._kill, "clean": self._stop, "forget": self._forget,
        }  # fmt: skip
        do[fault.kind](process, fault)

    def _pause(self, process: Process, fault: Fault) -> None:
        process.paused_until = self.now + fault.lasts
        if fault.kind == "vm":
            process.stands_still_since = self.now
            self.excused[process.name] = self.now + fault.lasts + 4

    def _cut_off(self, process: Process, fault: Fault) -> None:
        machine = process.machine
        machine.is_cut_off = True
        self._later.append((self.now + fault.lasts, lambda: setattr(machine, "is_cut_off", False)))

    def _kill_connections(self, process: Process, _fault: Fault) -> None:
        for connection in [c for c in self.server.connections if c.client is process]:
            if self.random.random() < 0.5 and self.server.can_execute(connection):
                self.server.execute(connection)
            connection.answers.clear()
            self.server.kill(connection)

    def _kill(self, process: Process, fault: Fault) -> None:
        process.is_dead = fault.kind == "host"
        process.kill()
        if fault.kind == "kill9":
            self._later.append((self.now + fault.lasts / 10, lambda: self._start(fault.machine)))

    def _stop(self, process: Process, fault: Fault) -> None:
        process.is_stopping = True
        self._later.append((self.now + fault.lasts, lambda: self._start(fault.machine)))

    def _forget(self, process: Process, _fault: Fault) -> None:
        """Come above the cap of counters once."""
        counters = process.ledger.counters
        counters.limit = 0
        process.ledger.memory.plans.look_at_clock(int(process.wall_clock()))
        counters.limit = COUNTERS_MAX

    def _restore(self) -> None:
        """Play back an old dump; until the next flush, or the lease's end, no daemon can know."""
        old = self.server.tables
        self.note("restored the dump of", self._dumped_at, self._dump.lease)
        self.server.restore(self._dump)
        self.in_force.clear()
        for process in self.processes:
            self.excused[process.name] = self.now + 3.2
        for key, used in old.counters.items():
            self.lost_sight[key] += max(0, used - self.server.tables.counters.get(key, 0))
            self.loose[key] += 1000
