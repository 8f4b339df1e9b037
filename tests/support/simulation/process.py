"""One simulated daemon start: the real ledger and committer, two sessions that send mail, a clock of its own."""

from __future__ import annotations

from collections import deque
from queue import Empty
from typing import TYPE_CHECKING, Any

from sendlimit.counting.committer import Committer
from sendlimit.counting.lease import Lease
from sendlimit.counting.ledger import Ledger
from sendlimit.counting.left_journals import LeftStretch
from sendlimit.counting.waiter import Waiter, WaiterState
from sendlimit.rules.mailbox import Sender
from support.doubles.events import RecordingEvents
from support.doubles.records import ListedRecords
from support.simulation.actor import Actor
from support.simulation.network_store import NetworkStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from sendlimit.counting.batch import Answer
    from sendlimit.counting.unbooked_file import UnbookedEntry
    from sendlimit.rules.decision import Request
    from sendlimit.rules.limit import CounterKey
    from support.simulation.world import World

DECIDE_S = 2.0
SENDERS = {name: Sender(f"{name}@example.org", None) for name in "ab"}


class Machine:
    """What outlives a process: its state_dir, and the network.

    Attributes:
        journals: by token of the process that wrote them; gone once booked.
        entries: the unbooked file.
        is_cut_off: no packet gets through.
    """

    def __init__(self) -> None:
        self.journals: dict[str, ListedRecords] = {}
        self.entries: list[UnbookedEntry] = []
        self.is_cut_off = False


class KeptRecords(ListedRecords):
    """A crash journal on a machine."""

    def __init__(self, machine: Machine, token: str) -> None:
        super().__init__()
        self._machine = machine
        self._token = token
        machine.journals[token] = self

    def remove(self) -> bool:
        """All is booked."""
        del self._machine.journals[self._token]
        return True


class LeftRecords:
    """A journal that an earlier start left."""

    damage = ()

    def __init__(self, machine: Machine, token: str) -> None:
        self.token = token
        self._machine = machine

    def next_stretch(
        self, booked: int, counters_max: int, not_before: int = 0
    ) -> LeftStretch | None:
        """Return two records that are not booked: a replay can end in the middle."""
        del counters_max, not_before
        records = [r for r in self._machine.journals[self.token].records if r.number > booked][:2]
        if not records:
            return None
        sums: dict[CounterKey, int] = {}
        for record in records:
            for key in record.keys:
                sums[key] = sums.get(key, 0) + record.amount
        return LeftStretch(records[-1].number, sums)

    def remove(self) -> None:
        """All is booked."""
        self._machine.journals.pop(self.token, None)


class KeptEntries:
    """The unbooked file of a machine."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def load(self) -> list[UnbookedEntry]:
        """Return what an earlier stop left."""
        return list(self._machine.entries)

    def save(self, entries: list[UnbookedEntry]) -> None:
        """Replace it."""
        self._machine.entries = list(entries)


class SimulatedQueue:
    """A queue whose get() lets others run."""

    def __init__(self, process: Process) -> None:
        self._items: deque[Any] = deque()
        self._process = process

    def put(self, item: object) -> None:
        """Put."""
        self._items.append(item)

    def get(self, timeout: float) -> Any:  # noqa: ANN401 - as SimpleQueue's
        """Wait for an item."""
        until = self._process.uptime() + timeout
        self._process.wait(lambda: bool(self._items) or self._process.uptime() >= until)
        return self.get_nowait()

    def get_nowait(self) -> Any:  # noqa: ANN401 - as SimpleQueue's
        """Return an item."""
        if not self._items:
            raise Empty
        return self._items.popleft()

    def empty(self) -> bool:
        """Say whether there is none."""
        return not self._items

    def qsize(self) -> int:
        """Return how many there are."""
        return len(self._items)


class CheckedWaiter(Waiter):
    """Is looked at when it is answered."""

    process: Process

    def answer(self, answer: Answer) -> bool:
        """As Waiter's; what is granted under the lease is granted while nobody else decides."""
        process, request = self.process, self.request
        if (
            process.lease.holds
            and not answer.decision.refused
            and self.state is WaiterState.WAITING
        ):
            process.world.properties.check_memory(
                process, process.world.key_of(request.sender, request.at)
            )
        return super().answer(answer)


