"""A crash journal without space in an outage: what a kill would lose is said, and a stop keeps it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sendlimit.errors import StoreUnavailable
from sendlimit.rules.limit import LATCH
from support.counting_samples import ALICE, ALICES_DAY, LIMIT_OF_3
from support.doubles.daemon import SteppedDaemon

if TYPE_CHECKING:
    from pathlib import Path

FULL = ("journal full", "no space")


def _accept(daemon: SteppedDaemon, mails: int) -> None:
    """Accept mails while the database is away."""
    for _ in range(mails):
        daemon.ledger.book(daemon.ledger.reserve(ALICE, daemon.now), 1, daemon.now)


def _booked_by_the_next_start(before: SteppedDaemon) -> int:
    """Start again, without the journal; return what Alice has used once the lease counts as left."""
    folder = before.file.path.parent
    after = SteppedDaemon(folder, LIMIT_OF_3, tables=before.tables).start()
    for _ in range(10):
        after.step()
    return after.tables.used().get(ALICES_DAY, 0)


@pytest.fixture
def daemon(tmp_path: Path) -> SteppedDaemon:
    """A daemon whose journal has two mails of an outage, and no room for the next three."""
    daemon = SteppedDaemon(tmp_path, LIMIT_OF_3, alone=True).start()
    daemon.store.away = True
    daemon.uptime += 10
    daemon.step()
    _accept(daemon, 2)
    daemon.journal.full = True
    _accept(daemon, 3)
    daemon.events.recorded.clear()
    return daemon


def test_it_is_said_once(daemon: SteppedDaemon) -> None:
    """With the reason, for the log, the metrics and the status file."""
    daemon.step()
    daemon.step()

    assert daemon.events.recorded == [FULL]
    assert daemon.ledger.journal_problem == "no space"


def test_what_a_kill_loses(daemon: SteppedDaemon) -> None:
    """What had no room, and no more: with space again the next mails are in the journal."""
    daemon.journal.full = False
    daemon.step()
    _accept(daemon, 1)

    assert daemon.journal.sums()[ALICES_DAY] == 3
    assert daemon.ledger.journal_problem


def test_what_a_stop_keeps(daemon: SteppedDaemon) -> None:
    """The unbooked file has what the journal has not; together it is every mail, once."""
    daemon.journal.full = False
    daemon.step()
    _accept(daemon, 1)
    assert not daemon.stop()

    (entry,) = daemon.file.load()
    assert entry.pending.additions[ALICES_DAY] == entry.pending.additions[LATCH] == 3
    assert entry.pending.bookings == 6
    assert daemon.journal.sums()[ALICES_DAY] == 3
    assert _booked_by_the_next_start(daemon) == 3


def test_all_is_booked_when_the_database_is_back(daemon: SteppedDaemon) -> None:
    """In order, with the numbers of what the journal has; then nothing would be lost any more."""
    daemon.step()
    daemon.journal.full = False
    daemon.step()
    _accept(daemon, 1)
    daemon.store.away = False
    for _ in range(6):
        daemon.step()

    assert daemon.tables.used()[ALICES_DAY] == 6
    assert daemon.tables.records[daemon.ledger.lease.daemon] == daemon.journal.number == 3
    assert "journal whole" in daemon.events.recorded
    assert daemon.ledger.journal_problem == ""


@pytest.mark.parametrize("applied", [False, True], ids=["not in", "in"])
def test_stopped_with_a_flush_in_doubt(tmp_path: Path, *, applied: bool) -> None:
    """Of a flush that carried what no journal has, the next start asks whether it is in."""
    daemon = SteppedDaemon(tmp_path, LIMIT_OF_3, alone=True).start()
    reservation = daemon.ledger.reserve(ALICE, daemon.now)
    daemon.step()
    assert daemon.tables.used()[ALICES_DAY] == 1
    daemon.journal.full = True
    daemon.ledger.release(reservation)
    daemon.store.fail("flush", StoreUnavailable(), applied=applied)
    daemon.store.before["flush"] = lambda: setattr(daemon.store, "away", True)
    daemon.stop()

    assert _booked_by_the_next_start(daemon) == 0
