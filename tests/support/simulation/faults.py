"""The faults of a simulated world: which there are, when they happen, what they do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendlimit.counting.counters import COUNTERS_MAX
from support.simulation.server import copied

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from support.simulation.process import Process
    from support.simulation.world import World

_ARMED_S = 3.0
"""How long a fault waits for the moment at which it is worst."""

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


class Faults:
    """The faults of one world.

    Args:
        world: to which they happen.
        faults: in any order; None: at random.

    Attributes:
        last_at: when one has happened that may have lost a packet.
    """

    def __init__(self, world: World, faults: Sequence[Fault] | None) -> None:
        self.last_at = -1000.0
        self._world = world
        self._armed: list[tuple[Process, Fault, str]] = []
        self._waiting = sorted(
            faults if faults is not None else self._at_random(), key=lambda fault: fault.at
        )
        self._dump = copied(world.server.tables)
        self._dumped_at = 0.0

    def _at_random(self) -> Iterator[Fault]:
        world = self._world
        for _ in range(world.random.choice([1, 2, 3, 4])):
            yield Fault(
                world.random.uniform(2, world.END - 5),
                world.random.choice(FAULTS),
                world.random.randrange(len(world.machines)),
                world.random.choice([0.3, 1.5, 3.5, 6, 12, 20]),
            )

    def dump_now_and_then(self) -> None:
        """Make a dump that may be played back later."""
        world = self._world
        if world.now - self._dumped_at > 7 and world.random.random() < 0.01:
            self._dump, self._dumped_at = copied(world.server.tables), world.now

    def begin_due(self) -> None:
        """Let those happen, or wait for their moment, whose time has come."""
        while self._waiting and self._waiting[0].at <= self._world.now:
            self._do(self._waiting.pop(0))

    def strike(self) -> None:
        """Let those happen whose moment has come, or does not come."""
        world = self._world
        for armed in list(self._armed):
            process, fault, moment = armed
            if (
                not process.is_alive
                or world.now > fault.at + _ARMED_S
                or self._is_at(process, moment)
            ):
                self._armed.remove(armed)
                if process.is_alive and not world.is_quiet:
                    self._do_to(process, fault)

    def _is_at(self, process: Process, moment: str) -> bool:
        """Say whether a process is where a fault is worst: a packet on its way, the latch taken."""
        server = self._world.server
        if moment == "latch":
            return server.has_latch(process)
        mine = (one for one in server.connections if one.client is process)
        return moment == "now" or any(one.inbox for one in mine)

    def _do(self, fault: Fault) -> None:
        world = self._world
        machine = world.machines[fault.machine]
        alive = [p for p in world.processes if p.machine is machine and p.is_alive]
        if fault.kind in {"db", "restore"}:
            self.last_at = world.now
        if fault.kind in {"cli", "reset"}:
            world.commands.begin(resets=fault.kind == "reset")
        elif fault.kind == "restore":
            self._restore()
        elif fault.kind == "db":
            world.server.is_up = False
            for connection in world.server.connections:
                world.server.kill(connection)
            world.do_in(fault.lasts, lambda: setattr(world.server, "is_up", True))
        elif alive:
            self._armed.append((alive[0], fault, world.random.choice(["now", "packet", "latch"])))
        elif fault.kind in {"kill9", "clean"}:
            world.start(fault.machine)

    def _do_to(self, process: Process, fault: Fault) -> None:
        self._world.note("fault", fault.kind, process, fault.lasts)
        if fault.kind in {"kill", "cut", "kill9", "host"}:
            self.last_at = self._world.now
        do = {
            "stop": self._pause, "vm": self._pause, "cut": self._cut_off, "kill": self._kill_connections,
            "kill9": self._kill, "host": self._kill, "clean": self._stop, "forget": self._forget,
        }  # fmt: skip
        do[fault.kind](process, fault)

    def _pause(self, process: Process, fault: Fault) -> None:
        until = self._world.now + fault.lasts
        process.paused_until = until
        if fault.kind == "vm":
            process.stands_still_since = self._world.now
            self._world.properties.excused[process.name] = until + 4

    def _cut_off(self, process: Process, fault: Fault) -> None:
        machine = process.machine
        machine.is_cut_off = True
        self._world.do_in(fault.lasts, lambda: setattr(machine, "is_cut_off", False))

    def _kill_connections(self, process: Process, _fault: Fault) -> None:
        server = self._world.server
        for connection in [c for c in server.connections if c.client is process]:
            if self._world.random.random() < 0.5 and server.can_execute(connection):
                server.execute(connection)
            connection.answers.clear()
            server.kill(connection)

    def _kill(self, process: Process, fault: Fault) -> None:
        process.is_dead = fault.kind == "host"
        process.kill()
        if fault.kind == "kill9":
            self._world.do_in(fault.lasts / 10, lambda: self._world.start(fault.machine))

    def _stop(self, process: Process, fault: Fault) -> None:
        process.is_stopping = True
        self._world.do_in(fault.lasts, lambda: self._world.start(fault.machine))

    @staticmethod
    def _forget(process: Process, _fault: Fault) -> None:
        """Come above the cap of counters once."""
        counters = process.ledger.counters
        counters.limit = 0
        process.ledger.memory.plans.look_at_clock(int(process.wall_clock()))
        counters.limit = COUNTERS_MAX

    def _restore(self) -> None:
        """Play back an old dump; until the next flush, or the lease's end, no daemon can know."""
        server = self._world.server
        old = server.tables
        self._world.note("restored the dump of", self._dumped_at, self._dump.lease)
        server.restore(self._dump)
        self._world.properties.restored(old, server.tables)
