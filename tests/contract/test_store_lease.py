"""What every store promises to the holder of the lease; runs with SQLite and with MariaDB."""

from dataclasses import replace
from itertools import pairwise

import pytest

from sendlimit.errors import LeaseLost
from sendlimit.rules.episode import Episode
from sendlimit.rules.limit import LATCH, CounterKey
from sendlimit.store import ChangeRow, Flush, Flushed, LeaseRow, Store, Writing
from sendlimit.store.connection import Connection
from support.counting_samples import ALICE, ALICES_DAY, BOB, DAILY, NOON, key_of, named
from support.real_stores import add, insert_counter, used

_BOBS_DAY = key_of(DAILY, BOB.mailbox)
_LEASE = "SELECT holder, beat, seen_change FROM er_lease"


@pytest.fixture
def held(store: Store) -> Flush:
    """The first flush of a daemon "me" that holds the lease with beat 1."""
    store.begin({LATCH: 0}, ())
    store.write(Writing("me", 1, holder="me", seen_change=0))
    return Flush("me", batch=2, journal=0, fences=0, beat=1, host="mx1")


def _change(tables: Connection, subject: str) -> int:
    tables.execute("INSERT INTO er_change (what, subject) VALUES ('limit set', %s)", (subject,))
    return int(tables.execute("SELECT MAX(id) FROM er_change")[0][0])


def test_the_lease_is_taken_and_freed_with_a_batch(store: Store, tables: Connection) -> None:
    """Each writing of the row moves its beat; a batch that says nothing of it leaves it."""
    assert store.begin({LATCH: 0}, ()).lease == LeaseRow("", 0, 0)
    store.write(Writing("me", 1, holder="me", seen_change=7))
    assert tables.execute(_LEASE) == [("me", 1, 7)]
    add(store, {ALICES_DAY: 1}, batch=2)
    assert tables.execute(_LEASE) == [("me", 1, 7)]
    assert store.begin({LATCH: 0}, ()).lease == LeaseRow("me", 1, 7)
    store.write(Writing("other", 1, holder=""))
    assert tables.execute(_LEASE) == [("", 2, 7)]


def test_a_flush_adds_and_returns(store: Store, held: Flush, tables: Connection) -> None:
    """Counters come back as they are with it; the row of the latch is one of them."""
    insert_counter(tables, ALICES_DAY, 5)
    flushed = store.flush(
        replace(held, additions={LATCH: 3, ALICES_DAY: 2, _BOBS_DAY: 1}, journal=40)
    )
    assert flushed == Flushed({ALICES_DAY: 7, _BOBS_DAY: 1}, [], [], {"me": 1})
    assert used(store, [LATCH, ALICES_DAY, _BOBS_DAY]) == {
        LATCH: 3,
        ALICES_DAY: 7,
        _BOBS_DAY: 1,
    }
    assert tables.execute(_LEASE) == [("me", 2, 0)]
    assert tables.execute("SELECT batch, journal FROM er_committer") == [(2, 40)]
    assert tables.execute("SELECT id, beat, host FROM er_daemon") == [("me", 1, "mx1")]


def test_a_flush_reads_what_it_does_not_change(
    store: Store, held: Flush, tables: Connection
) -> None:
    """For questions: their counters without making rows, and the limits of their subjects."""
    insert_counter(tables, ALICES_DAY, 5)
    tables.execute(
        "INSERT INTO er_limit (subject, scope, unit, `window`, max)"
        " VALUES (%s, 'mailbox', 'messages', 'day', 9)",
        (ALICE.mailbox,),
    )
    flushed = store.flush(
        replace(held, read=[ALICES_DAY, _BOBS_DAY], subjects=[ALICE.mailbox, "*"])
    )
    assert flushed.usage == {ALICES_DAY: 5, _BOBS_DAY: 0}
    assert [(row.subject, row.max) for row in flushed.settings] == [(ALICE.mailbox, 9)]
    assert tables.execute("SELECT COUNT(*) FROM er_counter WHERE subject LIKE 'bob%%'") == [(0,)]


def test_a_flush_gives_back(store: Store, held: Flush, tables: Connection) -> None:
    """Never below 0, never making a row; what it comes to is returned."""
    insert_counter(tables, ALICES_DAY, 1)
    flushed = store.flush(replace(held, additions={LATCH: -3, ALICES_DAY: -2, _BOBS_DAY: -1}))
    assert flushed.usage == {ALICES_DAY: 0, _BOBS_DAY: 0}
    assert used(store, [LATCH]) == {LATCH: 0}
    assert tables.execute("SELECT COUNT(*) FROM er_counter WHERE subject LIKE 'bob%%'") == [(0,)]


