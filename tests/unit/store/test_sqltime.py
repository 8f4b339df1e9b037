"""Moments in the tables."""

import pytest

from sendlimit.store.sqltime import from_sql, to_sql, until_from_sql
from support.counting_samples import moment


@pytest.mark.parametrize(
    ("at", "text"),
    [
        pytest.param(0, "1970-01-01 00:00:00", id="the latch's period"),
        pytest.param(
            moment("2024-10-27 02:30", "Europe/Berlin"), "2024-10-27 00:30:00", id="summer"
        ),
        pytest.param(moment("2026-11-22 23:59:59"), "2026-11-22 23:59:59", id="last second"),
        pytest.param(moment("2099-12-31 00:00"), "2099-12-31 00:00:00", id="after 2038"),
    ],
)
def test_moment_in_the_tables(at: int, text: str) -> None:
    """The tables have UTC to the second, and give back the moment that was written."""
    assert text == to_sql(at)
    assert at == from_sql(text)


def test_fractions_are_dropped() -> None:
    """A database that keeps fractions of a second is understood."""
    assert from_sql("1970-01-01 00:01:00.999999") == 60


def test_end_of_a_boost() -> None:
    """NULL is lasting."""
    assert until_from_sql(None) is None
    assert until_from_sql("1970-01-01 00:01:00") == 60
