"""One to three daemons on one database, any faults: the properties at the head of properties.py hold.

The real ledger, lease, memory and committer run on simulated time, on a simulated database and
network. The second half shows that the test can fail: with one piece of the protocol switched
off, a violation is found.
"""

from __future__ import annotations

import random
from contextlib import ExitStack
from typing import TYPE_CHECKING
from unittest import mock

import pytest

from sendlimit.counting import batch_writer, write_behind
from sendlimit.counting.counters import Counters
from sendlimit.counting.lease import Claim, Lease
from sendlimit.counting.memory import Memory
from sendlimit.counting.stretches import Stretch, Stretches
from sendlimit.store import changes
from support.doubles.store import Tables
from support.simulation import server
from support.simulation.faults import Fault
from support.simulation.properties import Violation
from support.simulation.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

    from sendlimit.store import Flush, Flushed

pytestmark = pytest.mark.timeout(600)  # seconds of computing, which a busy machine takes long for

_SEEDS = 25
"""Runs of one test; each is two minutes of simulated time and a third of a second of ours."""


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_writer, "CONFLICT_PAUSE_S", 0)


@pytest.mark.parametrize("chunk", range(12))
def test_any_faults(chunk: int) -> None:
    """Pauses, cut networks, killed connections and processes, outages, dumps, commands, minutes that end."""
    for seed in range(chunk * _SEEDS, (chunk + 1) * _SEEDS):
        World(seed).run()


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("chunk", range(20))
def test_any_faults_for_long(chunk: int) -> None:
    """The same, thousands of runs."""
    for seed in range(10_000 + chunk * 250, 10_000 + (chunk + 1) * 250):
        World(seed).run()


class _Schedule:
    """Faults near the weak spot of a piece, so that few runs find it.

    Args:
        begins: when each daemon starts.
        faults: what happens.
        stops_at: places in the code at which daemons are stopped now and then.
    """

    def __init__(
        self, begins: list[float], faults: list[Fault], stops_at: tuple[str, ...] = ()
    ) -> None:
        self.begins = begins
        self.faults = faults
        self.stops_at = stops_at

    def run(self, seed: int) -> None:
        """Run it once."""
        World(seed, len(self.begins), self.faults, self.begins, self.stops_at).run()


def _hand_over_and_back(chance: random.Random) -> _Schedule:
    return _Schedule([0, 12], [Fault(chance.uniform(15, 30), "clean", 1, 60)])


def _forgotten(chance: random.Random) -> _Schedule:
    return _Schedule([0], [Fault(chance.uniform(3, 70), "forget") for _ in range(8)])


def _killed(chance: random.Random) -> _Schedule:
    return _Schedule([0], [Fault(chance.uniform(30, 60), "kill9", 0, 3)])


def _commands_while_cut_off(_chance: random.Random) -> _Schedule:
    return _Schedule(
        [0], [Fault(at, kind, 0, 4) for at in range(5, 75, 9) for kind in ("cut", "cli", "cli")]
    )


def _commands_and_stops(chance: random.Random) -> _Schedule:
    faults = [Fault(chance.uniform(5, 70), "cli") for _ in range(20)]
    return _Schedule([0], faults, ("with a change read",))


def _dead_host(chance: random.Random) -> _Schedule:
    return _Schedule([0, 0], [Fault(chance.uniform(8, 70), "host")])


def _lost_connections(chance: random.Random) -> _Schedule:
    return _Schedule([0], [Fault(chance.uniform(3, 80), "kill") for _ in range(20)])


def _come_and_go(chance: random.Random) -> _Schedule:
    faults = [
        Fault(chance.uniform(8, 60), "clean", chance.randrange(3), chance.uniform(0.1, 3))
        for _ in range(3)
    ]
    return _Schedule([0, chance.uniform(3, 20), chance.uniform(3, 20)], faults)


def _stopped_while_sharing(chance: random.Random) -> _Schedule:
    faults = [Fault(chance.uniform(8, 60), "stop", 0, chance.uniform(11, 14)) for _ in range(2)]
    return _Schedule([0, 0], faults)