class SimulatedLedger(Ledger):
    """Waits on simulated time.

    Attributes:
        asking: of each session that waits, the key of its mail.
    """

    process: Process

    def ask(self, request: Request) -> Answer | None:
        """As Ledger's, with another way to wait."""
        if not self.up or self.stuck:
            return None
        waiter = CheckedWaiter(request)
        waiter.process = self.process
        self.queue.put(waiter)
        until = self.process.uptime() + DECIDE_S
        self.process.wait(
            lambda: waiter.state is not WaiterState.WAITING or self.process.uptime() >= until
        )
        if waiter.abandon():
            self.stuck = True
        return waiter.result


class Process:
    """One start.

    Attributes:
        name: also its id on the database, and its journal's token.
        paused_until: SIGSTOP, or a virtual machine that stands still, until this moment.
        lag: by how much its clock is behind, as it stood still.
        stands_still_since: a virtual machine that is paused.
        skew: by how much its wall clock is ahead.
        is_dead: its host died: nothing is closed, nothing is answered.
    """

    def __init__(self, world: World, machine: Machine, name: str, begins_in: float) -> None:
        self.world = world
        self.machine = machine
        self.name = name
        self.paused_until = 0.0
        self.lag = 0.0
        self.stands_still_since: float | None = None
        self.skew = world.random.uniform(-4, 4)
        self.rate = 1 + world.random.choice([-0.01, 0, 0.01])
        self.is_alive = True
        self.is_dead = False
        self.is_stopping = False
        self.last_decision = world.now
        self.waiting: dict[Actor, CounterKey] = {}
        self.journal = KeptRecords(machine, name)
        self.lease = Lease(name, [token for token in machine.journals if token != name])
        self.ledger = SimulatedLedger(
            world.settings, DECIDE_S, self.lease, self.journal, clock=self.uptime
        )
        self.ledger.process = self
        self.ledger.queue = SimulatedQueue(self)  # type: ignore[assignment]
        self.store = NetworkStore(world.server, self)
        self.events = RecordingEvents()
        self.committer = Committer(
            self.ledger,
            self.store,
            KeptEntries(machine),  # type: ignore[arg-type]
            self.events,
            left=[LeftRecords(machine, token) for token in machine.journals if token != name],  # type: ignore[misc]
            clock=self.wall_clock,
            uptime=self.uptime,
        )
        begins_at = world.now + begins_in
        self.actors = [Actor(self._commit), *(Actor(work) for work in world.sessions(self))]
        for actor in self.actors:
            actor.condition = lambda: world.now >= begins_at

    def __str__(self) -> str:
        """Return its name."""
        return self.name

    def uptime(self) -> float:
        """CLOCK_BOOTTIME, with a drift of its own."""
        now = self.world.now if self.stands_still_since is None else self.stands_still_since
        return (now - self.lag) * self.rate + 1000

    def wall_clock(self) -> float:
        """Seconds since 1970."""
        return self.world.begin + self.world.now + self.skew

    @property
    def is_cut_off(self) -> bool:
        """Whether no packet gets through."""
        return self.machine.is_cut_off or self.is_dead

    @property
    def is_at_fault(self) -> bool:
        """Whether a fault of the database or the network can have lost a packet."""
        return self.world.has_fault_lately or self.is_cut_off or not self.world.server.is_up

    def wait(self, condition: Callable[[], bool]) -> None:
        """Let others run until a condition holds; called by one of its own threads."""
        self.world.running.wait(condition)

    def go_on(self) -> None:
        """End a pause."""
        self.paused_until = 0.0
        if self.stands_still_since is not None:
            self.lag += self.world.now - self.stands_still_since
            self.stands_still_since = None

    def sleep(self, seconds: float) -> None:
        """Let others run for some seconds."""
        until = self.uptime() + seconds
        self.wait(lambda: self.uptime() >= until)

    def may_stop(self, place: str) -> None:
        """Be stopped here now and then, where the schedule says so."""
        world = self.world
        if place in world.stops_at and not world.is_quiet and world.random.random() < 0.1:
            self.paused_until = world.now + world.random.choice([0.3, 2.5, 6.5, 12])
            world.note(self, "stopped", place)
            self.wait(lambda: True)

    def kill(self) -> None:
        """Kill -9: its connections close, unless its host is dead."""
        self.is_alive = False
        for connection in self.world.server.connections:
            if connection.client is self:
                connection.client_open = False
        for key in self.waiting.values():
            self.world.properties.loose[key] += 1
        for actor in self.actors:
            actor.kill()

    def _commit(self) -> None:
        """What CommitterThread does."""
        self.committer.load()
        while True:
            self.committer.step()
            if self.is_stopping:
                self.is_stopping = False
                self.committer.stopping()
            if self.committer.is_done:
                break
            self.committer.wait()
        self.ledger.end(booked=self.committer.finish())
        self.world.note(self, "ended")
        self.is_alive = False
