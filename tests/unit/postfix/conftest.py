"""Configurations of Postfix in private folders."""

from pathlib import Path

import pytest

from sendlimit.postfix.commands import PostfixCommands
from support.postfix_samples import CONFIGURATIONS, Instance, make_instance


@pytest.fixture
def _unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out `postfix check`, which takes seconds: it runs for each kind of configuration."""
    monkeypatch.setattr(PostfixCommands, "check", lambda _commands: None)


@pytest.fixture
def debian(folder: Path, _unchecked: None) -> Instance:
    """Debian's configuration with SASL."""
    main, master, ispconfig = CONFIGURATIONS["debian"]
    return make_instance(folder, main, master, ispconfig=ispconfig)


@pytest.fixture
def rspamd(folder: Path, _unchecked: None) -> Instance:
    """ISPConfig's configuration with rspamd."""
    main, master, ispconfig = CONFIGURATIONS["ispconfig-rspamd"]
    return make_instance(folder, main, master, ispconfig=ispconfig)
