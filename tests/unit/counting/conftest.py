"""Fixtures of the tests of the committer."""

from pathlib import Path

import pytest

from support.counting_samples import LIMIT_OF_3
from support.doubles.daemon import SteppedDaemon


@pytest.fixture
def daemon(tmp_path: Path) -> SteppedDaemon:
    """A daemon whose database answers, with a limit of 3 mails a day and mailbox."""
    daemon = SteppedDaemon(tmp_path, LIMIT_OF_3).start()
    daemon.store.verbs.clear()
    return daemon
