"""Fixtures of the tests that run on both databases."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from command_samples import CONFIG, Commands
from sendlimit.store.connection import open_connection
from sendlimit.store.location import MariaDBLocation, parse_url


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
