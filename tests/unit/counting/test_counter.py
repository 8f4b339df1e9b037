"""A counter knows the row that it stands for."""

import pytest

from sendlimit.counting.counter import Counter, Group
from support.counting_samples import ALICE, ALICES_DAY, DAILY, DAY_START, named


def test_key() -> None:
    """Name and period are the group's, the subject is its own."""
    counter = Counter(Group(named(DAILY), DAY_START), ALICE.mailbox, 3, known=True)

    assert counter.key == ALICES_DAY
    assert (counter.used, counter.pending, counter.known) == (3, 0, True)


@pytest.mark.parametrize(
    ("name", "is_step"), [(DAILY, False), ("mailbox.messages_per_rolling_day", True)]
)
def test_steps_of_rolling_windows(name: str, *, is_step: bool) -> None:
    """A group is of a period of the calendar, or of a step (R19)."""
    assert Group(named(name), DAY_START).is_step == is_step
