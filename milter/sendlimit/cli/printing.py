"""Print data, notes and errors of the commands; text from outside is escaped."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
from typing import TYPE_CHECKING

import click
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sendlimit.config.limits import UNLIMITED
from sendlimit.maillog import PRIORITIES, stderr_is_journal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sendlimit.rules.window import Calendar

WIDTH = 80
"""Columns of output that is piped, and of sentences that are wrapped."""

INDENT = "    "
_GAP = "  "
"""Between two columns of a table."""
_NAME_MAX = 30
"""Columns of a limit's name that stays on one line in a table that does not fit."""
_LIMIT_NAME = re.compile(r"[a-z]+\.[a-z_]+_per_[a-z_]+")


def escaped(text: str) -> str:
    r"""Write control characters and marks of text direction as escapes such as \x1b."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode()
        for char in text
    )


def print_data(*lines: str, style: str = "") -> None:
    """Print lines of data to stdout, not wrapped."""
    console = _console()
    for line in lines:
        console.print(Text(escaped(line), style=style), soft_wrap=True)
    console.file.flush()  # so that later notes on stderr come after it


def print_note(*lines: str) -> None:
    """Print notes to stderr."""
    for line in lines:
        click.echo(escaped(line), err=True)


def print_error(*lines: str) -> None:
    """Print what went wrong to stderr."""
    mark = f"<{PRIORITIES[logging.ERROR]}>" if stderr_is_journal() else ""
    print_note(*(f"{mark}sendlimit: {line}" for line in lines))


def print_json(value: object) -> None:
    """Print a value as JSON, in ASCII."""
    click.echo(json.dumps(value, indent=2))


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str | Sequence[str]]]) -> None:
    """Print a table as wide as the terminal, or 80 columns; one line a row where it fits.

    Args:
        headings: one a column; ">" before it aligns to the right, "|" keeps the column's
            cells on one line. Without any, there is no line of headings.
        rows: cells; a list is a cell of several lines, or of one where the whole table fits so.
    """
    console = _console()
    cells = [tuple(_escaped_cell(cell) for cell in row) for row in rows]
    on_one_line = [tuple(", ".join(cell) for cell in row) for row in cells]
    names = [heading.lstrip(">|") for heading in headings]
    if _width([names, *on_one_line]) <= console.width:
        lines = on_one_line
    else:
        lines = [tuple("\n".join(map(_name_in_two, cell)) for cell in row) for row in cells]
    table = Table(
        box=None,
        pad_edge=False,
        padding=(0, len(_GAP), 0, 0),
        header_style="bold",
        show_header=any(heading.strip(">|") for heading in headings),
    )
    for heading, name in zip(headings, names, strict=True):
        table.add_column(
            name,
            justify="right" if ">" in heading[:2] else "left",
            no_wrap="|" in heading[:2],
            overflow="fold",
        )
    for row in lines:
        table.add_row(*(Text(cell) for cell in row))
    with console.capture() as captured:
        console.print(table)
    # rich pads every line with blanks.
    click.echo(
        "\n".join(line.rstrip() for line in captured.get().splitlines()), color=console.is_terminal
    )


def _escaped_cell(cell: str | Sequence[str]) -> list[str]:
    return [escaped(line) for line in ([cell] if isinstance(cell, str) else cell)]


def _name_in_two(line: str) -> str:
    """Break a long name of a limit where one reads it, before it is broken anywhere."""
    if len(line) <= _NAME_MAX or _LIMIT_NAME.fullmatch(line) is None:
        return line
    return line.replace("_per_", "\n_per_")


def _width(rows: Sequence[Sequence[str]]) -> int:
    """Return the columns of a terminal that a table needs without folding anything."""
    columns = zip(*rows, strict=True)
    return sum(max(cell_len(cell) for cell in column) + len(_GAP) for column in columns) - len(_GAP)


def _console() -> Console:
    is_terminal = sys.stdout.isatty()
    return Console(
        file=sys.stdout,
        width=None if is_terminal else WIDTH,
        force_terminal=is_terminal,
        highlight=False,
        markup=False,
        emoji=False,
    )


def escape_unencodable_output() -> None:
    """Write characters that the encoding of the output lacks as escapes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def limit_value(value: int | None) -> str:
    """Write a limit's value."""
    return UNLIMITED if value is None else str(value)


def local_time(calendar: Calendar, at: int) -> str:
    """Write a timestamp as local time of the calendar: "2026-11-22 18:00"."""
    return calendar.local_text(at)


def local_time_with_zone(calendar: Calendar, at: int) -> str:
    """Write a timestamp as local time with its zone: "2026-11-22 18:00 CET"."""
    return calendar.local_text_with_zone(at)
