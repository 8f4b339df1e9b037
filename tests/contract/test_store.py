"""What the ledger needs of every store; runs with SQLite and with MariaDB."""

import pytest

from sendlimit.errors import StoreUnavailable
from sendlimit.rules.counting_settings import Publication
from sendlimit.rules.episode import Episode
from sendlimit.rules.limit import LATCH, Setting
from sendlimit.store import Store, Writing
from sendlimit.store.connection import Connection
from sendlimit.store.rows import setting as setting_of_row
from sendlimit.store.sqltime import to_sql
from support.counting_samples import ALICE, NOON, key_of, named, setting
from support.real_stores import add, used

_DAY = "mailbox.messages_per_day"
_KEY = key_of(_DAY, ALICE.mailbox)
_OTHER = key_of("global.messages_per_day", "*")


def _rows(tables: Connection) -> int:
    return int(tables.execute("SELECT COUNT(*) FROM er_counter")[0][0])


def _set_limit(tables: Connection, row: Setting) -> None:
    until = None if row.valid_until is None else to_sql(row.valid_until)
    tables.execute(
        "INSERT INTO er_limit (subject, scope, unit, `window`, max, valid_until)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        (row.subject, *(str(word) for word in row.name), row.max, until),
    )


# counters


def test_counter_without_a_row_is_0(store: Store) -> None:
    """A counter without a row is 0."""
    assert used(store, [_KEY]) == {_KEY: 0}


def test_additions_are_kept(store: Store) -> None:
    """What a batch added is there for the next one; it loads what was there before."""
    assert add(store, {_KEY: 2, _OTHER: 5}).usage == {LATCH: 0, _KEY: 0, _OTHER: 0}
    assert add(store, {_KEY: 1}, batch=2).usage == {LATCH: 0, _KEY: 2}
    assert used(store, [_KEY, _OTHER]) == {_KEY: 3, _OTHER: 5}


def test_corrections(store: Store) -> None:
    """Packet 2 adds and takes back; both on top of packet 1."""
    add(store, {_KEY: 5, _OTHER: 5}, corrections={_KEY: -3, _OTHER: 2})

    assert used(store, [_KEY, _OTHER]) == {_KEY: 2, _OTHER: 7}


def test_nothing_is_given_back_below_0(store: Store) -> None:
    """A counter that was reset meanwhile stays at 0 when a reservation is given back."""
    add(store, {_KEY: 2})
    add(store, {}, corrections={_KEY: -5}, batch=2)

    assert used(store, [_KEY]) == {_KEY: 0}


def test_giving_back_makes_no_row(store: Store, tables: Connection) -> None:
    """A release for a period that was purged leaves no trace."""
    before = _rows(tables)
    add(store, {}, corrections={_KEY: -1})

    assert before == _rows(tables)


def test_correction_of_what_was_not_loaded(store: Store) -> None:
    """A counter that only packet 2 names is made."""
    add(store, {}, corrections={_KEY: 3})

    assert used(store, [_KEY]) == {_KEY: 3}


def test_large_numbers(store: Store) -> None:
    """Counters hold whatever a server can send."""
    add(store, {_KEY: 10**15})
    add(store, {_KEY: 1}, batch=2)

    assert used(store, [_KEY]) == {_KEY: 10**15 + 1}


def test_each_period_has_its_row(store: Store) -> None:
    """R5: the period is part of the key, so history stays."""
    tomorrow = key_of(_DAY, ALICE.mailbox, NOON + 86_400)
    add(store, {_KEY: 2, tomorrow: 3})

    assert used(store, [_KEY, tomorrow]) == {_KEY: 2, tomorrow: 3}


def test_large_batch(store: Store) -> None:
    """A batch of 2,000 counters is one transaction, in order."""
    keys = {key_of(_DAY, f"user{number}@example.org"): number for number in range(2000)}
    add(store, keys)

    assert keys == used(store, keys)


def test_rollback(store: Store, tables: Connection) -> None:
    """A transaction that was rolled back leaves nothing; the connection goes on."""
    before = _rows(tables)
    store.begin({LATCH: 1, _KEY: 2}, ())
    store.rollback()

    assert before == _rows(tables)
    add(store, {_KEY: 1})
    assert used(store, [_KEY, LATCH]) == {_KEY: 1, LATCH: 0}


def test_close_in_the_middle(store: Store) -> None:
    """A connection dropped after packet 1 leaves nothing."""
    store.begin({LATCH: 1, _KEY: 2}, ())
    store.close()
    store.connect()

    assert used(store, [_KEY, LATCH]) == {_KEY: 0, LATCH: 0}


