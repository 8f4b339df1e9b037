"""Bar charts as SVG: nothing but numbers in, markup out. Pure.

Colours are classes of the style sheet, so that light, dark and print look right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_WIDTH, _HEIGHT = 720, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 48, 20, 24
_PLOT_WIDTH = _WIDTH - _LEFT - _RIGHT
_PLOT_HEIGHT = _HEIGHT - _TOP - _BOTTOM
_GAP = 0.22
"""Of a bar's place."""
_LABELS_MAX = 9
_FAR_ABOVE = 15
"""A limit that is so many times the highest bar would make all bars lines."""
_SIGN_WIDTH = 7
"""Of a letter of the limit, about."""
_STEPS = (1, 2, 5)
_SUFFIXES = ((10**15, "P"), (10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k"))


class Bar(NamedTuple):
    """One bar.

    Attributes:
        value: how high, >= 0.
        label: below it, where there is room.
        title: what is shown when one points at it.
    """

    value: int
    label: str
    title: str


class ChartWords(NamedTuple):
    """What a chart says.

    Attributes:
        describe: for people who don't see it.
        limit: beside the line of the limit; "": there is none.
        above: the same where it lies above the chart.
    """

    describe: str
    limit: str = ""
    above: str = ""


def bar_chart(bars: Sequence[Bar], limit: int | None, words: ChartWords) -> Markup:
    """Return a chart with the limit drawn in.

    Args:
        bars: from left to right, at least one.
        limit: drawn as a line; None: none.
        words: what it says.
    """
    highest = max(bar.value for bar in bars)
    is_inside = limit is not None and limit <= max(highest, 1) * _FAR_ABOVE
    top = _round_up(max(highest, limit if is_inside and limit else 0, 1))
    scale = _scale(top)
    parts = [
        Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">').format(
            _WIDTH, _HEIGHT, words.describe
        )
    ]
    parts += [_grid(scale(value), compact(value)) for value in (0, top // 2, top) if value or top]
    parts += _bars(bars, limit, scale)
    if limit is not None:
        y = scale(limit) if is_inside else _TOP - 6.0
        text = words.limit if is_inside else words.above
        covered = [bar.value > limit for bar in bars]
        width = -(-len(text) * _SIGN_WIDTH * len(bars) // _PLOT_WIDTH)
        is_left = any(covered[-width:]) and not any(covered[:width])
        parts.append(_limit_line(y, text, is_inside=is_inside, is_left=is_left))
    parts.append(Markup("</svg>"))
    return Markup("").join(parts)


def _scale(top: int) -> Callable[[int], float]:
    return lambda value: round(_TOP + _PLOT_HEIGHT * (1 - min(value, top) / top), 1)


def _grid(y: float, text: str) -> Markup:
    """Draw a line with its value at both ends: on a phone one sees one of them."""
    line = Markup('<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(
        _LEFT, _WIDTH - _RIGHT, y, y
    )
    value = Markup('<text class="axis" x="{}" y="{}" text-anchor="{}">{}</text>')
    left = value.format(_LEFT - 6, y + 4, "end", text)
    return line + left + value.format(_WIDTH - _RIGHT + 6, y + 4, "start", text)


def _bars(bars: Sequence[Bar], limit: int | None, scale: Callable[[int], float]) -> list[Markup]:
    place = _PLOT_WIDTH / len(bars)
    every = -(-len(bars) // _LABELS_MAX)
    parts = []
    for number, bar in enumerate(bars):
        x = round(_LEFT + place * (number + _GAP / 2), 1)
        y = scale(bar.value)
        over = " over" if limit is not None and bar.value >= limit and bar.value else ""
        # The whole place can be pointed at, also above a low bar.
        parts.append(
            Markup(
                '<g><title>{}</title><rect class="place" x="{}" y="{}" width="{}" height="{}"/>'
                '<rect class="bar{}" x="{}" y="{}" width="{}" height="{}"/></g>'
            ).format(
                bar.title,
                round(_LEFT + place * number, 1),
                _TOP,
                round(place, 1),
                _PLOT_HEIGHT,
                over,
                x,
                y,
                round(place * (1 - _GAP), 1),
                round(_TOP + _PLOT_HEIGHT - y, 1),
            )
        )
        if (len(bars) - 1 - number) % every == 0:
            parts.append(
                Markup('<text class="axis" x="{}" y="{}" text-anchor="middle">{}</text>').format(
                    round(_LEFT + place * (number + 0.5), 1), _HEIGHT - 6, bar.label
                )
            )
    return parts


def _limit_line(y: float, text: str, *, is_inside: bool, is_left: bool) -> Markup:
    """Draw the line; its words stand above it at the end that has no higher bars, if one has none."""
    x, anchor = (_LEFT, "start") if is_left else (_WIDTH - _RIGHT, "end")
    dash = "" if is_inside else " above"
    return Markup(
        '<line class="limit{}" x1="{}" x2="{}" y1="{}" y2="{}"/><text class="limit-text" x="{}" y="{}" text-anchor="{}">{}</text>'
    ).format(dash, _LEFT, _WIDTH - _RIGHT, y, y, x, y - 4, anchor, text)


def meter(used: int, limit: int | None) -> Markup:
    """Return how much of a limit is used, as a bar; what it says stands beside it."""
    share = 0.0
    if limit is not None:
        share = min(1.0, used / limit) if limit else 1.0
    level = " full" if share >= 1 else " high" if share >= _HIGH else ""
    return Markup(
        '<svg class="meter{}" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="track" width="100" height="4"/><rect class="fill" width="{}" height="4"/></svg>'
    ).format(level, round(100 * share, 2))


_HIGH = 0.8


def compact(value: int) -> str:
    """Write a number with few signs: 1500 is 1.5k."""
    for size, suffix in _SUFFIXES:
        if value >= size:
            shown = f"{value / size:.1f}".removesuffix(".0")
            return f"{shown}{suffix}"
    return str(value)


def _round_up(value: int) -> int:
    """Return the next round number of 1, 2 or 5 times a power of ten, an even one from 2 on."""
    power = 1
    while True:
        for step in _STEPS:
            if step * power >= value and step * power not in _ODD:
                return step * power
        power *= 10


_ODD = frozenset({1, 5})
