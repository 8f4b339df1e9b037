"""The process; what it answers over its sockets is tested with real clients."""

from pathlib import Path

import pytest

from sendlimit.config import Config
from sendlimit.errors import ConfigError
from sendlimit.web.process import names_of, serve


def test_without_a_table(tmp_path: Path) -> None:
    """Without [web] it does not start, and says what is missing."""
    path = tmp_path / "sendlimit.toml"
    path.write_text("")
    with pytest.raises(ConfigError, match="web: is missing"):
        serve(path)


def test_names() -> None:
    """What is listened on, as the configuration has it."""
    config = Config.model_validate({"web": {"listen": "[::1]:9141", "read_socket": "/run/r.sock"}})
    assert names_of(config) == ["[::1]:9141", "/run/r.sock"]
    assert names_of(Config()) == []
