"""The application on an SQLite file of one test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sendlimit.store.connection import Connection
from sendlimit.web.api.common import Service
from support.counting_samples import NOON
from support.real_stores import open_tables
from support.web_client import WebClient, web_client, web_service


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give requests more time than a busy machine needs; what is late is tested by itself."""
    monkeypatch.setattr("sendlimit.web.database.ANSWER_S", 30.0)


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Address of a file that is not there yet."""
    return f"sqlite:///{tmp_path}/sendlimit.db"


@pytest.fixture
def tables(url: str) -> Iterator[Connection]:
    """A command's connection to empty tables."""
    connection = open_tables(url)
    yield connection
    connection.close()


@pytest.fixture
def service(url: str, tables: Connection) -> Iterator[Service]:
    """The service at noon."""
    del tables
    made = web_service(url, NOON)
    yield made
    made.database.close()


@pytest.fixture
def ask(service: Service) -> WebClient:
    """An admin at a unix socket."""
    return web_client(service)
