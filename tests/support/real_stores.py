"""Real stores by their url: the ledger's, and a second connection to look at the tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendlimit.rules.limit import LATCH
from sendlimit.store import Writing
from sendlimit.store.connection import open_connection
from sendlimit.store.location import SQLiteLocation, parse_url
from sendlimit.store.mariadb import MariaDBStore
from sendlimit.store.migrations import upgrade
from sendlimit.store.rows import episode_params, key_params
from sendlimit.store.sqlite import SQLiteStore

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sendlimit.rules.episode import Episode
    from sendlimit.rules.limit import CounterKey
    from sendlimit.store import Loaded, Store
    from sendlimit.store.connection import Connection

TABLES = (
    "er_limit",
    "er_counter",
    "er_refusal",
    "er_committer",
    "er_file_limit",
    "er_day",
    "er_lease",
    "er_daemon",
    "er_change",
)
"""All that daemon and commands write."""


def open_tables(url: str) -> Connection:
    """Open a command's connection to a store with its tables made."""
    location = parse_url(url)
    password = "" if isinstance(location, SQLiteLocation) else location.password or ""
    connection = open_connection(location, password)
    upgrade(connection, location)
    return connection


def new_store(url: str) -> Store:
    """Return a ledger's store that is not yet connected."""
    location = parse_url(url)
    if isinstance(location, SQLiteLocation):
        return SQLiteStore(location)
    return MariaDBStore(location, lambda: location.password or "")


def add(  # noqa: PLR0913 - what a batch consists of
    store: Store,
    amounts: Mapping[CounterKey, int],
    *,
    corrections: Mapping[CounterKey, int] | None = None,
    episodes: Sequence[Episode] = (),
    unbooked: Sequence[str] = (),
    batch: int = 1,
    committer: str = "one",
) -> Loaded:
    """Do one batch; return what it loaded."""
    loaded = store.begin({LATCH: 0} | dict(amounts), ())
    store.write(Writing(committer, batch, corrections or {}, episodes, unbooked))
    return loaded


def used(store: Store, keys: Collection[CounterKey]) -> dict[CounterKey, int]:
    """Return what counters hold, without changing them."""
    loaded = store.begin({LATCH: 0} | dict.fromkeys(keys, 0), ())
    store.rollback()
    return {key: loaded.usage[key] for key in keys}


def insert_counter(tables: Connection, key: CounterKey, used: int) -> None:
    """Put a counter into the tables."""
    tables.execute(
        "INSERT INTO er_counter (scope, subject, unit, `window`, period_start, used)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        (*key_params(key), used),
    )


def insert_limit(tables: Connection, *values: object) -> None:
    """Put a row into er_limit as an admin does it by hand: subject, scope, unit, window, max, valid_until."""
    tables.execute(
        "INSERT INTO er_limit (subject, scope, unit, `window`, max, valid_until)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        values,
    )


def insert_episode(tables: Connection, episode: Episode) -> None:
    """Put an episode into the tables."""
    tables.execute(
        "INSERT INTO er_refusal (scope, subject, unit, `window`, period_start, `limit`,"
        " first_at, last_at, attempts, last_client_addr, last_sender, last_mailbox)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        episode_params(episode),
    )
