"""Read a CSV file of mailboxes and limits. Pure: its text comes in."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from sendlimit.config.limits import UNLIMITED, parse_limit
from sendlimit.errors import SendlimitError
from sendlimit.onboarding.foreign_limits import ForeignLimits, sorted_settings
from sendlimit.rules.limit import Scope, Setting
from sendlimit.rules.subject import read_subject

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sendlimit.rules.limit import LimitName

_DELIMITERS = ",;\t"
_COLUMNS = 2
_SHOWN = 20


class _CellError(Exception):
    """A wrong cell: its column, and why."""


def read(text: str, file: str, name: LimitName, default_domain: str) -> ForeignLimits:
    """Read the settings in the lines of a file.

    A first line without a number is a heading. Cells are separated by ",", ";" or tabs.

    Args:
        text: of the file.
        file: its name, for errors.
        name: the limit whose values are in the second column.
        default_domain: of a mailbox that has none.

    Raises:
        SendlimitError: with a sentence for each wrong line, up to 20.
    """
    settings: list[Setting] = []
    problems: list[str] = []
    lines: dict[str, int] = {}
    for line, cells in _lines(text, file):
        try:
            mailbox = _mailbox(cells, default_domain)
            _check_once(mailbox, lines.setdefault(mailbox, line), line)
            settings.append(Setting(mailbox, name, _limit(cells[1])))
        except _CellError as error:
            column, why = error.args
            problems.append(f"{file}: line {line}, column {column}: {why}")
    if len(problems) > _SHOWN:
        problems[_SHOWN:] = [f"{file}: and {len(problems) - _SHOWN} more"]
    if problems:
        raise SendlimitError("\n".join(problems))
    return ForeignLimits(sorted_settings(settings))


def _lines(text: str, file: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the lines that are not blank with their number, without a heading."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(_DELIMITERS, key=first.count)
    file_lines = io.StringIO(text, newline="")
    reader = csv.reader(file_lines, delimiter=delimiter, skipinitialspace=True, strict=True)
    seen = 0
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if not any(cells):
                continue
            seen += 1
            if seen > 1 or not _is_heading(cells):
                yield reader.line_num, cells
    except csv.Error as error:
        raise SendlimitError(f"{file}: line {reader.line_num}: {error}") from error


def _is_heading(cells: list[str]) -> bool:
    """Tell whether a first line names columns: a limit has a digit or is unlimited."""
    return (
        len(cells) == _COLUMNS
        and "@" not in cells[0]
        and cells[1].lower() != UNLIMITED
        and not any(char.isdigit() for char in cells[1])
    )


def _mailbox(cells: list[str], default_domain: str) -> str:
    if len(cells) != _COLUMNS:
        raise _CellError(len(cells), f"the line has {len(cells)} columns; allowed: mailbox, limit")
    login = cells[0]
    if not login.strip("@"):
        raise _CellError(1, "the mailbox is missing")
    try:
        subject = read_subject(login, default_domain)
    except ValueError as error:
        raise _CellError(1, str(error)) from error
    if subject.scope is not Scope.MAILBOX:
        raise _CellError(
            1, f"{login!r} is not a mailbox; for domains and everyone use 'sendlimit limit set'"
        )
    return subject.key


def _check_once(mailbox: str, first: int, line: int) -> None:
    if first != line:
        raise _CellError(1, f"{mailbox!r} is on line {first} already")


def _limit(cell: str) -> int | None:
    try:
        return parse_limit(cell)
    except ValueError as error:
        raise _CellError(2, str(error)) from error
