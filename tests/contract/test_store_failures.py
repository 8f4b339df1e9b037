"""What a real store does when it can't: its own words for it, and never a half batch."""

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sendlimit.counting.committer import Committer
from sendlimit.counting.committer_thread import CommitterThread
from sendlimit.counting.ledger import Ledger
from sendlimit.counting.unbooked_file import UnbookedFile
from sendlimit.errors import SchemaError, StoreConflict, StoreError, StoreUnavailable
from sendlimit.rules.counting_settings import CountingSettings
from sendlimit.rules.limit import LATCH
from sendlimit.store import SCHEMA_VERSION, Store, Writing, drivers
from support.counting_samples import ALICE, NOON, UTC, file_rules, key_of, setting
from support.doubles.events import RecordingEvents
from support.real_stores import add, new_store, open_tables, used
from support.rig.mariadb import Database, PrivateMariaDB
from support.rig.process import free_port

_DAY = "mailbox.messages_per_day"
_KEY = key_of(_DAY, ALICE.mailbox)
_DEADLINE_S = 60


# the schema


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        pytest.param("INSERT INTO er_schema_version (version) VALUES (99)", rf"version 99, newer than the {SCHEMA_VERSION} .*: upgrade sendlimit", id="newer"),
        pytest.param("DELETE FROM er_schema_version WHERE version > 1", rf"version 1, this release needs {SCHEMA_VERSION}: run 'sendlimit db upgrade'", id="older"),
        pytest.param("DELETE FROM er_schema_version", r"run 'sendlimit db init'", id="empty"),
        pytest.param("DROP TABLE er_schema_version", r"run 'sendlimit db init'", id="missing"),
    ],
)  # fmt: skip
@pytest.mark.mariadb
def test_schema_of_another_version(database: Database, statement: str, problem: str) -> None:
    """R11: tables that are missing, older or newer are told with what to do, and nothing is counted."""
    tables = open_tables(database.url_with_password)
    tables.execute(statement)
    tables.close()

    with pytest.raises(SchemaError, match=problem):
        new_store(database.url_with_password).connect()


def test_newer_schema_of_sqlite(tmp_path: Path) -> None:
    """R11: also SQLite's file of a later release is left alone."""
    url = f"sqlite:///{tmp_path}/s.db"
    tables = open_tables(url)
    tables.execute("INSERT INTO er_schema_version (version) VALUES (99)")
    tables.close()

    with pytest.raises(SchemaError, match=f"version 99, newer than the {SCHEMA_VERSION}"):
        new_store(url).connect()


def test_sqlite_makes_its_tables(tmp_path: Path) -> None:
    """The embedded default needs no 'db init'."""
    store = new_store(f"sqlite:///{tmp_path}/new.db")
    store.connect()
    add(store, {_KEY: 1})

    assert used(store, [_KEY]) == {_KEY: 1}
    store.close()


@pytest.mark.mariadb
def test_database_without_tables(database: Database) -> None:
    """An empty database is told with what to do."""
    with pytest.raises(SchemaError, match="the tables are missing: run 'sendlimit db init'"):
        new_store(database.url_with_password).connect()


@pytest.mark.mariadb
def test_no_such_database(database: Database, mariadb: PrivateMariaDB) -> None:
    """A database that isn't there is told with what to do."""
    mariadb.query("GRANT ALL ON nowhere.* TO %s@'%%'", (database.user,))
    url = database.url_with_password.replace(f"/{database.name}?", "/nowhere?")

    with pytest.raises(SchemaError, match="there is no such database: run 'sendlimit db init'"):
        new_store(url).connect()


# connections


@pytest.mark.mariadb
def test_wrong_password(database: Database) -> None:
    """A wrong password is a database that is away; it is not shown."""
    url = database.url_with_password.replace(database.password, "WRONG")

    with pytest.raises(StoreUnavailable, match="Access denied") as caught:
        new_store(url).connect()
    assert "WRONG" not in str(caught.value)


