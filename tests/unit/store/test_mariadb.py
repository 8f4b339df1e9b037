"""The ledger's store on MariaDB; what it has in common with SQLite is in tests/contract."""

from collections.abc import Iterable, Iterator, Sequence

import pytest

from sendlimit.errors import LeaseLost, StoreUnavailable
from sendlimit.rules.limit import LATCH
from sendlimit.store import Flush, Writing
from sendlimit.store.connection import Connection
from sendlimit.store.location import Host, MariaDBLocation, parse_url
from sendlimit.store.mariadb import EARLY_S, MariaDBStore
from sendlimit.store.rows import Row
from support.counting_samples import ALICE, ALICES_DAY, key_of
from support.real_stores import insert_counter, open_tables, used
from support.rig.mariadb import Database, PrivateMariaDB


@pytest.fixture
def tables(database: Database) -> Iterator[Connection]:
    """A command's connection to empty tables."""
    connection = open_tables(database.url_with_password)
    yield connection
    connection.close()


@pytest.fixture
def store(database: Database, tables: Connection) -> Iterator[MariaDBStore]:  # noqa: ARG001 - makes the tables
    """A connected store."""
    location = parse_url(database.url)
    assert isinstance(location, MariaDBLocation)
    store = MariaDBStore(location, lambda: database.password)
    store.connect()
    yield store
    store.close()


@pytest.mark.mariadb
def test_says_when_the_commit_is_on_its_way(store: MariaDBStore, tables: Connection) -> None:
    """A single server that has packet 2 does it to the end: the mails are answered by then."""
    seen: list[int] = []
    store.begin({LATCH: 1}, ())
    store.write(Writing("one", 1), lambda: seen.append(1))

    assert seen == [1]
    assert tables.execute("SELECT batch FROM er_committer WHERE id = 'one'") == [(1,)]


@pytest.mark.mariadb
def test_connection_lost_between_the_packets(
    store: MariaDBStore, mariadb: PrivateMariaDB, database: Database
) -> None:
    """Packet 1 is rolled back with its connection, and the next connection begins anew."""
    store.begin({LATCH: 1, ALICES_DAY: 1}, ())
    for (number,) in mariadb.query(
        "SELECT id FROM information_schema.processlist WHERE user = %s AND command = 'Sleep'"
        " ORDER BY id DESC LIMIT 1",
        (database.name,),
    ):
        mariadb.query(f"KILL {number}")
    with pytest.raises(StoreUnavailable):
        store.write(Writing("one", 1))
    store.connect()

    assert store.fence("one").batch == 0
    assert used(store, [LATCH, ALICES_DAY]) == {LATCH: 0, ALICES_DAY: 0}


def test_not_connected() -> None:
    """Without a connection every statement says that the database is away; close is harmless."""
    store = MariaDBStore(MariaDBLocation("u", "d", (Host("127.0.0.1", 1),)))
    store.close()
    with pytest.raises(StoreUnavailable):
        store.begin({LATCH: 1}, ())
    store.rollback()
    with pytest.raises(StoreUnavailable):
        store.connect()


@pytest.mark.mariadb
@pytest.mark.parametrize(("between_s", "is_early"), [(0.0, True), (EARLY_S, False)])
def test_packets_far_apart(
    database: Database,
    tables: Connection,  # noqa: ARG001 - makes the tables
    *,
    between_s: float,
    is_early: bool,
) -> None:
    """Where the server may have ended the transaction, no mail is answered before the commit is done."""
    location = parse_url(database.url)
    assert isinstance(location, MariaDBLocation)
    times = iter((100.0, 100.0 + between_s))
    store = MariaDBStore(location, lambda: database.password, clock=lambda: next(times))
    store.connect()
    seen: list[bool] = []
    store.begin({LATCH: 1}, ())
    store.write(Writing("one", 1), lambda: seen.append(True))

    assert seen == [True] * is_early
    store.close()


@pytest.mark.mariadb
def test_session(tables: Connection) -> None:
    """What every connection is set to."""
    found = tables.execute(
        "SELECT @@idle_write_transaction_timeout, @@innodb_lock_wait_timeout, @@sql_mode, @@time_zone,"
        " @@collation_connection"
    )

    assert found == [
        (5, 5, "STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION", "+00:00", "utf8mb4_nopad_bin")
    ]


@pytest.mark.mariadb
def test_a_refused_flush_leaves_no_transaction_open(store: MariaDBStore) -> None:
    """Else the latch would be held until the next packet of a daemon that may be stopped."""
    with pytest.raises(LeaseLost):
        store.flush(Flush("one", batch=1, journal=0, fences=0, beat=1))

    assert [*store._rows("SELECT @@in_transaction")] == [(0,)]


@pytest.mark.mariadb
@pytest.mark.parametrize("is_node", [False, True])
def test_steps_are_read_behind_the_latch(
    store: MariaDBStore, tables: Connection, monkeypatch: pytest.MonkeyPatch, *, is_node: bool
) -> None:
    """With packet 1; on a Galera node nothing may follow there what takes the first lock."""
    running = key_of("mailbox.messages_per_rolling_day", ALICE.mailbox)
    insert_counter(tables, running._replace(period_start=running.period_start - 3600), 4)
    packets: list[str] = []
    run = store._run

    def noted(statements: str, params: Iterable[object] = ()) -> list[Sequence[Row]]:
        packets.append(statements)
        return run(statements, params)

    monkeypatch.setattr(store, "_run", noted)
    monkeypatch.setattr(store, "_is_node", is_node)
    loaded = store.begin({LATCH: 1, running: 1}, ["*"], [running])

    assert sum(loaded.usage.values()) == 4
    assert loaded.usage[running] == 0
    assert len(packets) == 1 + is_node
    assert packets[0].endswith("RETURNING used") == is_node
    store.rollback()
