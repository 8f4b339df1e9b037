"""Daemons, people and faults around one database: one thing happens at a time, in an order of chance.

What may never happen is at the head of properties.py.
"""

from __future__ import annotations

import random
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

from sendlimit.rules.counting_settings import CountingSettings
from sendlimit.rules.limit import CounterKey, LimitName, Scope, Unit
from sendlimit.rules.window import Window
from support.counting_samples import NOON, UTC, file_rules, setting
from support.simulation.commands import Commands
from support.simulation.faults import Faults
from support.simulation.process import SENDERS, Machine, Process
from support.simulation.properties import LIMIT, Properties
from support.simulation.server import Connection, Server

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sendlimit.rules.mailbox import Sender
    from support.simulation.actor import Actor
    from support.simulation.faults import Fault


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
        trace: what happened.
        properties: what has to hold.
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
        self.trace: list[str] = []
        self.running: Actor
        self._later: list[tuple[float, Callable[[], None]]] = []
        count = machines or self.random.choice([1, 2, 2, 3])
        self.machines = [Machine() for _ in range(count)]
        self._starts = Counter[int]()
        self.processes: list[Process] = []
        self.properties = Properties(self)
        self.server.committed = self.properties.committed
        self.commands = Commands(self)
        self._faults = Faults(self, faults)
        for number in range(count):
            self.start(number, begins[number] if begins else self.random.choice([0, 0, 0.5, 15]))

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
            self.properties.check_the_end()
        finally:
            for actor in [*self.commands.actors, *(a for p in self.processes for a in p.actors)]:
                actor.kill()

    def do_in(self, seconds: float, work: Callable[[], None]) -> None:
        """Do something later."""
        self._later.append((self.now + seconds, work))

    def note(self, *words: object) -> None:
        """Add a line to the trace."""
        self.trace.append(f"{self.now:7.2f} {' '.join(map(str, words))}")

    @property
    def has_fault_lately(self) -> bool:
        """Whether a packet may have been lost to a fault."""
        return self.now - self._faults.last_at < 20

    # the scheduler

    def _events_of_now(self) -> None:
        self._faults.dump_now_and_then()
        if not self.is_quiet and self.now >= self.END:
            self._calm_down()
        if not self.is_quiet:
            self._faults.begin_due()
        due = [item for item in self._later if item[0] <= self.now]
        for item in due:
            self._later.remove(item)
            item[1]()
        for process in self.processes:
            if 0 < process.paused_until <= self.now:
                process.go_on()
        self._faults.strike()
        self.server.end_idle_transaction()

    def _step(self) -> bool:
        """Let one thread, or the server, do something; return False if nothing can."""
        choices: list[Actor | Connection] = [
            actor
            for process in self.processes
            if process.is_alive and process.paused_until <= self.now
            for actor in process.actors
            if not actor.done and actor.condition()
        ]
        choices += [actor for actor in self.commands.actors if not actor.done and actor.condition()]
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
        for machine in self.machines:
            machine.is_cut_off = False
        for process in self.processes:
            process.go_on()
        self.note("no more faults")

    # mail

    def sessions(self, process: Process) -> list[Callable[[], None]]:
        """Return what the sessions of a process do."""
        return [partial(self._send_mail, process, number) for number in (1, 2)]

    def _send_mail(self, process: Process, number: int) -> None:
        properties = self.properties
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
            began, resets = self.now, properties.resets[name]
            reservation = process.ledger.reserve(SENDERS[name], at)
            del process.waiting[session]
            decision = reservation.decision
            if decision is None:
                process.ledger.book(reservation, 0, at)
                properties.undecided[key] += 1
                continue
            process.last_decision = self.now
            if decision.refused:
                continue
            properties.granted[key] += 1
            if reservation.keys is not None:
                properties.check_memory(process, key)
            properties.check_limit(process, key)
            properties.check_command(process, key, began)
            process.sleep(self.random.choice([0, 0.05, 0.5, 5]))
            if self.random.random() < 0.3:
                process.ledger.release(reservation)
                properties.released[key] += 1
                if properties.resets[name] != resets:
                    properties.loose[key] += 1  # it was taken away already: perhaps nothing is left

    @staticmethod
    def _may_send(process: Process) -> bool:
        return process.is_alive and not process.is_stopping

    def key_of(self, sender: Sender, at: int) -> CounterKey:
        """Return the counter that a mail is charged to."""
        scope, unit, window = self.limited
        return CounterKey(scope, sender.mailbox, unit, window, UTC.period(window, at).start)

    # daemons

    def start(self, number: int, begins_in: float = 0.0) -> None:
        """Start a daemon on a machine, once its last start has ended."""
        machine = self.machines[number]
        if any(p.machine is machine and p.is_alive for p in self.processes):
            self.do_in(0.5, lambda: self.start(number))  # state_dir is locked
            return
        self._starts[number] += 1
        process = Process(self, machine, f"{'ABC'[number]}{self._starts[number]}", begins_in)
        process.store.lost_early_answers = self.properties.lost
        self.processes.append(process)
