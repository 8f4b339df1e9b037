"""Fixtures that tests of several folders use."""

from pathlib import Path

import pytest

from support.counting_samples import LIMIT_OF_3
from support.doubles.daemon import SteppedDaemon
from support.postfix_samples import write_aged


@pytest.fixture
def daemon(tmp_path: Path) -> SteppedDaemon:
    """A daemon whose database answers, with a limit of 3 mails a day and mailbox."""
    daemon = SteppedDaemon(tmp_path, LIMIT_OF_3).start()
    daemon.store.verbs.clear()
    return daemon


@pytest.fixture
def aged_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let attach and detach write files that postconf reads without waiting two seconds."""
    monkeypatch.setattr("sendlimit.postfix.apply.write_change", write_aged)