def test_a_flush_records_refusals(store: Store, held: Flush, tables: Connection) -> None:
    """Episodes go with it, merged as with a batch."""
    episode = Episode(ALICES_DAY, 5, NOON, NOON, 1, "192.0.2.7", "a@example.org", ALICE.mailbox)
    store.flush(replace(held, episodes=[episode]))
    store.flush(replace(held, batch=3, beat=2, episodes=[episode]))
    assert tables.execute("SELECT attempts FROM er_refusal") == [(2,)]


@pytest.mark.parametrize(
    "wrong", [{"beat": 0}, {"beat": 2}, {"fences": 1}, {"committer": "another"}]
)
def test_a_flush_of_another_is_refused_whole(
    store: Store, held: Flush, tables: Connection, wrong: dict[str, int]
) -> None:
    """Lease, beat and fences are checked in its transaction; nothing of it stays, no lock either."""
    with pytest.raises(LeaseLost):
        store.flush(replace(held, additions={LATCH: 1, ALICES_DAY: 1}, **wrong))  # type: ignore[arg-type]
    assert tables.execute(_LEASE) == [("me", 1, 0)]
    assert tables.execute("SELECT COUNT(*) FROM er_daemon") == [(0,)]
    store.flush(replace(held, additions={LATCH: 1, ALICES_DAY: 1}))
    assert used(store, [LATCH, ALICES_DAY]) == {LATCH: 1, ALICES_DAY: 1}


def test_a_flush_that_was_late_finds_the_fence(store: Store, held: Flush) -> None:
    """Behind a fence it never comes in; with what the fence returned, the next one does."""
    fenced = store.fence("me")
    assert fenced == (1, 1)
    with pytest.raises(LeaseLost):
        store.flush(held)
    store.flush(replace(held, fences=fenced.fences))
    assert store.fence("me") == (2, 2)


def test_the_journal_s_number_never_goes_down(
    store: Store, held: Flush, tables: Connection
) -> None:
    """A batch that books no record leaves it."""
    store.flush(replace(held, journal=40))
    add(store, {ALICES_DAY: 1}, batch=3, committer="me")
    assert tables.execute("SELECT batch, journal FROM er_committer WHERE id = 'me'") == [(3, 40)]
    assert store.booked_record("me") == 40


def test_journals_of_earlier_starts(store: Store, tables: Connection) -> None:
    """What is replayed is noted with the batch that books it."""
    assert store.booked_record("before") is None
    for record in (7, 5):
        store.begin({LATCH: 0}, ())
        store.write(Writing("me", 1, replayed={"before": record}))
    assert store.booked_record("before") == 7
    assert tables.execute("SELECT batch FROM er_committer WHERE id = 'before'") == [(0,)]


def test_handing_over(store: Store, held: Flush, tables: Connection) -> None:
    """The last flush of a holder frees the lease and says what it has followed."""
    store.flush(replace(held, let_go=True, applied_change=3))
    assert tables.execute(_LEASE) == [("", 2, 3)]
    with pytest.raises(LeaseLost):
        store.flush(replace(held, batch=3, beat=2))


def test_changes_by_people(store: Store, held: Flush, tables: Connection) -> None:
    """Those after the last that was seen, in their order."""
    first = _change(tables, ALICE.mailbox)
    second = _change(tables, "*")
    flushed = store.flush(held)
    assert flushed.changes == [ChangeRow(first, ALICE.mailbox), ChangeRow(second, "*")]
    assert store.flush(replace(held, batch=3, beat=2, seen_change=first)).changes == [
        ChangeRow(second, "*")
    ]


def test_beats_of_daemons(store: Store, held: Flush) -> None:
    """Each moves its own row, and sees all."""
    assert store.beat("two", "mx2") == {"two": 1}
    assert store.beat("two", "mx2") == {"two": 2}
    assert store.flush(held).beats == {"me": 1, "two": 2}
    store.leave("two")
    assert store.beat("me", "mx1") == {"me": 2}


def _old_release(store: Store, batch: int) -> None:
    """Write a batch as a release does that knows neither lease nor er_daemon."""
    store.begin({LATCH: 1}, ())
    store.write(Writing("old", batch))


def test_batches_of_an_old_release_are_beats(store: Store, held: Flush, tables: Connection) -> None:
    """From its second batch on, wherever beats are read, until it writes no more."""
    _old_release(store, 1)
    assert store.flush(held).beats == {"me": 1}, "an entry of an unbooked file has batch 1, too"
    _old_release(store, 2)
    assert store.flush(replace(held, batch=3, beat=2)).beats == {"me": 2, "committer old": 2}
    _old_release(store, 3)
    assert store.beat("me", "mx1") == {"me": 3, "committer old": 3}
    store.begin({LATCH: 0}, ())
    assert store.census().beats == {"me": 3, "committer old": 3}
    store.rollback()
    tables.execute("UPDATE er_committer SET last_at = '2026-01-01 00:00:00' WHERE id = 'old'")
    assert store.beat("me", "mx1") == {"me": 4}


