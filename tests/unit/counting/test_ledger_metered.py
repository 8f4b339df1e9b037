"""store.on_failure = "meter": who meters, and what becomes of it (R11)."""

from pathlib import Path

import pytest

from sendlimit.counting.lease import LeaseState
from support.counting_samples import ALICE, ALICES_DAY, LIMIT_OF_3
from support.doubles.daemon import SteppedDaemon


@pytest.fixture
def daemon(tmp_path: Path) -> SteppedDaemon:
    """A daemon that is alone and meters, at one mail of three."""
    daemon = SteppedDaemon(tmp_path, LIMIT_OF_3, alone=True, meters=True).start()
    assert daemon.send(ALICE)
    daemon.step()
    return daemon


def test_limits_hold_through_an_outage(daemon: SteppedDaemon) -> None:
    """What passes is booked when the database is back, and counts against the limit meanwhile."""
    daemon.store.away = True
    for _ in range(5):
        daemon.step()
    assert daemon.ledger.lease.state is LeaseState.AWAY
    assert [daemon.send(ALICE) for _ in range(3)] == [True, True, False]
    assert daemon.ledger.unbooked == 2
    daemon.store.away = False
    daemon.step()
    daemon.step()

    assert daemon.tables.used()[ALICES_DAY] == 3
    assert daemon.ledger.unbooked == 0
    assert not daemon.send(ALICE)
    assert daemon.events.modes == ["memory", "metered", "memory"]
    assert ("back", 2) in daemon.events.recorded


def test_a_start_during_an_outage_meters_what_it_sees(tmp_path: Path) -> None:
    """Nothing is known: each mailbox has its whole limit."""
    daemon = SteppedDaemon(tmp_path, LIMIT_OF_3, alone=True, meters=True)
    daemon.store.away = True
    daemon.start()

    assert [daemon.send(ALICE) for _ in range(4)] == [True, True, True, False]


def test_beside_others_it_accepts(tmp_path: Path) -> None:
    """Others may be deciding, and what this daemon knows is not the whole."""
    daemon = SteppedDaemon(tmp_path, LIMIT_OF_3, meters=True).start()
    daemon.store.away = True
    daemon.step()

    assert all(daemon.send(ALICE) for _ in range(5))
