"""The chart above the report: rate and processor time by connections, as SVG, light or dark."""

from collections.abc import Callable, Sequence
from html import escape
from typing import NamedTuple

from bench.results import EMPTY, POLICYD, POSTFWD, RSPAMD, SENDLIMIT, Results
from bench.sampling import Sample, cpu_us, median, rate

_SHOWN = (EMPTY, SENDLIMIT, RSPAMD, POLICYD, POSTFWD)
_WIDTH, _HEIGHT = 860, 360
_PLOT_W, _PLOT_H, _TOP, _LEFTS = 330, 220, 56, (70, 500)


class _Theme(NamedTuple):
    """Colours: paper, text, grid, and a line for each of what is shown."""

    paper: str
    text: str
    grid: str
    lines: Sequence[str]


_LIGHT = _Theme(
    "#ffffff", "#24292f", "#d0d7de", ("#8c959f", "#0969da", "#bc4c00", "#8250df", "#1a7f37")
)
_DARK = _Theme(
    "#0d1117", "#e6edf3", "#30363d", ("#8b949e", "#58a6ff", "#f0883e", "#bc8cff", "#3fb950")
)


def draw(results: Results, *, is_dark: bool) -> str:
    """Return the chart of a run."""
    theme = _DARK if is_dark else _LIGHT
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
            ' font-family="system-ui, sans-serif" font-size="13" role="img"'
            ' aria-label="Decisions a second, and processor time a decision, by connections">'
        ),
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="{theme.paper}"/>',
        *_panel(results, theme, _LEFTS[0], "Decisions a second", rate),
        *_panel(results, theme, _LEFTS[1], "CPU microseconds a decision, with store", cpu_us),
        *_legend(results, theme),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _panel(
    results: Results, theme: _Theme, left: float, title: str, figure: Callable[[Sample], float]
) -> list[str]:
    numbers = results.plan.connections
    values = {
        name: [median(results.samples(name, number), figure) for number in numbers]
        for name in _SHOWN
        if name in results.contenders
    }
    step = _step(max(max(row) for row in values.values()))
    top = step * 4

    def x(place: int) -> float:
        return left + _PLOT_W * place / (len(numbers) - 1)

    def y(value: float) -> float:
        return _TOP + _PLOT_H * (1 - min(value, top) / top)

    parts = [_text(left, _TOP - 20, title, theme.text, weight="600")]
    for line in range(5):
        at = y(line * step)
        parts.append(
            f'<line x1="{left}" y1="{at:.1f}" x2="{left + _PLOT_W}" y2="{at:.1f}" stroke="{theme.grid}"/>'
        )
        parts.append(_text(left - 8, at + 4, f"{line * step:,.0f}", theme.text, anchor="end"))
    parts += [
        _text(x(place), _TOP + _PLOT_H + 20, str(number), theme.text, anchor="middle")
        for place, number in enumerate(numbers)
    ]
    for name, row in values.items():
        colour = theme.lines[_SHOWN.index(name)]
        points = " ".join(f"{x(place):.1f},{y(value):.1f}" for place, value in enumerate(row))
        width = 3 if name == SENDLIMIT else 1.5
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="{width}"/>'
        )
        parts += [
            f'<circle cx="{x(place):.1f}" cy="{y(value):.1f}" r="3" fill="{colour}"/>'
            for place, value in enumerate(row)
        ]
    return parts


def _legend(results: Results, theme: _Theme) -> list[str]:
    parts = []
    left = float(_LEFTS[0])
    for name, colour in zip(_SHOWN, theme.lines, strict=True):
        if name in results.contenders:
            parts.append(f'<circle cx="{left}" cy="{_HEIGHT - 24}" r="5" fill="{colour}"/>')
            parts.append(_text(left + 10, _HEIGHT - 20, name, theme.text))
            left += 34 + 7.2 * len(name)
    return parts


def _step(most: float) -> float:
    """Return a round number of which four hold the greatest value."""
    size = 10.0 ** (len(str(int(most / 4))) - 1)
    return next(size * part for part in (1, 2, 2.5, 5, 10, 20) if size * part * 4 >= most)


def _text(  # noqa: PLR0913 - as SVG has it
    x: float, y: float, text: str, fill: str, *, anchor: str = "start", weight: str = "400"
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{fill}" text-anchor="{anchor}"'
        f' font-weight="{weight}">{escape(text)}</text>'
    )
