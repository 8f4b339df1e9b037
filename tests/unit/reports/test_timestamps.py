"""Timestamps and time spans as they are written on the command line."""

from datetime import datetime

import pytest

from sendlimit.reports.timestamps import lookback_start, time_span, timestamp
from support.counting_samples import BERLIN


def at(text: str) -> int:
    """Return a moment written with its offset."""
    return int(datetime.fromisoformat(text).timestamp())


NOW = at("2026-11-22T12:30:45+01:00")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30m", 1800), ("24h", 86400), ("90d", 7776000), ("2w", 1209600), (" 0h ", 0)],
)
def test_time_span(text: str, seconds: int) -> None:
    """A time span is a number and a letter."""
    assert time_span(text) == seconds


@pytest.mark.parametrize("text", ["", "24", "h", "-1h", "1.5h", "1y", "9999999d", "1h30m", "٣h"])
def test_no_time_span(text: str) -> None:
    """Anything else is refused with what is allowed."""
    with pytest.raises(ValueError, match="allowed: a number with m, h, d or w"):
        time_span(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("2026-11-27 18:00", "2026-11-27T18:00:00+01:00", id="local"),
        pytest.param("2026-11-27", "2026-11-27T00:00:00+01:00", id="date"),
        pytest.param("2027-07-01", "2027-07-01T00:00:00+02:00", id="summer-date"),
        pytest.param("2026-11-27T18:00", "2026-11-27T18:00:00+01:00", id="local-with-T"),
        pytest.param("2027-07-01 00:00:30", "2027-07-01T00:00:30+02:00", id="summer-with-seconds"),
        pytest.param("2026-11-27T18:00+00:00", "2026-11-27T18:00:00+00:00", id="offset"),
        pytest.param("2026-11-27T18:00:00Z", "2026-11-27T18:00:00+00:00", id="zulu"),
        pytest.param("18:00", "2026-11-22T18:00:00+01:00", id="today"),
        pytest.param("8:05", "2026-11-22T08:05:00+01:00", id="today-already-past"),
        pytest.param("+2h", "2026-11-22T14:30:45+01:00", id="hours-ahead"),
        pytest.param("+3d", "2026-11-25T12:30:45+01:00", id="days-ahead"),
    ],
)
def test_timestamp(text: str, expected: str) -> None:
    """Without an offset a timestamp is on the calendar's clock."""
    assert timestamp(text, BERLIN, NOW) == at(expected)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tomorrow",
        "20261127",
        "25:00",
        "+",
        "+2",
        "2026-13-01 00:00",
        "2026-W48-1",
        "+999999w",
    ],
)
def test_no_timestamp(text: str) -> None:
    """Anything else is refused with what is allowed."""
    with pytest.raises(ValueError, match="is not a moment; allowed: "):
        timestamp(text, BERLIN, NOW)


def test_clock_that_is_put_back() -> None:
    """The local hour that happens twice is taken the first time."""
    assert timestamp("2026-10-25 02:30", BERLIN, NOW) == at("2026-10-25T02:30:00+02:00")


def test_lookback_start() -> None:
    """Looking back takes a time span before now, or a timestamp; never one before 1970."""
    assert lookback_start("24h", BERLIN, NOW) == NOW - 86400
    assert lookback_start("2026-11-22 08:00", BERLIN, NOW) == at("2026-11-22T08:00:00+01:00")
    assert lookback_start("99999w", BERLIN, NOW) == 0
    with pytest.raises(ValueError, match="is not a time; allowed: "):
        lookback_start("long ago", BERLIN, NOW)
