"""The numbers of `sendlimit suggest`."""

from datetime import time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendlimit.onboarding.usage_statistics import (
    History,
    ScopeStatistics,
    Trial,
    count_periods,
    evaluated_time,
    percentile,
    round_above,
    scope_statistics,
    trial,
)
from sendlimit.rules.window import Calendar, Window
from support.counting_samples import BERLIN, moment, named

A_DAY = named("mailbox.messages_per_day")


@pytest.mark.parametrize(
    ("percent", "expected"), [(1, 1), (50, 50), (95, 95), (99, 99), (100, 100)]
)
def test_percentile_of_a_hundred(percent: int, expected: int) -> None:
    """Of 1 to 100 the nearest-rank percentile is the number itself."""
    assert percentile(dict.fromkeys(range(1, 101), 1), percent) == expected


@given(st.lists(st.integers(1, 30), min_size=1), st.integers(1, 100))
def test_percentile(counts: list[int], percent: int) -> None:
    """It is the smallest count that at least that share is not above."""
    found = percentile({count: counts.count(count) for count in counts}, percent)

    def share(limit: int) -> int:
        return sum(count <= limit for count in counts) * 100

    assert found in counts
    assert share(found) >= percent * len(counts) > share(found - 1)


def test_percentile_of_nothing() -> None:
    """Nothing has no percentile."""
    with pytest.raises(ValueError, match="no counts"):
        percentile({}, 50)


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, 10), (9, 10), (10, 15), (12, 15), (94, 95), (95, 100), (99, 100), (100, 150), (149, 150),
     (950, 1000), (999, 1000), (1000, 1500), (12_345, 15_000)],
)  # fmt: skip
def test_round_above(count: int, expected: int) -> None:
    """A round number has two figures that count, the second a 0 or a 5, and is above."""
    assert round_above(count) == expected


@given(st.integers(0, 10**12))
def test_round_above_is_near(count: int) -> None:
    """A round number above is above, and from 10 on at most half as much again."""
    above = round_above(count)

    assert above > count
    assert above <= max(10, count * 1.5)


def test_summary() -> None:
    """With 200 mailboxes, two of them busy, the proposal is above what the other 198 sent."""
    history = History(
        amounts={1: 150, 5: 40, 40: 8, 300: 1, 900: 1},
        busiest={f"m{number}": 1 + number % 40 for number in range(198)} | {"n": 300, "o": 900},
    )

    assert scope_statistics(A_DAY, history) == ScopeStatistics(A_DAY, 200, 200, 1, 5, 40, 900, 45)
    assert trial(history, 45) == Trial(45, 2, 2, 255 + 855)
    assert trial(history, 300) == Trial(300, 1, 1, 600)
    assert trial(history, 900) == Trial(900, 0, 0, 0)
    assert trial(history, 0).refused == 150 + 5 * 40 + 40 * 8 + 300 + 900


def test_looked_at_days() -> None:
    """The last days are whole ones before today, also over a change of the clock."""
    at = moment("2026-11-22 12:30", "Europe/Berlin")
    since, until = evaluated_time(BERLIN, Window.DAY, 30, at)

    assert since == moment("2026-10-23 00:00", "Europe/Berlin")
    assert until == moment("2026-11-22 00:00", "Europe/Berlin")
    assert count_periods(BERLIN, Window.DAY, since, until) == 30


def test_looked_at_hours() -> None:
    """Hours end with the running one; the day that the clock is put back has 25."""
    at = moment("2024-10-28 02:30", "Europe/Berlin")
    since, until = evaluated_time(BERLIN, Window.HOUR, 1, at)

    assert since == moment("2024-10-27 00:00", "Europe/Berlin")
    assert until == moment("2024-10-28 02:00", "Europe/Berlin")
    assert count_periods(BERLIN, Window.HOUR, since, until) == 27


def test_looked_at_months() -> None:
    """Only months that began in these days and have ended."""
    at = moment("2026-11-22 12:30", "Europe/Berlin")

    since, until = evaluated_time(BERLIN, Window.MONTH, 365, at)
    assert since == moment("2025-12-01 00:00", "Europe/Berlin")
    assert until == moment("2026-11-01 00:00", "Europe/Berlin")
    assert count_periods(BERLIN, Window.MONTH, since, until) == 11
    since, until = evaluated_time(BERLIN, Window.MONTH, 30, at)
    assert since == until == moment("2026-11-01 00:00", "Europe/Berlin")
    since, until = evaluated_time(BERLIN, Window.MONTH, 10, at)
    assert since == until


def test_looked_at_later_days() -> None:
    """Where the day begins at half past four, it is cut there."""
    calendar = Calendar(ZoneInfo("UTC"), time(4, 30))
    at = moment("2026-11-22 03:00")

    since, until = evaluated_time(calendar, Window.DAY, 2, at)
    assert (since, until) == (moment("2026-11-19 04:30"), moment("2026-11-21 04:30"))
    since, _ = evaluated_time(calendar, Window.HOUR, 2, at)
    assert since == moment("2026-11-19 05:00")
