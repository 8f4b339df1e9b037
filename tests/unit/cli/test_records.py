"""What --json prints: the records have the keys that the manual page lists."""

from sendlimit.cli.records import EPISODE, SHAPES, episode_record
from support.command_samples import ALICE, day, episode


def test_episode() -> None:
    """An episode has the documented keys in their order; times are UTC."""
    record = episode_record(episode(day(ALICE)))
    assert list(record) == list(EPISODE)
    assert record["limit"] == "mailbox.messages_per_day"
    assert record["last_at"] == "2026-11-22T11:29:00+00:00"


def test_every_key_has_a_meaning() -> None:
    """The manual page explains each key of each command."""
    assert all(meaning for shape in SHAPES.values() for meaning in shape.values())
