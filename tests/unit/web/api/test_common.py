"""What the routes share: cursors, and the wait for the daemon."""

import time
from contextvars import copy_context

from hypothesis import given
from hypothesis import strategies as st

from sendlimit.store.changes import Author, Change, make_change
from sendlimit.store.connection import Connection
from sendlimit.web.api.common import HEARD_S, Cursor, is_heard, next_cursor
from sendlimit.web.database import begin_request
from support.counting_samples import NOON


@given(st.text(), st.integers(0, 10**8))
def test_cursor(key: str, skip: int) -> None:
    """What is written is read again, also where a key ends like a cursor."""
    assert Cursor.read(str(Cursor(key, skip))) == Cursor(key, skip)


@given(st.text())
def test_a_key_is_no_cursor(key: str) -> None:
    """A key that a client names begins there; unless it ends like a cursor, nothing is skipped."""
    read = Cursor.read(key)
    assert read == Cursor(key) or key == f"{read.key}~{key.rpartition('~')[2]}"


@given(st.lists(st.sampled_from("abc"), max_size=30), st.integers(1, 7))
def test_pages(keys: list[str], size: int) -> None:
    """Pages by cursors give every row once, whatever keys are the same."""
    rows = [*enumerate(sorted(keys))]
    found: list[tuple[int, str]] = []
    cursor = Cursor("")
    while True:
        rest = [row for row in rows if row[1] >= cursor.key][cursor.skip or 0 :]
        page = rest[:size]
        found += page
        if len(rest) <= size:
            break
        cursor = Cursor.read(str(next_cursor(cursor, [key for _, key in page])))
    assert found == rows


def test_not_heard(tables: Connection) -> None:
    """A daemon that is slow to hear is not waited for beyond the request's time."""
    tables.execute("UPDATE er_lease SET holder = 'a-daemon', beat = 1")
    made = make_change(tables, Author("me", "api", NOON), lambda: (None, [Change("forget", "a")]))

    def wait() -> bool:
        begin_request()
        return is_heard(tables, made)

    begun = time.monotonic()
    assert not copy_context().run(wait)
    assert HEARD_S <= time.monotonic() - begun < 10
    tables.execute("UPDATE er_lease SET seen_change = %s", [made.id])
    assert is_heard(tables, made)
