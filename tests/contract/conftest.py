"""Fixtures of the tests that run on both databases."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from sendlimit.store import Store
from sendlimit.store.connection import Connection, open_connection
from sendlimit.store.location import MariaDBLocation, parse_url
from sendlimit.store.statements import KEEP_LATCH
from support.command_samples import CONFIG, Commands
from support.real_stores import TABLES, new_store, open_tables
from support.rig.mariadb import Database, PrivateMariaDB


@pytest.fixture
def commands(
    tmp_path: Path, store_url: str, capsys: pytest.CaptureFixture[str]
) -> Iterator[Commands]:
    """Commands on a fresh store whose tables 'db init' has made."""
    config = tmp_path / "sendlimit.toml"
    config.write_text(CONFIG.format(folder=tmp_path, url=store_url))
    config.chmod(0o600)
    assert Commands(config, capsys)("db", "init") == 0
    location = parse_url(store_url)
    password = location.password if isinstance(location, MariaDBLocation) else None
    connection = open_connection(location, password or "")
    yield Commands(config, capsys, connection)
    connection.close()


@pytest.fixture(scope="session")
def kept_database(mariadb: PrivateMariaDB) -> Iterator[Database]:
    """A MariaDB database whose tables are made once a run: making them takes a second."""
    name = "t_kept"
    database = mariadb.create_database(name, name, secrets.token_urlsafe(9))
    yield database
    mariadb.drop_database(database)


@pytest.fixture(params=["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def emptied_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of a store with empty tables: each test runs with SQLite and with MariaDB."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/sendlimit.db"
    database = request.getfixturevalue("kept_database")
    assert isinstance(database, Database)
    connection = open_tables(database.url_with_password)
    for table in TABLES:
        connection.execute(f"DELETE FROM {table}")  # noqa: S608 - our own tables
    connection.execute(KEEP_LATCH)
    connection.execute("INSERT INTO er_lease (one) VALUES (1)")
    connection.close()
    return database.url_with_password


@pytest.fixture
def tables(emptied_url: str) -> Iterator[Connection]:
    """A second connection, to look at the tables."""
    connection = open_tables(emptied_url)
    yield connection
    connection.close()


@pytest.fixture
def store(emptied_url: str, tables: Connection) -> Iterator[Store]:  # noqa: ARG001 - makes the tables
    """A connected store on fresh tables."""
    store = new_store(emptied_url)
    store.connect()
    yield store
    store.close()
