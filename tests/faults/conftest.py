"""What the fault tests share: a MariaDB that may be broken, and a daemon with an empty store."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.rig.configuration import configuration
from support.rig.counters import Counters, in_mariadb
from support.rig.daemon import Sendlimit
from support.rig.mailboxes import FreshDomain
from support.rig.mariadb import Database, PrivateMariaDB
from support.rig.postfix import PrivatePostfix
from support.rig.process import running
from support.rig.stage import DECISION_TIMEOUT_S, Scene, Staged


@pytest.fixture
def stage(folder: Path, postfix: PrivatePostfix, domain: FreshDomain) -> Staged:
    """Return what runs a daemon on a store, behind the shared Postfix."""

    @contextmanager
    def staged(store: Counters) -> Iterator[Scene]:
        settings = configuration(
            folder / "daemon",
            postfix.milter_socket,
            {**store.settings, "decision_timeout_s": DECISION_TIMEOUT_S},
            limits={"mailbox": {"messages_per_day": 10**6, "recipients_per_day": 10**6}},
            log={"level": "info"},
        )
        with running(Sendlimit(folder / "daemon", settings)) as daemon:
            yield Scene(daemon, store, postfix.submission_port, domain.alice)

    return staged


@pytest.fixture(scope="session")
def fragile_mariadb(run_folder: Path) -> Iterator[PrivateMariaDB]:
    """A MariaDB that tests break; each leaves it running."""
    with running(PrivateMariaDB(run_folder / "fragile")) as server:
        yield server


@pytest.fixture
def fragile_database(fragile_mariadb: PrivateMariaDB) -> Iterator[Database]:
    """An empty database on it."""
    if not fragile_mariadb.process.is_running:  # a test before failed half-way
        fragile_mariadb.start()
    name = f"f_{secrets.token_hex(6)}"
    database = fragile_mariadb.create_database(name, name, secrets.token_urlsafe(9))
    yield database
    fragile_mariadb.drop_database(database)


@pytest.fixture
def fragile(fragile_mariadb: PrivateMariaDB, fragile_database: Database) -> Counters:
    """Empty tables on it."""
    return in_mariadb(fragile_mariadb, fragile_database)


@pytest.fixture
def scene(stage: Staged, fragile: Counters) -> Iterator[Scene]:
    """A daemon that counts in the MariaDB that tests break."""
    with stage(fragile) as scene:
        yield scene
