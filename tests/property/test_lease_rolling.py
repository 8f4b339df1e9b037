"""A limit of a rolling window under any faults: the properties at the head of properties.py hold (R19).

The window is the last 30 seconds in steps of 10, which begin and end all the time. The second
half shows that the test can fail: with one piece switched off, a violation is found.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING
from unittest import mock

import pytest

from sendlimit.counting import batch_writer
from sendlimit.counting.counters import Counters
from sendlimit.counting.step_window import StepWindow
from sendlimit.rules.window import ROLLING_WINDOWS, Rolling, Window
from support.simulation.faults import Fault
from support.simulation.properties import Violation
from support.simulation.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.timeout(600)  # seconds of computing, which a busy machine takes long for

_SEEDS = 10


@pytest.fixture(autouse=True)
def _short_window(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(batch_writer, "CONFLICT_PAUSE_S", 0)
    with mock.patch.dict(ROLLING_WINDOWS, {Window.ROLLING_HOUR: Rolling(30, 10, Window.HOUR)}):
        yield


@pytest.mark.timeout(600)
@pytest.mark.parametrize("chunk", range(8))
def test_any_faults(chunk: int) -> None:
    """Pauses, cut networks, killed connections and processes, outages, dumps, commands."""
    for seed in range(chunk * _SEEDS, (chunk + 1) * _SEEDS):
        World(seed, window=Window.ROLLING_HOUR).run()


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_any_faults_for_long() -> None:
    """The same, thousands of runs."""
    for seed in range(10_000, 13_000):
        World(seed, window=Window.ROLLING_HOUR).run()


def _only_the_running_step(stack: ExitStack) -> None:
    """Memory looks at no other step."""
    stack.enter_context(mock.patch.object(StepWindow, "used_before", return_value=0))
    stack.enter_context(mock.patch.object(StepWindow, "usage", return_value={}))


def _steps_not_loaded(stack: ExitStack) -> None:
    """A batch of the shared mode reads no other step."""
    stack.enter_context(mock.patch.object(batch_writer, "steps_to_load", return_value={}))


def _steps_taken_for_complete(stack: ExitStack) -> None:
    """What memory has no counter of in an earlier step is taken for 0."""
    begin = Counters._begin

    def begun(self: Counters, *args: object) -> object:
        groups = begin(self, *args)  # type: ignore[arg-type]
        for group in groups:
            group.complete = True
        return groups

    stack.enter_context(mock.patch.object(Counters, "_begin", begun))


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("without", "daemons"),
    [(_only_the_running_step, 1), (_steps_not_loaded, 2), (_steps_taken_for_complete, 1)],
    ids=lambda value: getattr(value, "__name__", str(value)).strip("_"),
)
def test_each_piece_is_needed(without: Callable[[ExitStack], None], daemons: int) -> None:
    """Without it one of these runs passes the limit."""
    with ExitStack() as stack:
        without(stack)
        with pytest.raises(Violation, match=r"(?m)^P1 "):
            _run_many(daemons)


def _run_many(daemons: int) -> None:
    faults = [Fault(30, "clean", 0, 0.1)] if daemons == 1 else []
    for seed in range(60):
        World(seed, daemons, faults, [0.0] * daemons, window=Window.ROLLING_HOUR).run()
