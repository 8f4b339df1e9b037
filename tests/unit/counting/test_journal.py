"""What is written to the crash journal is read at the next start: rule R11."""

import stat
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sendlimit.counting import journal as journal_module
from sendlimit.counting.counter import Group
from sendlimit.counting.journal import SEGMENT_MIN, Journal, boot_id
from sendlimit.counting.journal_segment import file_name
from sendlimit.counting.left_journals import LeftJournal, left_journals
from sendlimit.counting.records import RecordKeys, SenderDefinition, SenderKeys, Shape
from sendlimit.errors import JournalError
from sendlimit.rules.limit import LATCH, CounterKey, Scope, Unit
from sendlimit.rules.mailbox import Sender
from sendlimit.rules.window import Window
from support.counting_samples import ALICE, NOON, key_of, named

_TOKEN = "c0ffee"
_ALICE = (LATCH, key_of("mailbox.messages_per_day", ALICE.mailbox))
_OTHER = (key_of("global.recipients_per_day", "*"),)


def _journal(folder: Path, token: str = _TOKEN) -> Journal:
    return Journal(folder, token, "1ea5e", "b007", SEGMENT_MIN)


def _left(folder: Path) -> LeftJournal:
    (left,), problems = left_journals(folder, "")
    assert not problems
    return left


def _fill(journal: Journal, keys: RecordKeys) -> None:
    while journal.room():
        journal.add(keys, 1, NOON)


_keys = st.lists(
    st.builds(
        CounterKey,
        st.sampled_from(Scope),
        # Any text that a login may be, half a surrogate pair too.
        st.text(st.characters(), max_size=255),
        st.sampled_from(Unit),
        st.sampled_from(Window),
        st.integers(0, 2**40),
    ),
    max_size=5,
    unique=True,
).map(tuple)
_writing = st.tuples(st.integers(0, 4), st.integers(-(2**31) + 1, 2**31 - 1), st.integers(1, 9000))
_booking = st.floats(0, 1)


@settings(max_examples=60)
@given(
    st.lists(_keys, min_size=5, max_size=5),
    st.lists(st.one_of(_writing, _booking), max_size=20),
    st.integers(1, 8),
)
def test_round_trip(
    counters: list[tuple[CounterKey, ...]],
    steps: list[tuple[int, int, int] | float],
    counters_max: int,
) -> None:
    """Whatever was added and is not booked is read: same sums, last number, however often the segments change."""
    all_keys = [RecordKeys(keys) for keys in counters]
    written: list[tuple[int, int]] = []
    booked = 0
    with tempfile.TemporaryDirectory() as folder:
        journal = _journal(Path(folder))
        for step in steps:
            if isinstance(step, float):
                booked += int((len(written) - booked) * step)
                journal.advance(booked)
                continue
            which, amount, times = step
            for _ in range(times):
                if journal.room():
                    journal.add(all_keys[which], amount, NOON)
                    written.append((which, amount))
        journal.close()

        stretches = list(_left(Path(folder)).stretches(booked, counters_max))

    assert journal.number == len(written)
    expected: Counter[CounterKey] = Counter()
    for which, amount in written[booked:]:
        for key in counters[which]:
            expected[key] += amount
    found: Counter[CounterKey] = Counter()
    for _, additions in stretches:
        found.update(additions)
    assert {k: n for k, n in found.items() if n} == {k: n for k, n in expected.items() if n}
    numbers = [last for last, _ in stretches]
    assert numbers == sorted(set(numbers))
    assert all(booked < number <= journal.number for number in numbers)


def test_senders_of_one_shape(tmp_path: Path) -> None:
    """Each is charged to its own counters, in whichever segment; the shape is there once in each."""
    day, domains = (
        Group(named(f"{scope}.messages_per_day"), NOON) for scope in ("mailbox", "domain")
    )
    senders = [Sender(f"u{n}@d{n % 3}.org", f"d{n % 3}.org") for n in range(6000)]
    shape = Shape((day.key(""), domains.key(""), LATCH))
    journal = _journal(tmp_path)
    expected: Counter[CounterKey] = Counter()
    for sender in senders:
        keys = SenderKeys(SenderDefinition(sender), shape)
        if not journal.room():
            break
        journal.add(keys, 2, NOON)
        expected.update(dict.fromkeys(keys.keys, 2))
    journal.close()

    found: Counter[CounterKey] = Counter()
    for _, additions in _left(tmp_path).stretches(0, 10_000):
        found.update(additions)
    assert found == expected
    segments = [file.read_bytes() for file in tmp_path.iterdir()]
    assert [content.count(shape.packed()) for content in segments] == [1] * len(segments)


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param((key_of("global.recipients_per_day", "*"),), id="only the server's"),
        pytest.param(
            (key_of("mailbox.recipients_per_day", ""), key_of("domain.recipients_per_day", "")),
            id="mailbox and domain",
        ),
    ],
)
def test_several_shapes(tmp_path: Path, keys: tuple[CounterKey, ...]) -> None:
    """A sender has other counters at the end of its mail than at MAIL: each record adds to its own."""
    sender = SenderDefinition(ALICE)
    at_mail = SenderKeys(sender, Shape((key_of("mailbox.messages_per_day", ""), LATCH)))
    at_end = SenderKeys(sender, Shape(keys))
    journal = _journal(tmp_path)
    for amount in (1, 2, 3):
        journal.add(at_mail, 1, NOON)
        journal.add(at_end, amount, NOON)
    journal.close()

    ((_, additions),) = _left(tmp_path).stretches(0, 100)
    assert additions == dict.fromkeys(at_mail.keys, 3) | dict.fromkeys(at_end.keys, 6)
    assert len(at_end.keys) == len(keys)