def test_closed_store_says_so(store: Store) -> None:
    """Every verb without a connection is StoreUnavailable; closing twice and rolling back are harmless."""
    store.close()
    store.close()
    store.rollback()
    for verb in (
        lambda: store.begin({LATCH: 0}, ()),
        lambda: store.write(Writing("one", 1)),
        lambda: store.fence("one"),
        lambda: store.booked_entries(["x"]),
        lambda: store.names_in_force(NOON),
        lambda: store.publish(Publication((), ())),
    ):
        with pytest.raises(StoreUnavailable):
            verb()


# settings


def test_settings_of_the_subjects(store: Store, tables: Connection) -> None:
    """Only the rows of the subjects that are asked for are loaded."""
    rows = [
        setting("*", "global.messages_per_day", 999),
        setting("example.org", "domain.recipients_per_month", None),
        setting("alice@example.org", "mailbox.recipients_per_message", 0),
    ]
    for row in (*rows, setting("bob@example.org", _DAY, 7)):
        _set_limit(tables, row)

    loaded = store.begin({LATCH: 0}, ["*", "example.org", "alice@example.org", "nobody@x.org"])
    store.rollback()

    assert sorted(rows) == sorted(loaded.settings)


def test_boost_beside_a_lasting_row(store: Store, tables: Connection) -> None:
    """R10: both are loaded, also a boost that has ended: it is policy's to say what holds."""
    rows = [setting("*", _DAY, 5), setting("*", _DAY, 9, NOON)]
    for row in rows:
        _set_limit(tables, row)

    loaded = store.begin({LATCH: 0}, ["*"])
    store.rollback()

    assert {row.valid_until: row.max for row in loaded.settings} == {None: 5, NOON: 9}


def test_names_in_force(store: Store, tables: Connection) -> None:
    """R14: what is limited for any subject at the moment; not "unlimited", not an ended boost."""
    _set_limit(tables, setting("a.org", "mailbox.messages_per_minute", 5))
    _set_limit(tables, setting("b.org", "mailbox.messages_per_minute", 6))
    _set_limit(tables, setting("a.org", "mailbox.messages_per_hour", None))
    _set_limit(tables, setting("a.org", "mailbox.messages_per_month", 5, NOON))
    _set_limit(tables, setting("a.org", "domain.recipients_per_hour", 5, NOON + 1))
    _set_limit(tables, setting("a.org", "mailbox.recipients_per_message", 0))

    assert store.names_in_force(NOON) == {
        named("mailbox.messages_per_minute"),
        named("domain.recipients_per_hour"),
        named("mailbox.recipients_per_message"),
    }


_ODD = [
    pytest.param("alice@example.org ", id="trailing blank"),
    pytest.param(" alice@example.org", id="leading blank"),
    pytest.param("o'brien\"@example.org", id="quotes"),
    pytest.param("100%@example.org", id="percent"),
    pytest.param("%s%d%%(x)s", id="format"),
    pytest.param("back\\slash\\'@x.org", id="backslash"),
    pytest.param("x'; drop table er_counter; -- @x.org", id="statement"),
    pytest.param("a?b@x.org", id="question mark"),
    pytest.param("😀@x.org", id="emoji"),
    pytest.param("jürgen@münchen.de", id="umlaut"),
    pytest.param("tab\tand\nline@x.org", id="controls"),
    pytest.param("x" * 255, id="255 characters"),
    pytest.param("😀" * 255, id="255 emoji"),
    pytest.param("{scope}{0}{}", id="braces"),
]


@pytest.mark.parametrize("subject", _ODD)
def test_odd_subject(store: Store, tables: Connection, subject: str) -> None:
    """R2: any login is counted under itself, limited by its own row, and recorded."""
    key = key_of(_DAY, subject)
    episode = Episode(key, 3, NOON, NOON, 1, subject[:45], subject, subject)
    _set_limit(tables, setting(subject, _DAY, 7))
    add(store, {key: 2}, episodes=[episode])

    loaded = store.begin({LATCH: 0, key: 1}, [subject])
    store.write(Writing("one", 2, {key: -1}))

    assert loaded.usage[key] == 2
    assert loaded.settings == [setting(subject, _DAY, 7)]
    assert used(store, [key]) == {key: 2}
    assert tables.execute(
        "SELECT subject, last_sender, last_mailbox FROM er_refusal WHERE attempts = 1"
    ) == [(subject, subject, subject)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("alice@x.org", "alice@x.org "),
        ("alice@x.org", "Alice@x.org"),
        ("müller@x.org", "muller@x.org"),
        ("straße@x.org", "strasse@x.org"),
        ("é@x.org", "e\u0301@x.org"),
    ],
)
def test_similar_subjects_are_different(store: Store, one: str, other: str) -> None:
    """R2: keys are compared byte by byte: no collation makes two mailboxes one."""
    add(store, {key_of(_DAY, one): 1, key_of(_DAY, other): 2})

    assert used(store, [key_of(_DAY, one), key_of(_DAY, other)]) == {
        key_of(_DAY, one): 1,
        key_of(_DAY, other): 2,
    }


