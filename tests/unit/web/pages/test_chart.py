"""Charts: numbers in, SVG out."""

from collections.abc import Sequence
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendlimit.web.pages.chart import Bar, ChartWords, bar_chart, compact, meter

_SVG = "{http://www.w3.org/2000/svg}"
_VALUES = st.integers(0, 10**15)


def _parsed(text: str) -> ET.Element:
    return ET.fromstring(str(text).replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"'))  # noqa: S314 - our own


@given(st.lists(_VALUES, min_size=1, max_size=100), st.none() | _VALUES)
def test_bars(values: list[int], limit: int | None) -> None:
    """Whatever the numbers: one bar each, inside the picture, higher for more; a limit is drawn."""
    bars = [Bar(value, str(value), f"day: {value}") for value in values]
    picture = _parsed(bar_chart(bars, limit, ChartWords("a chart", "limit", "above")))
    rects = [each for each in picture.iter(f"{_SVG}rect") if each.get("class") != "place"]
    heights = [float(each.get("height", "x")) for each in rects]
    tops = [float(each.get("y", "x")) for each in rects]

    assert len(rects) == len(values)
    assert all(top >= 0 and top + height <= 200 for top, height in zip(tops, heights, strict=True))
    assert [height for _, height in sorted(zip(values, heights, strict=True))] == sorted(heights)
    lines = [each for each in picture.iter(f"{_SVG}line") if "limit" in each.get("class", "")]
    assert len(lines) == (limit is not None)


def test_nothing_gets_in() -> None:
    """Labels and titles are text, whatever they hold; there is no style and no script."""
    evil = '"><script>alert(1)</script>'
    text = bar_chart([Bar(1, evil, evil)], 1, ChartWords(evil, evil, evil))
    assert "<script" not in text
    assert "style=" not in text
    assert [*_parsed(text).iter(f"{_SVG}script")] == []


def test_over_the_limit() -> None:
    """A bar at its limit or above stands out; an empty one at a limit of 0 does not."""
    text = bar_chart([Bar(5, "", ""), Bar(4, "", "")], 5, ChartWords(""))
    assert text.count("bar over") == 1
    assert "bar over" not in bar_chart([Bar(0, "", "")], 0, ChartWords(""))


@pytest.mark.parametrize(
    ("values", "anchor"),
    [((100, 1, 1), "end"), ((1, 1, 100), "start"), ((100, 1, 100), "end"), ((50, 50, 50), "end")],
)
def test_the_limit_hides_no_bar(values: Sequence[int], anchor: str) -> None:
    """The words of the limit stand above its line, at the end whose bars are not higher."""
    bars = [Bar(value, "", "") for value in values]
    picture = _parsed(bar_chart(bars, 50, ChartWords("", "limit 50")))
    (line,) = (each for each in picture.iter(f"{_SVG}line") if each.get("class") == "limit")
    (words,) = (each for each in picture.iter(f"{_SVG}text") if each.get("class") == "limit-text")
    assert words.get("text-anchor") == anchor
    assert float(words.get("y", "")) < float(line.get("y1", ""))


@pytest.mark.parametrize(
    ("used", "limit", "level", "width"),
    [
        (0, 100, "meter", "0.0"),
        (79, 100, "meter", "79.0"),
        (80, 100, "meter high", "80.0"),
        (100, 100, "meter full", "100.0"),
        (10**15, 1, "meter full", "100.0"),
        (0, 0, "meter full", "100.0"),
        (5, None, "meter", "0.0"),
    ],
)
def test_meter(used: int, limit: int | None, level: str, width: str) -> None:
    """The share that is used, at most all; with 0 allowed it is used up."""
    picture = _parsed(meter(used, limit))
    track, fill = picture.iter(f"{_SVG}rect")
    assert (picture.get("class"), fill.get("width")) == (level, width)
    assert track.get("width") == "100"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (999, "999"), (1000, "1k"), (1500, "1.5k"), (2 * 10**6, "2M"), (10**15, "1P")],
)
def test_compact(value: int, text: str) -> None:
    """A number on an axis has few signs."""
    assert compact(value) == text
