"""Fixtures that more than one folder of tests uses: servers once a run, databases per test."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from support.rig.counters import Counters, in_mariadb, in_sqlite
from support.rig.dovecot import PrivateDovecot
from support.rig.mailboxes import FreshDomain, fresh_domains, known_mailboxes
from support.rig.mariadb import Database, PrivateMariaDB
from support.rig.postfix import RECOMMENDED_MILTERS, PrivatePostfix
from support.rig.process import private_folder, running

if TYPE_CHECKING:
    from support.rig.browser import Chromium

# What an example takes says more about the machine than about the code.
settings.register_profile("sendlimit", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("sendlimit")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --soak."""
    parser.addoption("--soak", action="store_true", help="run the tests that take minutes, too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what takes minutes, unless asked for it."""
    if config.getoption("--soak"):
        return
    long = [item for item in items if item.get_closest_marker("soak")]
    config.hook.pytest_deselected(items=long)
    items[:] = [item for item in items if item not in long]


@pytest.fixture(scope="session")
def run_folder() -> Iterator[Path]:
    """A folder for this run that servers of all users can enter."""
    with private_folder("run") as folder:
        yield folder


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for one test that servers of all users can enter; with a short path."""
    with private_folder("test") as folder:
        yield folder


@pytest.fixture(scope="session")
def mariadb(run_folder: Path) -> Iterator[PrivateMariaDB]:
    """A running MariaDB; a test that stops or freezes it makes one of its own."""
    with running(PrivateMariaDB(run_folder / "mariadb")) as server:
        yield server


@pytest.fixture
def database(mariadb: PrivateMariaDB) -> Iterator[Database]:
    """A fresh, empty MariaDB database with a user who may do everything in it."""
    name = f"t_{secrets.token_hex(6)}"
    database = mariadb.create_database(name, name, secrets.token_urlsafe(9))
    yield database
    mariadb.drop_database(database)


@pytest.fixture(params=["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of a fresh, empty store: each test runs with SQLite and with MariaDB."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/sendlimit.db"
    database = request.getfixturevalue("database")
    assert isinstance(database, Database)
    return database.url_with_password


@pytest.fixture(scope="session")
def dovecot(run_folder: Path) -> Iterator[PrivateDovecot]:
    """A running Dovecot that knows `rig.dovecot.MAILBOXES`."""
    with running(PrivateDovecot(run_folder / "dovecot")) as server:
        yield server


@pytest.fixture(scope="session")
def postfix(run_folder: Path, dovecot: PrivateDovecot) -> Iterator[PrivatePostfix]:
    """A running Postfix with sendlimit's recommended entry on both ports, chrooted.

    While nothing listens on its `milter_socket`, all mail passes.
    """
    with running(
        PrivatePostfix(
            run_folder / "postfix", sasl_path=dovecot.sasl_path, milters=RECOMMENDED_MILTERS
        )
    ) as server:
        yield server


@pytest.fixture(scope="session")
def unused_domains(dovecot: PrivateDovecot) -> Iterator[FreshDomain]:
    """Domains whose mailboxes can log in; each test takes its own."""
    dovecot.set_mailboxes(known_mailboxes())
    return fresh_domains()


@pytest.fixture
def domain(unused_domains: Iterator[FreshDomain]) -> FreshDomain:
    """A domain that no other test uses."""
    return next(unused_domains)


@pytest.fixture(params=["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def store(request: pytest.FixtureRequest, folder: Path) -> Counters:
    """An empty store with its tables: each test runs with SQLite and with MariaDB."""
    if request.param == "sqlite":
        return in_sqlite(folder / "sendlimit.db")
    return in_mariadb(request.getfixturevalue("mariadb"), request.getfixturevalue("database"))


@pytest.fixture(scope="module")
def shared_store(mariadb: PrivateMariaDB) -> Iterator[Counters]:
    """A MariaDB store with its tables, for one daemon that the tests of a module share."""
    name = f"s_{secrets.token_hex(6)}"
    database = mariadb.create_database(name, name, secrets.token_urlsafe(9))
    yield in_mariadb(mariadb, database)
    mariadb.drop_database(database)


@pytest.fixture(scope="module")
def module_folder() -> Iterator[Path]:
    """A folder for the tests of one module that servers of all users can enter."""
    with private_folder("module") as folder:
        yield folder


@pytest.fixture(scope="session")
def chromium() -> "Iterator[Chromium]":
    """The browser."""
    from support.rig.browser import Chromium  # noqa: PLC0415 - most runs need none

    browser = Chromium()
    yield browser
    browser.quit()


@pytest.fixture
def browser(chromium: "Chromium") -> "Chromium":
    """The browser without cookies, at a desk, in English."""
    chromium.show()
    chromium.forget()
    return chromium
