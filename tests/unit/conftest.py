"""Fixtures that tests of several folders use."""

import pytest

from support.postfix_samples import write_aged


@pytest.fixture
def aged_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let attach and detach write files that postconf reads without waiting two seconds."""
    monkeypatch.setattr("sendlimit.postfix.apply.write_change", write_aged)
