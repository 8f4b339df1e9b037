"""Commands on a SQLite store; what both databases must do is in tests/contract."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.command_samples import CONFIG, Commands
from support.real_stores import open_tables


@pytest.fixture
def commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Commands]:
    """Commands on empty tables, without a daemon."""
    url = f"sqlite://{tmp_path}/sendlimit.db"
    config = tmp_path / "sendlimit.toml"
    config.write_text(CONFIG.format(folder=tmp_path, url=url))
    config.chmod(0o600)
    tables = open_tables(url)
    yield Commands(config, capsys, tables)
    tables.close()
