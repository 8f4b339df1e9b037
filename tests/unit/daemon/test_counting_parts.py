"""How the parts that count are put together; what they do together is tested in tests/system."""

import logging
from pathlib import Path

import pytest

from sendlimit.config import Config
from sendlimit.counting.events import Events
from sendlimit.counting.journal import Journal, boot_id
from sendlimit.counting.lease import LeaseState
from sendlimit.counting.records import NoJournal, RecordKeys
from sendlimit.daemon.counting_parts import CountingParts, counting_parts
from sendlimit.daemon.settings import make_store
from sendlimit.rules.limit import LATCH
from support.counting_samples import ALICE, ALICES_DAY, NOON


def _parts(folder: Path, journal_dir: Path | None = None, **store: object) -> CountingParts:
    url = f"sqlite:///{folder}/s.db"
    config = Config.model_validate({"store": {"url": url} | store})
    return counting_parts(
        config,
        make_store(config, folder / "x.toml"),
        Events(),
        state_dir=folder,
        journal_dir=folder if journal_dir is None else journal_dir,
    )


def test_a_start_on_sqlite_decides_from_memory(tmp_path: Path) -> None:
    """With a journal in state_dir, which is gone after a stop that has booked all."""
    ledger, committer = _parts(tmp_path)
    committer.start(20)
    assert ledger.lease.state is LeaseState.SOLE
    assert ledger.reserve(ALICE, NOON).decision is not None
    assert len([*tmp_path.glob("journal.*")]) == 2

    assert committer.stop(20)
    ledger.end(booked=True)
    assert not [*tmp_path.glob("journal.*")]


def test_what_an_earlier_start_left_is_booked(tmp_path: Path) -> None:
    """A journal of this boot says whose lease can be taken over at once."""
    journal = Journal(tmp_path, "ab", "before", boot_id(), 1 << 20)
    journal.add(RecordKeys((ALICES_DAY, LATCH)), 2, NOON)
    journal.close()
    ledger, committer = _parts(tmp_path)
    assert ledger.lease.ended == {"before"}
    committer.start(20)

    assert committer.stop(20)
    ledger.end(booked=True)
    assert not [*tmp_path.glob("journal.*")]


def test_a_journal_dir_of_its_own(tmp_path: Path) -> None:
    """The journal is there; one that was left in state_dir before the setting was changed is booked, too."""
    journal = Journal(tmp_path, "ab", "before", boot_id(), 1 << 20)
    journal.add(RecordKeys((ALICES_DAY, LATCH)), 2, NOON)
    journal.close()
    journals = tmp_path / "run"
    journals.mkdir()
    ledger, committer = _parts(tmp_path, journals)
    assert len([*journals.glob("journal.*")]) == 2
    assert ledger.lease.ended == {"before"}
    committer.start(20)

    assert committer.stop(20)
    ledger.end(booked=True)
    assert not [*tmp_path.glob("journal.*"), *journals.iterdir()]


def test_cap_of_counters(tmp_path: Path) -> None:
    """store.memory_counters is how many are kept in memory."""
    assert _parts(tmp_path, memory_counters=5000).ledger.counters.limit == 5000


def test_without_a_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A full disk is said, and the daemon counts in the database."""

    def full(_descriptor: int, _offset: int, _size: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full)
    caplog.set_level(logging.WARNING, logger="sendlimit")
    ledger, committer = _parts(tmp_path)
    assert isinstance(ledger.journal, NoJournal)
    assert "journal-unavailable" in caplog.text
    committer.start(20)

    assert ledger.lease.state is LeaseState.SHARED
    assert committer.stop(20)


def test_a_file_that_is_no_journal_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It stays where it is."""
    (tmp_path / "journal.ab.0").write_bytes(b"something else" * 100)
    _parts(tmp_path)

    assert "is not a journal of sendlimit" in caplog.text
    assert (tmp_path / "journal.ab.0").exists()


@pytest.mark.parametrize(
    ("url", "on_failure", "meters"),
    [
        ("sqlite:////tmp/s.db", "meter", True),
        ("sqlite:////tmp/s.db", "accept", False),
        ("mariadb://u@h/d", "meter", True),
        ("mariadb://u@h,i/d", "meter", False),
    ],
)
def test_who_meters(tmp_path: Path, url: str, on_failure: str, *, meters: bool) -> None:
    """A daemon that can be alone on its database, and is told to."""
    assert _parts(tmp_path, url=url, on_failure=on_failure).ledger.is_metering == meters