_ALL = (
    _hand_over_and_back,
    _forgotten,
    _killed,
    _commands_while_cut_off,
    _commands_and_stops,
    _dead_host,
    _lost_connections,
    _come_and_go,
    _stopped_while_sharing,
)


@pytest.mark.parametrize("schedule", _ALL, ids=lambda schedule: schedule.__name__.strip("_"))
def test_weak_spots(schedule: Callable[[random.Random], _Schedule]) -> None:
    """Nothing is switched off: the schedules that find each missing piece find nothing."""
    _run_many(schedule, _SEEDS)


def _run_many(schedule: Callable[[random.Random], _Schedule], runs: int) -> None:
    for seed in range(runs):
        schedule(random.Random(seed)).run(seed)  # noqa: S311 - the same run for the same seed


# what happens without a piece


def _keep_memory(stack: ExitStack) -> None:
    """Taking the lease does not empty the memory."""
    stack.enter_context(mock.patch.object(Memory, "forget"))


def _forget_quietly(stack: ExitStack) -> None:
    """Forgetting counters leaves their period complete."""

    def tidy(self: Counters, _at: int, last: int) -> None:
        self._stretches.close(last)
        for group in self._groups.values():
            group.counters.clear()
            group.idle.clear()

    stack.enter_context(mock.patch.object(Counters, "tidy", tidy))


def _no_record_number(stack: ExitStack) -> None:
    """A flush does not write up to which record it has booked."""
    take = Stretches.take

    def taken(self: Stretches, last: int) -> Stretch:
        return take(self, last)._replace(last=0)

    stack.enter_context(mock.patch.object(Stretches, "take", taken))


def _short_wait(stack: ExitStack) -> None:
    """A command returns before a holder that is silent has stopped granting."""
    stack.enter_context(mock.patch.object(changes, "STILL_S", 1.0))


def _reported_when_read(stack: ExitStack) -> None:
    """The flush that reads a change reports it as applied."""
    flush = Tables.flush

    def reported(self: Tables, sent: Flush) -> Flushed:
        flushed = flush(self, sent)
        if self.changes:
            self.lease = self.lease._replace(seen_change=self.changes[-1].id)
        return flushed

    stack.enter_context(mock.patch.object(Tables, "flush", reported))


def _no_idle_timeout(stack: ExitStack) -> None:
    """The server keeps the transaction of a client that has died."""
    stack.enter_context(mock.patch.object(server, "IDLE_S", None))


def _no_fence(stack: ExitStack) -> None:
    """A flush without an answer is taken for one that is not in."""

    def resolve(self: write_behind.WriteBehind) -> None:
        if self._in_doubt is not None:
            self._give_back(self._in_doubt)
            self._in_doubt = None

    stack.enter_context(mock.patch.object(write_behind.WriteBehind, "resolve", resolve))


def _nobody_else_is_seen(stack: ExitStack) -> None:
    """The holder does not look whether another daemon beats."""
    stack.enter_context(mock.patch.object(Lease, "look_at_others"))


def _lease_not_read(stack: ExitStack) -> None:
    """A batch of the shared mode does not look whether another holds the lease."""
    stack.enter_context(mock.patch.object(batch_writer, "claim_of", return_value=Claim.FREE))


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("without", "schedule", "violated"),
    [
        (_keep_memory, _hand_over_and_back, "P1"),
        (_forget_quietly, _forgotten, "P1"),
        (_no_record_number, _killed, "P2"),
        (_short_wait, _commands_while_cut_off, "P5"),
        (_reported_when_read, _commands_and_stops, "P5"),
        (_no_idle_timeout, _dead_host, "P4"),
        (_no_fence, _lost_connections, "P2"),
        (_nobody_else_is_seen, _come_and_go, "P4"),
        (_lease_not_read, _stopped_while_sharing, "P[13]"),
    ],
    ids=lambda value: getattr(value, "__name__", value).strip("_"),
)
def test_each_piece_is_needed(
    without: Callable[[ExitStack], None],
    schedule: Callable[[random.Random], _Schedule],
    violated: str,
) -> None:
    """Without it one of these runs violates a property."""
    with ExitStack() as stack:
        without(stack)
        with pytest.raises(Violation, match=f"(?m)^{violated} "):
            _run_many(schedule, 200)
