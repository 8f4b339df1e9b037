"""What the routes share: cursors, and the wait for the daemon."""

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendlimit.store.changes import Author, Change, Made, make_change
from sendlimit.store.connection import Connection
from sendlimit.web.api.common import Cursor, Service, is_heard, next_cursor
from sendlimit.web.database import CONNECTIONS, begin_request
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


def _is_heard(service: Service, made: Made[None]) -> bool:
    async def ask() -> bool:
        begin_request()
        return await is_heard(service, made)

    return asyncio.run(ask())


def test_not_heard(tables: Connection, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon that is slow to hear is waited for as long as the request has time, not longer."""
    tables.execute("UPDATE er_lease SET holder = 'a-daemon', beat = 1")
    made = make_change(tables, Author("me", "api", NOON), lambda: (None, [Change("forget", "a")]))
    monkeypatch.setattr("sendlimit.web.database.ANSWER_S", 0.5)
    begun = time.monotonic()
    assert not _is_heard(service, made)
    assert 0.3 <= time.monotonic() - begun < 10

    tables.execute("UPDATE er_lease SET seen_change = %s", [made.id])
    assert _is_heard(service, made)


def test_others_are_answered_meanwhile(tables: Connection, service: Service) -> None:
    """Requests that wait for the daemon hold no connection: more of them than there are leave room."""
    tables.execute("UPDATE er_lease SET holder = 'a-daemon', beat = 1")
    made = make_change(tables, Author("me", "api", NOON), lambda: (None, [Change("forget", "a")]))

    async def ask() -> None:
        begin_request()
        waiting = [asyncio.ensure_future(is_heard(service, made)) for _ in range(3 * CONNECTIONS)]
        await asyncio.sleep(0.1)
        for _ in range(3):
            assert await service.database.run(lambda connection: connection.execute("SELECT 1"))
        assert not any(each.done() for each in waiting)
        tables.execute("UPDATE er_lease SET seen_change = %s", [made.id])
        assert await asyncio.gather(*waiting) == [True] * len(waiting)

    asyncio.run(ask())


def test_a_store_that_goes_away(tables: Connection, service: Service) -> None:
    """When the database goes away after a change, the change is made, and not known to be heard."""
    tables.execute("UPDATE er_lease SET holder = 'a-daemon', beat = 1")
    made = make_change(tables, Author("me", "api", NOON), lambda: (None, [Change("forget", "a")]))
    tables.execute("DROP TABLE er_lease")
    assert not _is_heard(service, made)
