"""The weak spot of each piece of the lease (lease_schedules.py): it holds, and without the piece it does not.

Random search (test_lease.py) seldom or never comes upon these.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING
from unittest import mock

import pytest

from property.lease_schedules import (
    clock_that_was_ahead,
    clocks_that_drift,
    dead_holder_comes_back,
    flush_comes_after_the_fence,
    hand_over_in_doubt,
    hand_over_with_much_to_write,
    look_that_was_long_under_way,
    old_dump_is_restored,
    stopped_between_the_packets,
)
from sendlimit.counting import batch_writer, counters, memory, stretches
from sendlimit.counting.counters import CLOCK_ALLOWANCE_S
from sendlimit.counting.lease import VALID_S, Lease, LeaseState
from sendlimit.store import STILL_S, LeaseRow, Writing, mariadb
from support.doubles.store import Tables

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sendlimit.store import Flush, Flushed


def _lease_is_not_cleared(stack: ExitStack) -> None:
    """Who passes a holder by leaves its row as it is."""
    write = Tables.write

    def written(self: Tables, writing: Writing) -> None:
        write(self, replace(writing, holder=None) if writing.holder == "" else writing)

    stack.enter_context(mock.patch.object(Tables, "write", written))


def _any_beat_will_do(stack: ExitStack) -> None:
    """A flush needs the holder, and not the beat that it wrote last."""
    flush = Tables.flush

    def flushed(self: Tables, sent: Flush) -> Flushed:
        return flush(self, replace(sent, beat=self.lease.beat))

    stack.enter_context(mock.patch.object(Tables, "flush", flushed))


def _always_early(stack: ExitStack) -> None:
    """Answers are given when packet 2 is sent, however long ago packet 1 was."""
    stack.enter_context(mock.patch.object(mariadb, "EARLY_S", 3600.0))


def _grants_on(stack: ExitStack) -> None:
    """A hand-over that failed is taken back."""

    def back(self: Lease) -> None:
        self.state = LeaseState.SOLE
        self.grants_until = self._valid_until

    stack.enter_context(mock.patch.object(Lease, "leaving_failed", back))


def _fences_are_not_compared(stack: ExitStack) -> None:
    """A flush comes in whatever fence there was since it was sent."""
    flush = Tables.flush

    def flushed(self: Tables, sent: Flush) -> Flushed:
        return flush(self, replace(sent, fences=self.fences.get(sent.committer, 0)))

    stack.enter_context(mock.patch.object(Tables, "flush", flushed))


def _no_clock_allowance(stack: ExitStack) -> None:
    """A period that began after the lease was taken is known to be empty."""
    stack.enter_context(mock.patch.object(counters, "CLOCK_ALLOWANCE_S", 0))


def _lets_go_at_once(stack: ExitStack) -> None:
    """The flush that carries the first stretch hands over."""
    stack.enter_context(mock.patch.object(stretches.Stretches, "more_than_one", new=False))


def _no_time_for_drift(stack: ExitStack) -> None:
    """A holder is passed by as soon as its grants end by its own clock."""
    stack.enter_context(mock.patch("sendlimit.counting.lease.STILL_S", VALID_S))


def _counts_from_the_asking(stack: ExitStack) -> None:
    """A beat stands still from when it was asked for."""
    watch = Lease.watch

    def watched(self: Lease, row: LeaseRow, now: float) -> None:
        watch(self, row, now - STILL_S + 0.1)

    stack.enter_context(mock.patch.object(Lease, "watch", watched))


_PIECES: list[tuple[Callable[[Path], None], Callable[[ExitStack], None]]] = [
    (dead_holder_comes_back, _lease_is_not_cleared),
    (old_dump_is_restored, _any_beat_will_do),
    (stopped_between_the_packets, _always_early),
    (hand_over_in_doubt, _grants_on),
    (flush_comes_after_the_fence, _fences_are_not_compared),
    (clock_that_was_ahead, _no_clock_allowance),
    (hand_over_with_much_to_write, _lets_go_at_once),
    (clocks_that_drift, _no_time_for_drift),
    (look_that_was_long_under_way, _counts_from_the_asking),
]
_SCHEDULES = [schedule for schedule, _ in _PIECES]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flush holds few counters; conflicts are not waited out."""
    monkeypatch.setattr(batch_writer, "CONFLICT_PAUSE_S", 0)
    monkeypatch.setattr(stretches, "CLOSE_AT", 4)
    monkeypatch.setattr(memory, "CLOSE_AT", 4)
    assert CLOCK_ALLOWANCE_S > 0


@pytest.mark.parametrize("schedule", _SCHEDULES, ids=lambda schedule: schedule.__name__)
def test_holds(tmp_path: Path, schedule: Callable[[Path], None]) -> None:
    """With all pieces each schedule ends well."""
    schedule(tmp_path)


@pytest.mark.parametrize(
    ("schedule", "without"), _PIECES, ids=lambda value: value.__name__.strip("_")
)
def test_is_needed(
    tmp_path: Path, schedule: Callable[[Path], None], without: Callable[[ExitStack], None]
) -> None:
    """Without its piece it does not."""
    with ExitStack() as stack:
        without(stack)
        with pytest.raises(AssertionError):
            schedule(tmp_path)
