"""How mail is decided, as log and metrics tell it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sendlimit.counting.lease import Lease
from sendlimit.counting.ledger import Ledger
from sendlimit.counting.mode import Mode, ModeReport, mode_of
from sendlimit.rules.counting_settings import CountingSettings
from support.counting_samples import UTC, file_rules
from support.doubles.events import RecordingEvents

if TYPE_CHECKING:
    from collections.abc import Callable


def _ledger(*, meters: bool = False) -> Ledger:
    return Ledger(CountingSettings(file_rules(), UTC), 1, Lease("me"), meters=meters)


def _nothing(_: Lease) -> None:
    """Leave it away."""


def _shared(lease: Lease) -> None:
    lease.joined()


def _sole(lease: Lease) -> None:
    lease.joined()
    lease.taken(0.0, 1, 0)


@pytest.mark.parametrize(
    ("step", "up", "meters", "mode"),
    [
        (_nothing, False, False, Mode.UNDECIDED),
        (_nothing, False, True, Mode.METERED),
        (_nothing, True, False, Mode.UNDECIDED),
        (_shared, True, False, Mode.SHARED),
        (_shared, False, True, Mode.UNDECIDED),
        (_sole, True, False, Mode.MEMORY),
    ],
)
def test_mode(step: Callable[[Lease], None], mode: Mode, *, up: bool, meters: bool) -> None:
    """By the lease, whether the database answers, and store.on_failure."""
    ledger = _ledger(meters=meters)
    ledger.up = up
    step(ledger.lease)

    assert mode_of(ledger) is mode


def test_each_change_once() -> None:
    """The first one, too."""
    ledger, events = _ledger(), RecordingEvents()
    report = ModeReport(ledger, events)
    for up in (False, False, True, True):
        ledger.up = up
        if up and not ledger.lease.holds and ledger.lease.state != "shared":
            ledger.lease.joined()
        report.tick()

    assert events.modes == ["undecided", "shared"]