def test_more_shapes_than_a_segment_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has no number left is written with all its counters; the next segment begins anew."""
    monkeypatch.setattr(journal_module, "SHAPES_MAX", 2)
    sender = SenderDefinition(ALICE)
    journal = _journal(tmp_path)
    expected: Counter[CounterKey] = Counter()
    for hour in range(5):
        shape = Shape((key_of("mailbox.messages_per_hour", "", NOON + hour * 3600), LATCH))
        keys = SenderKeys(sender, shape)
        for _ in range(2):
            journal.add(keys, 1, NOON)
            expected.update(keys.keys)
    journal.close()

    ((_, additions),) = _left(tmp_path).stretches(0, 100)
    assert additions == expected


def test_head(tmp_path: Path) -> None:
    """A start learns whose journal it is: process, lease, start of the system."""
    journal = _journal(tmp_path)
    journal.close()

    left = _left(tmp_path)

    assert (left.token, left.lease_id, left.boot_id) == (_TOKEN, "1ea5e", "b007")


def test_boot_id() -> None:
    """The kernel's id of this start fits into the head."""
    assert 0 < len(boot_id()) <= 40


def test_files_are_closed_to_others(tmp_path: Path) -> None:
    """Who sent how much is for the daemon alone."""
    journal = _journal(tmp_path)

    assert [stat.S_IMODE(path.stat().st_mode) for path in sorted(tmp_path.iterdir())] == [0o600] * 2
    journal.remove()


def test_space_is_taken(tmp_path: Path) -> None:
    """The files have all their blocks before the first record: a full disk can't end the process."""
    journal = _journal(tmp_path)

    assert all(path.stat().st_blocks * 512 >= SEGMENT_MIN for path in tmp_path.iterdir())
    journal.remove()


def test_removed(tmp_path: Path) -> None:
    """After a clean stop no file is left."""
    _journal(tmp_path).remove()

    assert list(tmp_path.iterdir()) == []


