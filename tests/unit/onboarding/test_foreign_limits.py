"""What the readers of other programs' tables share: cells, notes, order."""

import pytest

from sendlimit.errors import SendlimitError
from sendlimit.onboarding.foreign_limits import (
    ImportNote,
    integer_cell,
    notes_by_reason,
    sorted_settings,
    text_cell,
)
from support.counting_samples import setting

A_DAY = "mailbox.messages_per_day"


def test_cells() -> None:
    """A text loses the blanks around it, a whole number is taken as it is."""
    row: dict[str, object] = {"sender": " a@example.org ", "quota": 5}
    assert text_cell(row, "sender") == "a@example.org"
    assert integer_cell(row, "quota") == 5


def test_missing_column() -> None:
    """A table without the column is refused with the columns that it has."""
    with pytest.raises(SendlimitError, match="no column quota: it has id, sender"):
        integer_cell({"id": 1, "sender": "a"}, "quota")


@pytest.mark.parametrize("value", ["5", None, 5.0])
def test_no_number(value: object) -> None:
    """A cell of another type is refused by its column."""
    with pytest.raises(SendlimitError, match=r"column quota has .* not a whole number"):
        integer_cell({"quota": value}, "quota")


def test_notes() -> None:
    """Subjects with the same reason are one note; the first reason stays the first."""
    pairs = [("is old", "b"), ("is odd", "a"), ("is old", "a")]
    assert notes_by_reason(pairs) == (
        ImportNote("is old", ("b", "a")),
        ImportNote("is odd", ("a",)),
    )


def test_order() -> None:
    """Settings are sorted by subject; of two for the same limit the later one stays."""
    bob, alice = (setting(f"{who}@example.org", A_DAY, 5) for who in ("bob", "alice"))
    assert sorted_settings([bob, alice, bob._replace(max=7)]) == (alice, bob._replace(max=7))
