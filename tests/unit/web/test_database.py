"""Jobs on the database, each with a deadline."""

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sendlimit.errors import ChangedMeanwhile, StoreUnavailable
from sendlimit.store.connection import Connection
from sendlimit.store.location import SQLiteLocation, parse_url
from sendlimit.web import database as module
from sendlimit.web.database import Database, begin_request
from sendlimit.web.errors import WebError


@pytest.fixture
def database(url: str, tables: Connection) -> Iterator[Database]:
    """Connections to empty tables."""
    del tables
    made = Database(parse_url(url), "")
    yield made
    made.close()


def _one(connection: Connection) -> int:
    return int(connection.execute("SELECT 1")[0][0])


def test_a_job(database: Database) -> None:
    """A job gets a connection, and its result comes back."""
    assert asyncio.run(database.run(_one)) == 1


def test_late(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for too long is told so; a job that has not begun by then is never done."""
    monkeypatch.setattr(module, "ANSWER_S", 0.2)
    release = threading.Event()
    done: list[int] = []

    async def ask_all() -> list[object]:
        begin_request()
        slow = [database.run(lambda _: release.wait(5)) for _ in range(module.CONNECTIONS)]
        late = [database.run(lambda _: done.append(1))]
        return await asyncio.gather(*slow, *late, return_exceptions=True)

    begun = time.monotonic()
    answers = asyncio.run(_freed(ask_all(), release))
    assert time.monotonic() - begun < 3
    assert [answer.code for answer in answers if isinstance(answer, WebError)] == [
        "store_unavailable"
    ] * (module.CONNECTIONS + 1)
    assert asyncio.run(database.run(_one)) == 1
    assert done == []


async def _freed(asked: object, release: threading.Event) -> list[object]:
    answers: list[object] = await asked  # type: ignore[misc]
    release.set()
    return answers


def test_too_many(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond what may wait, a request is refused at once."""
    monkeypatch.setattr(module, "_WAITING_MAX", 1 - module.CONNECTIONS)

    async def ask_two() -> list[object]:
        slow = database.run(lambda _: time.sleep(0.1))
        return [*await asyncio.gather(slow, database.run(_one), return_exceptions=True)]

    _, refused = asyncio.run(ask_two())
    assert isinstance(refused, WebError)
    assert refused.status == 429


def test_a_lost_connection_is_opened_again(database: Database) -> None:
    """After the database was away, the next job has a new connection."""
    connections: list[Connection] = []

    def lose(connection: Connection) -> None:
        connections.append(connection)
        raise StoreUnavailable("gone")

    with pytest.raises(WebError, match="gone") as raised:
        asyncio.run(database.run(lose))
    assert (raised.value.status, raised.value.retry_after_s) == (503, 5)
    assert asyncio.run(database.run(lambda connection: connection not in connections))


def test_no_file(tmp_path: Path) -> None:
    """An SQLite file that is not there is not made."""
    path = tmp_path / "none.db"
    database = Database(SQLiteLocation(str(path)), "")
    with pytest.raises(WebError, match="db init"):
        asyncio.run(database.run(_one))
    database.close()
    assert not path.exists()


def test_changed_meanwhile(database: Database) -> None:
    """Another one's change is no fault of the database."""

    def work(_: Connection) -> None:
        raise ChangedMeanwhile

    with pytest.raises(WebError) as raised:
        asyncio.run(database.run(work))
    assert raised.value.status == 409
