"""What --json prints: the records have the keys that the manual page lists."""

from sendlimit.reports.records import EPISODE, SHAPES, change_record, episode_record, taken_record
from sendlimit.store.changes import Change, RecordedChange
from support.command_samples import ALICE, day, episode
from support.counting_samples import ALICES_DAY, UTC


def test_taken() -> None:
    """What a reset has taken names the counter and its period, with the keys of SHAPES."""
    record = taken_record(ALICES_DAY, 7, UTC)
    assert list(record) == list(SHAPES["usage reset, a list of"])
    assert (record["taken"], record["period_end"]) == (7, "2026-11-23T00:00:00+00:00")


def test_change() -> None:
    """A change without a moment, written by hand, has null for it; the keys are those of SHAPES."""
    record = change_record(RecordedChange(1, None, "root", "command", Change("forget", "a@x.org")))
    assert list(record) == list(SHAPES["changes, a list of"])
    assert record["at"] is None


def test_episode() -> None:
    """An episode has the documented keys in their order; times are UTC."""
    record = episode_record(episode(day(ALICE)))
    assert list(record) == list(EPISODE)
    assert record["limit"] == "mailbox.messages_per_day"
    assert record["last_at"] == "2026-11-22T11:29:00+00:00"


def test_every_key_has_a_meaning() -> None:
    """The manual page explains each key of each command."""
    assert all(meaning for shape in SHAPES.values() for meaning in shape.values())
