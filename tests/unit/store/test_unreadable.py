"""A row that can't be read is left out, reported, and touches no other."""

import pytest

from sendlimit.store.unreadable import UnreadableRow, readable, whole


def test_readable() -> None:
    """The rows before and after a bad one are read, and the bad one is named once."""
    reported: list[UnreadableRow] = []

    found = readable(
        "er_x", [("a", 1), ("b", "x"), ("c", 3)], lambda row: whole(row[1]), reported.append
    )

    assert found == [1, 3]
    assert [str(row) for row in reported] == [
        "a row of er_x can't be read: b x: 'x' is not a whole number"
    ]


@pytest.mark.parametrize("value", ["three", 1.5, None, True, b"3"])
def test_whole(value: object) -> None:
    """Only whole numbers are whole numbers."""
    with pytest.raises(ValueError, match="is not a whole number"):
        whole(value)