@pytest.mark.mariadb
def test_nobody_listens(database: Database) -> None:
    """A server that isn't there is a database that is away, named by host and port."""
    port = free_port()

    with pytest.raises(
        StoreUnavailable,
        match=rf"mariadb {database.user}@127.0.0.1:{port}/.*: can't connect: Connection refused$",
    ):
        new_store(f"mariadb://{database.user}:x@127.0.0.1:{port}/{database.name}").connect()


def test_no_socket(tmp_path: Path) -> None:
    """A socket that isn't there is named, with the reason in words."""
    url = f"mariadb://a@localhost/a?unix_socket={tmp_path}/none.sock"

    with pytest.raises(
        StoreUnavailable, match=r"/none.sock/a: can't connect: No such file or directory$"
    ):
        new_store(url).connect()


@pytest.mark.mariadb
def test_localhost_with_a_port(database: Database) -> None:
    """A host named localhost is asked over TCP."""
    open_tables(database.url_with_password).close()
    url = f"mariadb://{database.user}:{database.password}@localhost:{database.port}/{database.name}"
    store = new_store(url)
    store.connect()
    add(store, {_KEY: 1})

    assert used(store, [_KEY]) == {_KEY: 1}
    store.close()


@pytest.mark.mariadb
def test_first_host_that_answers(database: Database) -> None:
    """Hosts are tried in order: one that is dead is left out."""
    open_tables(database.url_with_password).close()
    hosts = f"127.0.0.1:{free_port()},127.0.0.1:{database.port}"
    store = new_store(f"mariadb://{database.user}:{database.password}@{hosts}/{database.name}")
    store.connect()
    add(store, {_KEY: 1})

    assert used(store, [_KEY]) == {_KEY: 1}
    store.close()


@pytest.mark.mariadb
@pytest.mark.parametrize("packet", [1, 2])
def test_killed_connection(database: Database, mariadb: PrivateMariaDB, packet: int) -> None:
    """KILL before packet 1 or 2: StoreUnavailable; behind the fence the batch is not in."""
    open_tables(database.url_with_password).close()
    store = new_store(database.url_with_password)
    store.connect()
    if packet == 2:
        store.begin({LATCH: 1, _KEY: 1}, ())
    for (number,) in mariadb.query(
        "SELECT id FROM information_schema.processlist WHERE user = %s", (database.user,)
    ):
        mariadb.query(f"KILL {number:d}")

    with pytest.raises(StoreUnavailable):
        store.write(Writing("one", 1)) if packet == 2 else store.begin({LATCH: 1, _KEY: 1}, ())
    store.close()
    store.connect()
    assert store.fence("one").batch == 0
    assert used(store, [_KEY]) == {_KEY: 0}
    store.close()


@pytest.mark.mariadb
def test_least_rights(database: Database, mariadb: PrivateMariaDB) -> None:
    """The daemon's user needs SELECT, INSERT, UPDATE and DELETE only."""
    tables = open_tables(database.url_with_password)
    tables.close()
    mariadb.query(f"REVOKE ALL ON {database.name}.* FROM %s@'%%'", (database.user,))
    mariadb.query(
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {database.name}.* TO %s@'%%'", (database.user,)
    )
    ledger, committer = _daemon(database.url_with_password, Path("/nonexistent"))

    assert ledger.up
    assert ledger.reserve(ALICE, NOON).decision is not None
    assert committer.stop(_DEADLINE_S)


def test_sqlite_folder_that_is_missing(tmp_path: Path) -> None:
    """A file that can't be made is a database that is away, with its path."""
    with pytest.raises(StoreUnavailable, match=r"sqlite .*/none/s\.db: "):
        new_store(f"sqlite:///{tmp_path}/none/s.db").connect()


def test_sqlite_file_that_is_none(tmp_path: Path) -> None:
    """A file that is no database is told, and left as it is."""
    path = tmp_path / "s.db"
    path.write_text("this is not a database, but long enough to look like one" * 100)
    before = path.read_bytes()

    with pytest.raises(StoreError, match="not a database"):
        new_store(f"sqlite:///{path}").connect()
    assert before == path.read_bytes()


