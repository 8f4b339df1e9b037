"""Tables in an SQLite file of one test, and a configuration beside them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sendlimit.config import Config
from sendlimit.reports.context import ReportContext
from sendlimit.store.connection import Connection
from support.real_stores import open_tables


@pytest.fixture
def tables(tmp_path: Path) -> Iterator[Connection]:
    """A command's connection to empty tables."""
    connection = open_tables(f"sqlite:///{tmp_path}/sendlimit.db")
    yield connection
    connection.close()


@pytest.fixture
def context() -> ReportContext:
    """A file with a limit for each mailbox, in UTC."""
    return ReportContext.of(
        Config.model_validate(
            {
                "calendar": {"timezone": "UTC"},
                "identity": {"default_domain": "example.org", "exempt": ["@example.com"]},
                "limits": {"mailbox": {"messages_per_day": 100}},
            }
        )
    )