# episodes, batches, entries of an unbooked file


def test_episodes_merge(store: Store, tables: Connection) -> None:
    """R13: repeats are one row a counter and period: first and last time, attempts, the last client."""
    add(store, {}, episodes=[Episode(_KEY, 5, NOON, NOON + 10, 2, "192.0.2.7", "a@b.org", "alice")])
    add(store, {}, batch=2, episodes=[
        Episode(_KEY, 3, NOON - 5, NOON + 5, 3, "2001:db8::7", "", "bob"),
        Episode(_OTHER, 9, NOON, NOON, 1, "", "", ""),
    ])  # fmt: skip

    assert tables.execute(
        "SELECT scope, `limit`, first_at, last_at, attempts, last_client_addr, last_sender,"
        " last_mailbox FROM er_refusal ORDER BY attempts DESC"
    ) == [
        ("mailbox", 3, to_sql(NOON - 5), to_sql(NOON + 10), 5, "2001:db8::7", "", "bob"),
        ("global", 9, to_sql(NOON), to_sql(NOON), 1, "", "", ""),
    ]


def test_long_texts_of_an_episode_are_cut(store: Store, tables: Connection) -> None:
    """R13: a reverse path of 2,000 characters is cut to the column, it fails no batch."""
    key = key_of("mailbox.recipients_per_message", ALICE.mailbox)
    add(store, {}, episodes=[Episode(key, 5, NOON, NOON, 1, "x" * 300, "😀" * 2000, "y" * 300)])

    assert tables.execute("SELECT last_client_addr, last_sender, last_mailbox FROM er_refusal") == [
        ("x" * 255, "😀" * 255, "y" * 255)
    ]


def test_fence_tells_the_last_batch(store: Store) -> None:
    """0 before the first batch, then the number of the last one that is in."""
    assert store.fence("one").batch == 0
    add(store, {_KEY: 1}, batch=7)
    assert store.fence("one").batch == 7
    assert store.fence("one").batch == 7
    assert store.fence("two").batch == 0
    add(store, {_KEY: 1}, batch=8)
    assert store.fence("one").batch == 8


def test_fence_after_a_lost_connection(store: Store) -> None:
    """A batch that was dropped before its commit is not in."""
    add(store, {_KEY: 1}, batch=1)
    store.begin({LATCH: 1, _KEY: 1}, ())
    store.close()
    store.connect()

    assert store.fence("one").batch == 1
    assert used(store, [_KEY]) == {_KEY: 1}


def test_entries_are_booked_with_their_batch(store: Store) -> None:
    """R11: the ids of a journal's entries are in er_committer once their counts are."""
    assert store.booked_entries(["a", "b"]) == set()
    add(store, {_KEY: 1}, unbooked=["a", "b"])

    assert store.booked_entries(["a", "b", "c"]) == {"a", "b"}
    add(store, {_KEY: 1}, batch=2, unbooked=["a"])
    assert store.booked_entries(["a"]) == {"a"}


def test_publish_replaces(store: Store, tables: Connection) -> None:
    """The views' tables have what was told last."""
    limits = "SELECT subject, scope, unit, `window`, max, NULL FROM er_file_limit ORDER BY subject"
    days = "SELECT period_start, period_end FROM er_day ORDER BY period_start"
    first = [setting("*", _DAY, 5), setting("o'b.org", "domain.recipients_per_hour", None)]
    for settings, spans in (
        (first, [(NOON, NOON + 9), (NOON + 9, NOON + 20)]),
        (first, [(NOON, NOON + 9), (NOON + 9, NOON + 20)]),
        ([setting("*", _DAY, 6)], [(NOON + 9, NOON + 20)]),
        ([], []),
    ):
        store.publish(Publication(settings, spans))

        assert settings == [setting_of_row(row) for row in tables.execute(limits)]
        assert tables.execute(days) == [(to_sql(start), to_sql(end)) for start, end in spans]


def test_latch_that_was_removed_is_made_again(store: Store, tables: Connection) -> None:
    """An er_counter that was emptied by hand does not stop the ledger."""
    tables.execute("DELETE FROM er_counter")
    store.connect()
    add(store, {LATCH: 1, _KEY: 1})

    assert used(store, [LATCH]) == {LATCH: 1}
