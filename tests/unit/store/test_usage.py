"""What is used, giving it back, and removing what is old."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sendlimit.rules.limit import LATCH, Scope, Unit
from sendlimit.rules.window import COUNTED_WINDOWS
from sendlimit.store.changes import Author, recorded_changes
from sendlimit.store.connection import Connection
from sendlimit.store.usage import (
    forget_committers,
    remove_finished,
    reset,
    running_keys,
    scopes_of,
    top,
    usage,
)
from support.command_samples import ALICE, NOW, day
from support.counting_samples import BERLIN, DAILY, key_of, named
from support.real_stores import insert_counter

BOB = "bob@example.org"
_DAY_S = 24 * 3600
_ROOT = Author("root", "command", NOW)


def test_usage(tables: Connection) -> None:
    """Counters without a row are left out; one below 0 is 0."""
    insert_counter(tables, day(ALICE), 5)
    insert_counter(tables, day(BOB), -2)

    assert usage(tables, [day(ALICE), day(BOB), day("carol")]) == {day(ALICE): 5, day(BOB): 0}


def test_usage_of_many(tables: Connection) -> None:
    """More counters than one statement takes are read all the same."""
    keys = [day(f"m{number}") for number in range(450)]
    for key in keys:
        insert_counter(tables, key, 1)

    assert usage(tables, keys) == dict.fromkeys(keys, 1)


def test_running_keys() -> None:
    """A subject's counters: all units in all windows, in the periods and steps of the moment."""
    keys = running_keys(Scope.MAILBOX, ALICE, BERLIN, NOW)

    assert {key.unit for key in keys} == {*Unit}
    assert {key.window for key in keys} == {*COUNTED_WINDOWS}
    assert day(ALICE) in keys


def test_reset(tables: Connection) -> None:
    """Counters are set to 0, what was taken away is returned and written down."""
    insert_counter(tables, day(ALICE), 5)
    insert_counter(tables, day(BOB), 3)
    made = reset(tables, running_keys(Scope.MAILBOX, ALICE, BERLIN, NOW), _ROOT)

    assert made.result == {day(ALICE): 5}
    assert usage(tables, [day(ALICE), day(BOB)]) == {day(ALICE): 0, day(BOB): 3}
    assert [recorded.change.what for recorded in recorded_changes(tables, 0)] == ["usage reset"]
    assert reset(tables, [day(ALICE)], _ROOT).id == 0


def test_top(tables: Connection) -> None:
    """Who used most comes first, names in their order where it is the same; 0 is left out."""
    for subject, used in (("c", 3), ("b", 7), ("a", 3), ("d", 0)):
        insert_counter(tables, key_of(DAILY, subject, NOW, BERLIN), used)
    start = day("a").period_start

    assert top(tables, named(DAILY), start, 10) == [("b", 7), ("a", 3), ("c", 3)]
    assert top(tables, named(DAILY), start, 1) == [("b", 7)]
    assert top(tables, named(DAILY), start - _DAY_S, 10) == []


def test_scopes_of_a_name(tables: Connection) -> None:
    """What a name was counted as: both, where a login is called as a domain."""
    insert_counter(tables, day("example.org", Scope.DOMAIN), 1)
    assert scopes_of(tables, "example.org") == {Scope.DOMAIN}

    insert_counter(tables, day("example.org"), 1)
    assert scopes_of(tables, "example.org") == {Scope.DOMAIN, Scope.MAILBOX}
    assert scopes_of(tables, "*") == set()


def test_finished_periods_are_removed(tables: Connection) -> None:
    """What ended before the moment goes, a running day and the count of all mail stay."""
    hour = key_of("mailbox.messages_per_hour", ALICE, NOW - 3600)
    for key in (day(ALICE), day(ALICE, moment=NOW - _DAY_S), hour):
        insert_counter(tables, key, 1)
    steps: list[int] = []

    assert remove_finished(tables, BERLIN, NOW, steps.append) == 2
    assert steps[-1] == 2
    assert usage(tables, [LATCH, day(ALICE), hour]) == {LATCH: 0, day(ALICE): 1}


def test_committers_are_forgotten(tables: Connection) -> None:
    """Rows of daemons that have not written since the moment go; how many is returned.

    Those of the last 30 days stay: after a crash they say what of the journal is booked.
    """
    tables.execute(
        "INSERT INTO er_committer (id, batch, last_at) VALUES ('a', 1, '2026-01-01 00:00:00')"
    )
    tables.execute(
        "INSERT INTO er_committer (id, batch, last_at) VALUES ('b', 1, '2027-01-01 00:00:00')"
    )

    tables.execute(
        "INSERT INTO er_committer (id, batch, last_at) VALUES ('c', 1, '2026-11-01 00:00:00')"
    )

    assert forget_committers(tables, NOW, NOW) == 1
    assert tables.execute("SELECT id FROM er_committer ORDER BY id") == [("b",), ("c",)]


@given(st.lists(st.integers(0, 400_000), max_size=60), st.integers(1, 20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_top_of_any_counts(tables: Connection, counts: list[int], number: int) -> None:
    """Those who used most are the same as when all are sorted, whatever the magnitudes are."""
    tables.execute("DELETE FROM er_counter WHERE `window` = 'day'")
    for index, used in enumerate(counts):
        insert_counter(tables, day(f"m{index:02}"), used)
    wanted = sorted((-used, f"m{index:02}") for index, used in enumerate(counts) if used)
    found = top(tables, named(DAILY), day(ALICE).period_start, number)
    assert found == [(subject, -used) for used, subject in wanted[:number]]