def test_sqlite_file_that_was_removed(tmp_path: Path) -> None:
    """SQLite would go on in a file that is in no folder any more: that is a database that is away."""
    path = tmp_path / "s.db"
    store = new_store(f"sqlite:///{path}")
    store.connect()
    for file in tmp_path.iterdir():
        file.unlink()

    with pytest.raises(StoreUnavailable, match="the file was removed or replaced"):
        store.begin({LATCH: 1}, ())
    store.close()
    store.connect()
    assert used(store, [LATCH]) == {LATCH: 0}
    store.close()


def test_sqlite_locked_by_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock held by another process too long is a conflict: rolled back, to be done again."""
    monkeypatch.setattr(drivers, "LOCK_WAIT_S", 0.05)
    path = tmp_path / "s.db"
    store = new_store(f"sqlite:///{path}")
    store.connect()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(StoreConflict):
        store.begin({LATCH: 1, _KEY: 1}, ())
    store.rollback()
    other.execute("ROLLBACK")
    other.close()
    add(store, {_KEY: 1})
    assert used(store, [_KEY]) == {_KEY: 1}
    store.close()


@pytest.mark.mariadb
def test_lock_held_by_another(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A latch held by another session too long is a conflict: rolled back, to be done again."""
    monkeypatch.setattr(drivers, "LOCK_WAIT_S", 1)
    tables = open_tables(database.url_with_password)
    store = new_store(database.url_with_password)
    store.connect()
    tables.begin()
    tables.execute("SELECT used FROM er_counter WHERE `window` = 'ever' FOR UPDATE")

    with pytest.raises(StoreConflict):
        store.begin({LATCH: 1, _KEY: 1}, ())
    store.rollback()
    tables.commit()
    tables.close()
    add(store, {_KEY: 1})
    assert used(store, [_KEY, LATCH]) == {_KEY: 1, LATCH: 0}
    store.close()


# several at once


def _daemon(url: str, state_dir: Path, limit: int = 100) -> tuple[Ledger, CommitterThread]:
    ledger = Ledger(CountingSettings(file_rules(setting("*", _DAY, limit)), UTC), _DEADLINE_S)
    committer = Committer(
        ledger, new_store(url), UnbookedFile(state_dir), RecordingEvents(), clock=lambda: NOON
    )
    thread = CommitterThread(committer, ledger)
    thread.start(_DEADLINE_S)
    return ledger, thread


@pytest.mark.parametrize("daemons", [1, 3])
def test_exact_with_several_daemons(
    emptied_url: str, store: Store, tmp_path: Path, daemons: int
) -> None:
    """R4, R6: daemons on one database, 8 callers each, 600 mails at a limit of 100: 100 pass together."""
    started = [_daemon(emptied_url, tmp_path / str(number)) for number in range(daemons)]

    def send(caller: int) -> int:
        ledger, passed = started[caller % daemons][0], 0
        for _ in range(600 // (8 * daemons)):
            decision = ledger.reserve(ALICE, NOON).decision
            assert decision is not None, "a mail was not decided"
            passed += not decision.refused
        return passed

    with ThreadPoolExecutor(8 * daemons) as pool:
        passed = sum(pool.map(send, range(8 * daemons)))
    for _, committer in started:
        assert committer.stop(_DEADLINE_S)

    assert passed == 100
    assert used(store, [_KEY, LATCH]) == {_KEY: 100, LATCH: 100}


def test_fence_waits_for_a_batch_on_its_way(emptied_url: str, store: Store) -> None:
    """A batch that the old connection still commits while the new one asks is seen as in."""
    found: list[int] = []

    def ask() -> None:
        other = new_store(emptied_url)
        other.connect()
        found.append(other.fence("one").batch)
        other.close()

    store.begin({LATCH: 1, _KEY: 1}, ())
    asks = threading.Thread(target=ask)
    asks.start()
    store.write(Writing("one", 1))
    asks.join(_DEADLINE_S)

    assert found == [1]


def test_publishing_at_once(emptied_url: str, store: Store, tmp_path: Path) -> None:
    """Daemons that start together and tell the views the same do not take each other down."""
    started = [_daemon(emptied_url, tmp_path / str(number)) for number in range(4)]

    assert all(ledger.up for ledger, _ in started)
    assert all(committer.stop(_DEADLINE_S) for _, committer in started)
    assert used(store, [LATCH]) == {LATCH: 0}
