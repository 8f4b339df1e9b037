"""What outlives a stop and a start: rule R11, each mail once."""

from pathlib import Path

import pytest

from sendlimit.counting.unbooked_file import UnbookedFile
from sendlimit.errors import StoreUnavailable
from sendlimit.rules.limit import LATCH
from support.counting_samples import ALICE, ALICES_DAY, LIMIT_OF_3
from support.doubles.daemon import SteppedDaemon


@pytest.fixture
def daemon(tmp_path: Path) -> SteppedDaemon:
    """A daemon whose database went away, with five mails accepted since."""
    daemon = SteppedDaemon(tmp_path, LIMIT_OF_3).start()
    daemon.store.away = True
    daemon.step()
    for _ in range(5):
        daemon.ledger.book(daemon.ledger.reserve(ALICE, daemon.now), 1, daemon.now)
    return daemon


def _next_start(before: SteppedDaemon) -> SteppedDaemon:
    """Start again with the same state_dir and a database that answers."""
    return SteppedDaemon(before.file.path.parent, LIMIT_OF_3, tables=before.tables).start()


def test_clean_stop_with_the_database_there(tmp_path: Path) -> None:
    """What is pending is booked before the stop; nothing is left behind."""
    daemon = SteppedDaemon(tmp_path, LIMIT_OF_3).start()
    daemon.ledger.release(daemon.ledger.reserve(ALICE, daemon.now))
    daemon.stop()

    assert daemon.tables.used() == {}
    assert list(tmp_path.iterdir()) == []


def test_outage_over_a_stop(daemon: SteppedDaemon) -> None:
    """What was accepted without the database is booked by the next start, once."""
    daemon.stop()
    assert daemon.file.path.exists()

    after = _next_start(daemon)

    assert after.tables.used()[ALICES_DAY] == 5
    assert after.ledger.unbooked == 0
    assert not after.file.path.exists()
    after.stop()
    assert _next_start(after).tables.used()[ALICES_DAY] == 5


def test_outage_over_two_stops(daemon: SteppedDaemon, tmp_path: Path) -> None:
    """A start that finds the database still away keeps what it found, and adds its own."""
    daemon.stop()
    second = SteppedDaemon(tmp_path, LIMIT_OF_3, tables=daemon.tables)
    second.store.away = True
    second.start()
    assert second.ledger.unbooked == 5
    second.ledger.book(second.ledger.reserve(ALICE, second.now), 1, second.now)
    second.stop()

    assert _next_start(second).tables.used()[ALICES_DAY] == 6


def test_killed_between_booking_and_removal(daemon: SteppedDaemon) -> None:
    """A journal that was booked but still lies there is not booked again."""
    daemon.stop()
    kept = daemon.file.path.read_bytes()
    after = _next_start(daemon)
    daemon.file.path.write_bytes(kept)

    again = _next_start(after)

    assert again.tables.used()[ALICES_DAY] == 5
    assert again.ledger.unbooked == 0
    assert not again.file.path.exists()


def _lose_for_good(daemon: SteppedDaemon, *, applied: bool) -> None:
    """Let the next packet 2 be lost, and the database be away afterwards."""

    def away() -> None:
        daemon.store.away = True

    daemon.store.fail("write", StoreUnavailable(), applied=applied)
    daemon.store.before["write"] = lambda: daemon.store.before.update(connect=away)


@pytest.mark.parametrize("applied", [False, True], ids=["not in", "in"])
def test_stop_in_doubt(tmp_path: Path, *, applied: bool) -> None:
    """Stopped with a batch whose outcome is unknown: the next start asks, and books it once."""
    daemon = SteppedDaemon(tmp_path, LIMIT_OF_3).start()
    daemon.ledger.reserve(ALICE, daemon.now)
    daemon.ledger.release(daemon.ledger.reserve(ALICE, daemon.now))
    _lose_for_good(daemon, applied=applied)
    daemon.step()
    daemon.stop()

    after = _next_start(daemon)

    assert after.tables.used()[ALICES_DAY] == 1
    assert after.tables.used()[LATCH] == 1
    assert not after.file.path.exists()


@pytest.mark.parametrize("applied", [False, True], ids=["not in", "in"])
def test_journal_in_doubt(daemon: SteppedDaemon, *, applied: bool) -> None:
    """Stopped again while the booking of a journal was in doubt: the start after that books it once."""
    daemon.stop()
    second = SteppedDaemon(daemon.file.path.parent, LIMIT_OF_3, tables=daemon.tables)
    _lose_for_good(second, applied=applied)
    second.start()
    assert not second.ledger.up
    second.stop()

    assert _next_start(second).tables.used()[ALICES_DAY] == 5


@pytest.mark.parametrize("applied", [False, True], ids=["not in", "in"])
@pytest.mark.parametrize("sent", [False, True], ids=["aborted", "sent"])
def test_request_in_doubt_over_a_stop(tmp_path: Path, *, applied: bool, sent: bool) -> None:
    """Stopped with a mail in the batch in doubt: it passed undecided, and counts once if it was sent."""
    daemon = SteppedDaemon(tmp_path, LIMIT_OF_3).start()
    _lose_for_good(daemon, applied=applied)
    reservation = daemon.ledger.reserve(ALICE, daemon.now)
    assert reservation.decision is None
    if sent:
        daemon.ledger.book(reservation, 1, daemon.now)
    else:
        daemon.ledger.release(reservation)
    daemon.stop()

    after = _next_start(daemon)

    assert after.tables.used().get(ALICES_DAY, 0) == int(sent)
    assert after.ledger.unbooked == 0
    assert not after.file.path.exists()


def test_damaged_journal(tmp_path: Path) -> None:
    """A damaged file is told and put aside; the daemon counts from there on."""
    (tmp_path / UnbookedFile.NAME).write_text("{")
    daemon = SteppedDaemon(tmp_path, LIMIT_OF_3).start()

    assert daemon.ledger.up
    assert [event[0] for event in daemon.events.recorded] == ["journal"]  # type: ignore[index]


def test_journal_that_cannot_be_read(tmp_path: Path) -> None:
    """A file that the system won't open is told; mail is counted all the same."""
    (tmp_path / UnbookedFile.NAME).mkdir()
    daemon = SteppedDaemon(tmp_path, LIMIT_OF_3).start()

    assert daemon.ledger.up
    assert [event[0] for event in daemon.events.recorded] == ["journal"]  # type: ignore[index]


def test_state_dir_that_cannot_be_written(daemon: SteppedDaemon, tmp_path: Path) -> None:
    """A full or missing state_dir at the stop is told as a fault."""
    tmp_path.rmdir()
    daemon.stop()

    assert daemon.events.recorded[-1] == ("fault", "journal")
