"""A journal and what stands in its place are used in the same way."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from sendlimit.counting.journal import SEGMENT_MIN, Journal
from sendlimit.counting.records import NoJournal, RecordKeys, Records
from support.counting_samples import ALICES_DAY, NOON
from support.doubles.records import ListedRecords

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(params=["journal", "none", "double"])
def records(request: pytest.FixtureRequest, tmp_path: Path) -> Records:
    """Each kind, fresh."""
    if request.param == "journal":
        return Journal(tmp_path, "c0ffee", "1ea5e", "b007", SEGMENT_MIN)
    return NoJournal() if request.param == "none" else ListedRecords()


def test_use(records: Records) -> None:
    """Records are numbered from 1; there is room; nothing is left after remove()."""
    keys = RecordKeys((ALICES_DAY,))
    for _ in range(3):
        assert records.room()
        records.add(keys, 1, NOON)
    records.keep_space(threading.Lock())
    records.advance(2)

    assert (records.number, records.is_full, records.reopen()) == (3, False, True)
    assert records.remove()