def test_both_segments_full(tmp_path: Path) -> None:
    """Without a booking there is room for two segments, then none; a booking makes room again."""
    journal = _journal(tmp_path)
    alice = RecordKeys(_ALICE)
    _fill(journal, alice)
    full = journal.number
    journal.advance(full // 4)

    assert not journal.reopen()

    journal.advance(full * 3 // 4)
    assert not journal.room(), "the caller is to note first that records are missing"
    assert journal.reopen()
    _fill(journal, alice)
    assert journal.number > full
    journal.close()
    (stretch,) = _left(tmp_path).stretches(full * 3 // 4, 100)
    assert stretch == (journal.number, dict.fromkeys(_ALICE, journal.number - full * 3 // 4))


def test_grows_in_an_outage(tmp_path: Path) -> None:
    """Looked after in time it never fills: all records are read; booked, two files are left."""
    journal = _journal(tmp_path)
    alice = RecordKeys(_ALICE)
    mutex = threading.Lock()
    for number in range(60_000):
        assert journal.room()
        journal.add(alice, 1, NOON)
        if number % 1000 == 0:
            journal.keep_space(mutex)
    assert len(list(tmp_path.iterdir())) > 4

    journal.advance(journal.number)
    journal.keep_space(mutex)
    assert len(list(tmp_path.iterdir())) == 2
    journal.add(alice, 1, NOON)
    journal.close()
    assert list(_left(tmp_path).stretches(60_000, 100)) == [(60_001, dict.fromkeys(_ALICE, 1))]


def test_grown_and_killed(tmp_path: Path) -> None:
    """All segments of a long outage are read in order, portion by portion."""
    journal = _journal(tmp_path)
    keys = [RecordKeys((key_of("mailbox.messages_per_day", f"u{n}@x.org"),)) for n in range(50)]
    mutex = threading.Lock()
    for number in range(60_000):
        assert journal.room()
        journal.add(keys[number % 50], 1, NOON)
        if number % 1000 == 0:
            journal.keep_space(mutex)
    journal.close()

    left = _left(tmp_path)
    booked, total, tried = 0, 0, 0
    while (stretch := left.next_stretch(booked, 20)) is not None:
        tried += 1
        if tried % 100:  # else the transaction was not committed, and it is read again
            booked = stretch.last
            total += sum(stretch.additions.values())
    assert (booked, total) == (60_000, 60_000)


def test_no_more_space(tmp_path: Path) -> None:
    """At its largest it says so, each time; records have no room until a segment is booked."""
    journal = Journal(tmp_path, _TOKEN, "1ea5e", "b007", SEGMENT_MIN, segments_max=2)
    mutex = threading.Lock()
    _fill(journal, RecordKeys(_ALICE))
    for _ in range(2):
        with pytest.raises(JournalError, match=f"{tmp_path}: 2 segments of the journal are full"):
            journal.keep_space(mutex)
    assert journal.is_full
    assert not journal.reopen()

    journal.advance(journal.number)
    assert journal.reopen()
    assert journal.remove()
    assert list(tmp_path.iterdir()) == []


def test_booked_in_time_it_never_fills(tmp_path: Path) -> None:
    """With a flush now and then the two segments go on for ever."""
    journal = _journal(tmp_path)
    alice = RecordKeys(_ALICE)
    for _ in range(100_000):
        assert journal.room()
        journal.add(alice, 1, NOON)
        if journal.number % 3000 == 0:
            journal.advance(journal.number - 1000)
    journal.close()

    (stretch,) = _left(tmp_path).stretches(99_000, 100)

    assert stretch == (100_000, dict.fromkeys(_ALICE, 1000))


def test_half_a_segment_is_kept_for_an_outage(tmp_path: Path) -> None:
    """Where all is booked, at least one and a half segments are free."""
    journal = _journal(tmp_path)
    alice = RecordKeys(_ALICE)
    _fill(journal, alice)
    both = journal.number
    journal.advance(both)
    assert journal.reopen()
    for _ in range(both // 2 - 10):
        journal.advance(journal.number)
        journal.add(alice, 1, NOON)
    before = journal.number
    _fill(journal, alice)

    assert journal.number - before > both * 0.7
    journal.remove()


def test_portions(tmp_path: Path) -> None:
    """A portion ends at the number of counters, and its number is that of its last record."""
    journal = _journal(tmp_path)
    keys = [(key_of("mailbox.messages_per_day", f"u{number}@x.org"),) for number in range(10)]
    for key in keys:
        journal.add(RecordKeys(key), 2, NOON)
    journal.close()

    stretches = list(_left(tmp_path).stretches(3, 4))

    assert stretches == [
        (7, {keys[3][0]: 2, keys[4][0]: 2, keys[5][0]: 2, keys[6][0]: 2}),
        (10, {keys[7][0]: 2, keys[8][0]: 2, keys[9][0]: 2}),
    ]


def test_given_back_is_nothing(tmp_path: Path) -> None:
    """What cancels out makes no row, and still moves the number."""
    journal = _journal(tmp_path)
    journal.add(RecordKeys(_ALICE), 1, NOON)
    journal.add(RecordKeys(_ALICE), -1, NOON)
    journal.close()

    assert list(_left(tmp_path).stretches(0, 100)) == [(2, {})]


def test_too_old_to_know(tmp_path: Path) -> None:
    """Records from before a moment are left out when asked: their booking may be forgotten."""
    journal = _journal(tmp_path)
    journal.add(RecordKeys(_ALICE), 1, NOON - 1)
    journal.add(RecordKeys(_OTHER), 1, NOON)
    journal.close()

    assert list(_left(tmp_path).stretches(0, 100, NOON)) == [(2, {_OTHER[0]: 1})]


def _missing(folder: Path) -> Path:
    return folder / "missing"


def _a_link(folder: Path) -> Path:
    (folder / "target").write_text("untouched")
    (folder / file_name(_TOKEN, 1)).symlink_to("target")
    return folder


def _a_file(folder: Path) -> Path:
    (folder / file_name(_TOKEN, 1)).write_text("another's")
    return folder


@pytest.mark.parametrize("prepare", [_missing, _a_link, _a_file])
def test_files_cannot_be_made(tmp_path: Path, prepare: Callable[[Path], Path]) -> None:
    """No folder, a link or a file in the way: an error that names the path, and nothing changed."""
    folder = prepare(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}

    with pytest.raises(JournalError, match=rf"{folder}/journal\.{_TOKEN}\.[01]: can't be made: "):
        _journal(folder)

    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
