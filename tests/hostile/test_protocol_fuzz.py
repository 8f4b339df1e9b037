"""Hostile conversations with the real daemon: a short run of `script/fuzz`."""

from pathlib import Path

import pytest

from hostile.conversations import conversation
from stress.fuzz import AT_ONCE, fuzzing

ROUNDS = 14


@pytest.mark.parametrize("seed", [1, 20261122])
def test_hostile_conversations(folder: Path, seed: int) -> None:
    """Beside hostile conversations the daemon lives, leaks nothing and counts to the mail."""
    with fuzzing(folder, seed) as fuzzer:
        for _ in range(ROUNDS):
            fuzzer.round()

    assert fuzzer.conversations == ROUNDS * AT_ONCE
    assert fuzzer.well_formed.sent.total() > ROUNDS


def test_same_seed() -> None:
    """A conversation can be had again by its seed; another seed gives another one."""
    assert conversation("7/1/2") == conversation("7/1/2")
    assert len({conversation(f"7/1/{number}").writes for number in range(50)}) == 50
