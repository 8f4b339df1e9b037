"""Laws of renaming and forgetting: no count is lost, made up, or taken from somebody else."""

import tempfile
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from sendlimit.rules.limit import CounterKey, Scope, Unit
from sendlimit.rules.window import Window
from sendlimit.store.changes import Author, recorded_changes
from sendlimit.store.connection import Connection
from sendlimit.store.rows import key_params
from sendlimit.store.subjects import forget, rename, stored
from support.real_stores import open_tables

_ROOT = Author("root", "command", 1_795_000_000)
_OLD, _NEW, _OTHER = "a@x.org", "b@x.org", "c@x.org"

_keys = st.builds(
    CounterKey,
    st.sampled_from([Scope.MAILBOX, Scope.DOMAIN]),
    st.sampled_from([_OLD, _NEW, _OTHER]),
    st.sampled_from(Unit),
    st.sampled_from([Window.HOUR, Window.DAY]),
    st.sampled_from([0, 86400]),
)
_counters = st.dictionaries(_keys, st.integers(0, 1000), max_size=20)


def _fill(tables: Connection, counters: dict[CounterKey, int]) -> None:
    for key, used in counters.items():
        tables.execute(
            "INSERT INTO er_counter (scope, subject, unit, `window`, period_start, used)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            (*key_params(key), used),
        )


def _found(tables: Connection) -> dict[tuple[str, ...], int]:
    rows = tables.execute(
        "SELECT scope, subject, unit, `window`, period_start, used FROM er_counter"
        " WHERE `window` <> 'ever'"
    )
    return {row[:5]: row[5] for row in rows}


@settings(max_examples=40)
@given(_counters)
def test_rename(counters: dict[CounterKey, int]) -> None:
    """Each period of the new name has the sum of both; others, and the same name as a domain, stay."""
    expected: Counter[tuple[str, ...]] = Counter()
    for key, used in counters.items():
        moves = (key.scope, key.subject) == (Scope.MAILBOX, _OLD)
        expected[key_params(key._replace(subject=_NEW) if moves else key)] += used
    with tempfile.TemporaryDirectory() as folder:
        tables = open_tables(f"sqlite:///{folder}/db")
        _fill(tables, counters)
        moved = rename(tables, Scope.MAILBOX, _OLD, _NEW, _ROOT).result.moved
        found = _found(tables)
        lines = len(recorded_changes(tables, 0))
        tables.close()

    assert found == dict(expected)
    assert lines == (2 if moved else 0)


@settings(max_examples=40)
@given(_counters)
def test_forget(counters: dict[CounterKey, int]) -> None:
    """The subject's counters of all periods are gone, all others are as before."""
    with tempfile.TemporaryDirectory() as folder:
        tables = open_tables(f"sqlite:///{folder}/db")
        _fill(tables, counters)
        gone = forget(tables, Scope.MAILBOX, _OLD, _ROOT).result
        found = _found(tables)
        left = stored(tables, Scope.MAILBOX, _OLD)
        tables.close()

    stays = {
        key_params(key): used
        for key, used in counters.items()
        if (key.scope, key.subject) != (Scope.MAILBOX, _OLD)
    }
    assert found == stays
    assert gone.counters == len(counters) - len(stays)
    assert not left
