"""Tables in an SQLite file of one test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sendlimit.store.connection import Connection
from support.real_stores import open_tables


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