def test_who_has_left_is_of_no_old_release(store: Store, tables: Connection) -> None:
    """A clean stop removes its row of er_daemon; the row of er_committer stays, for its journal."""
    _old_release(store, 5)
    store.beat("old", "mx1")
    store.leave("old")
    assert store.beat("me", "mx1") == {"me": 1}
    assert tables.execute("SELECT batch FROM er_committer WHERE id = 'old'") == [(5,)]


def test_census(store: Store, tables: Connection) -> None:
    """Who takes the lease reads who else there is, and removes who has gone."""
    store.beat("gone", "mx3")
    store.begin({LATCH: 0}, ())
    assert store.census() == ({"gone": 1}, 0)
    store.rollback()
    last = _change(tables, "*")
    store.begin({LATCH: 0}, ())
    assert store.census() == ({"gone": 1}, last)
    store.write(Writing("me", 1, holder="me", seen_change=last, gone=["gone"]))
    assert tables.execute("SELECT COUNT(*) FROM er_daemon") == [(0,)]


def test_a_lease_row_that_was_removed_is_there_again(store: Store, tables: Connection) -> None:
    """At the next connection, or with the next fence; until then it is free."""
    for make in (store.connect, lambda: store.fence("me")):
        tables.execute("DELETE FROM er_lease")
        if make != store.connect:
            assert store.begin({LATCH: 0}, ()).lease == LeaseRow("", 0, 0)
            store.rollback()
        make()
        assert tables.execute(_LEASE) == [("", 0, 0)]


def test_limits_and_their_mark(store: Store, tables: Connection) -> None:
    """All rows; the mark changes with each of them, and only then."""
    marks = [store.limits_mark()]
    assert store.limits() == []
    for statement in (
        "INSERT INTO er_limit (subject, scope, unit, `window`, max) VALUES ('a@b.c', 'mailbox', 'messages', 'day', 9)",
        "UPDATE er_limit SET max = 10",
        "UPDATE er_limit SET max = NULL",
        "UPDATE er_limit SET valid_until = '2030-01-01 00:00:00'",
        "DELETE FROM er_limit",
    ):
        tables.execute(statement)
        marks.append(store.limits_mark())
        assert store.limits_mark() == marks[-1]
    assert all(one != then for one, then in pairwise(marks))


def test_usage(store: Store, tables: Connection) -> None:
    """Counters as they are, 0 without a row."""
    insert_counter(tables, ALICES_DAY, 5)
    assert store.usage([]) == {}
    assert store.usage([ALICES_DAY, _BOBS_DAY]) == {ALICES_DAY: 5, _BOBS_DAY: 0}


def test_a_period_is_read_in_chunks(store: Store, tables: Connection) -> None:
    """In the order of the subjects, without those of other names and periods."""
    subjects = [
        "a@example.org",
        "b@example.org",
        "ä@example.org",
        "B@example.org",
        "b@example.org ",
    ]
    for number, subject in enumerate(subjects):
        insert_counter(tables, ALICES_DAY._replace(subject=subject), number)
    insert_counter(tables, ALICES_DAY._replace(period_start=ALICES_DAY.period_start - 86_400), 1)
    insert_counter(tables, key_of("mailbox.recipients_per_day", ALICE.mailbox), 1)
    insert_counter(tables, key_of("domain.messages_per_day", "example.org"), 1)
    read: list[tuple[str, int]] = []
    while chunk := store.counters(
        named(DAILY), ALICES_DAY.period_start, read[-1][0] if read else None, 2
    ):
        read += chunk
    assert read == sorted(
        ((subject, number) for number, subject in enumerate(subjects)),
        key=lambda row: row[0].encode(),
    )


def test_a_flush_of_many(store: Store, held: Flush) -> None:
    """A whole stretch with questions fits into one packet."""
    keys = [_key(number) for number in range(2500)]
    flushed = store.flush(
        replace(
            held,
            additions=dict.fromkeys(keys[:2000], 1),
            read=keys[2000:],
            subjects=[key.subject for key in keys[2000:]],
        )
    )
    assert flushed.usage == {key: int(number < 2000) for number, key in enumerate(keys)}


def _key(number: int) -> CounterKey:
    return key_of(DAILY, f"'u{number}\\%s@example.org")
