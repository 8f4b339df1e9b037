"""A `sendlimit web` that the tests of a module share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.rig.configuration import configuration
from support.rig.counters import Counters, in_sqlite
from support.rig.process import running
from support.rig.web import Web

LIMITS = {"mailbox": {"messages_per_day": 100}, "global": {"messages_per_day": 999}}


@pytest.fixture
def web(folder: Path, store: Counters) -> Iterator[Web]:
    """A process of one test: each runs with SQLite and with MariaDB."""
    settings = configuration(folder, folder / "milter.sock", store.settings, limits=LIMITS)
    with running(Web(folder, settings)) as server:
        yield server


@pytest.fixture(scope="module")
def pages_store(module_folder: Path) -> Counters:
    """The store behind the pages of a module."""
    return in_sqlite(module_folder / "sendlimit.db")


@pytest.fixture(scope="module")
def pages(module_folder: Path, pages_store: Counters) -> Iterator[Web]:
    """The pages of a module, with the user carol."""
    socket = module_folder / "milter.sock"
    settings = configuration(module_folder, socket, pages_store.settings, limits=LIMITS)
    server = Web(module_folder, settings)
    server.add_user("carol")
    with running(server):
        yield server
