"""Counts that outlive a stop: rule R11."""

import json
from pathlib import Path

import pytest

from sendlimit.counting.pending import PendingWrites
from sendlimit.counting.unbooked_file import UnbookedEntry, UnbookedFile, new_id
from sendlimit.rules.episode import Episode
from sendlimit.rules.limit import LATCH
from support.counting_samples import ALICE, DAY_START, NOON, key_of

_KEY = key_of("mailbox.messages_per_day", ALICE.mailbox)
_OTHER = key_of("global.messages_per_day", "*")


def _episode(at: int = NOON, attempts: int = 1, client: str = "192.0.2.7") -> Episode:
    return Episode(_KEY, 100, at, at, attempts, client, "a@b.org", ALICE.mailbox)


def test_round_trip(tmp_path: Path) -> None:
    """What one stop writes the next start reads: counts, episodes, bookings, doubt."""
    odd = _KEY._replace(subject="o'dd\"\\%\n😀@x.org")
    pending = PendingWrites({_KEY: 3, odd: -1, LATCH: 2}, {_KEY: _episode()}, set(), 2)
    instead = PendingWrites({_OTHER: -2})
    entries = [
        UnbookedEntry("one", pending, ("committer", 7), instead),
        UnbookedEntry("two", PendingWrites({_OTHER: 1}, {}, set(), 1)),
    ]

    UnbookedFile(tmp_path).save(entries)
    one, two = UnbookedFile(tmp_path).load()

    assert (one.id, one.unless) == ("one", ("committer", 7))
    assert one.instead.additions == instead.additions
    assert (one.pending.additions, one.pending.episodes, one.pending.bookings) == (
        pending.additions,
        pending.episodes,
        2,
    )
    assert (two.id, two.unless, two.pending.additions) == ("two", None, {_OTHER: 1})


def test_entries_name_themselves(tmp_path: Path) -> None:
    """What is read carries its id, which goes into er_committer with the booking."""
    UnbookedFile(tmp_path).save([UnbookedEntry("one", PendingWrites({_KEY: 3}))])

    (entry,) = UnbookedFile(tmp_path).load()

    assert entry.pending.unbooked == {"one"}


def test_no_journal_is_nothing_owed(tmp_path: Path) -> None:
    """A first start finds no file and owes nothing."""
    assert UnbookedFile(tmp_path).load() == []


def test_nothing_owed_leaves_no_file(tmp_path: Path) -> None:
    """Once all is booked the file is gone, so nothing is booked again."""
    journal = UnbookedFile(tmp_path)
    journal.save([UnbookedEntry("one", PendingWrites({_KEY: 3}))])
    journal.save([])

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "damaged",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b'{"entries": [{"id": "one", "addi', id="cut off"),
        pytest.param(b"\xff\xfe\x00", id="not UTF-8"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"null", id="null"),
        pytest.param(b'{"entries": null}', id="no entries"),
        pytest.param(b'{"entries": ["one"]}', id="entry is a text"),
        pytest.param(b'{"entries": [{"id": "one"}]}', id="half an entry"),
        pytest.param(
            b'{"entries": [{"id": "one", "unless": null, "instead": [], "additions":'
            b' [[["moon", "*", "messages", "day", 0], 1]], "episodes": [], "bookings": 0}]}',
            id="unknown scope",
        ),
        pytest.param(
            b'{"entries": [{"id": "one", "unless": null, "instead": [], "additions":'
            b' [[["global", "*", "messages", "day", 0], "x"]], "episodes": [], "bookings": 0}]}',
            id="no number",
        ),
        pytest.param(
            b'{"entries": [{"id": "one", "unless": null, "instead": [], "additions": [], "episodes":'
            b' [{"key": ["global", "*", "messages", "day", 0], "colour": 1}], "bookings": 0}]}',
            id="odd episode",
        ),
    ],
)
def test_damaged_journal_is_put_aside(tmp_path: Path, damaged: bytes) -> None:
    """A damaged file is reported, kept under another name, and does not stop the next start."""
    (tmp_path / UnbookedFile.NAME).write_bytes(damaged)

    with pytest.raises(ValueError, match=r"unbooked\.json"):
        UnbookedFile(tmp_path).load()

    assert (tmp_path / "unbooked.json.damaged").read_bytes() == damaged
    assert UnbookedFile(tmp_path).load() == []


def test_half_written_file_is_never_read(tmp_path: Path) -> None:
    """A stop that is cut off while it writes leaves the journal from before."""
    journal = UnbookedFile(tmp_path)
    journal.save([UnbookedEntry("one", PendingWrites({_KEY: 3}))])
    (tmp_path / "unbooked.new").write_text('{"entries": [')

    assert [entry.id for entry in journal.load()] == ["one"]
    journal.save([UnbookedEntry("two", PendingWrites({_KEY: 1}))])
    assert [entry.id for entry in journal.load()] == ["two"]


def test_file_is_json(tmp_path: Path) -> None:
    """An admin can read the file."""
    UnbookedFile(tmp_path).save([UnbookedEntry("one", PendingWrites({_KEY: 3}))])

    document = json.loads((tmp_path / UnbookedFile.NAME).read_text())

    assert document["entries"][0]["additions"] == [
        [["mailbox", "alice@example.org", "messages", "day", DAY_START], 3]
    ]


def test_ids_are_unique() -> None:
    """No two daemon starts have the same id."""
    assert len({new_id() for _ in range(100)}) == 100
