"""Edit the text of main.cf so that nothing but sendlimit's own parameters changes.

Pure: text in, text out. `postconf -e` is not used, because it appends to a last line without a
newline, and its edit can't be told apart from the text before.
Source: postconf(5) "main.cf file format".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

COMMENT = "# Set by 'sendlimit postfix attach', taken out by 'sendlimit postfix detach'."

_PARAMETER = re.compile(r"\s*([^\s=]+)\s*=(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One logical line of main.cf.

    Attributes:
        name: the parameter.
        value: as written, folded lines joined by one blank.
        first: index of its first physical line.
        last: index of its last physical line (comments after that are not part of it).
    """

    name: str
    value: str
    first: int
    last: int


def physical_lines(text: str) -> list[str]:
    """Split at newlines only (never at form feeds and the like), and keep them."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def is_ignored(line: str) -> bool:
    """Tell whether Postfix skips the line: blank, or a comment."""
    return not line.strip() or line.lstrip().startswith("#")


def logical_lines(lines: list[str]) -> list[tuple[int, int]]:
    """Find first and last physical line of each logical line; main.cf and master.cf agree.

    A line that starts with a blank continues the one before, also when comments or blank lines
    stand between.
    """
    found: list[tuple[int, int]] = []
    for number, line in enumerate(lines):
        if is_ignored(line):
            continue
        if line[0].isspace() and found:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def parameters(text: str) -> list[Parameter]:
    """List the parameters in the order written; of two with one name the last one counts."""
    lines = physical_lines(text)
    found: list[Parameter] = []
    for first, last in logical_lines(lines):
        parts = [line.strip() for line in lines[first : last + 1] if not is_ignored(line)]
        if match := _PARAMETER.fullmatch(" ".join(parts)):
            found.append(Parameter(name=match[1], value=match[2].strip(), first=first, last=last))
    return found


def without(text: str, is_ours: Callable[[str], bool]) -> str:
    """Take out the parameters with such names, and sendlimit's comment.

    Args:
        text: of main.cf.
        is_ours: tells by its name whether a parameter is taken out.
    """
    lines = physical_lines(text)
    removed = {number for number, line in enumerate(lines) if line.rstrip("\n") == COMMENT}
    for parameter in parameters(text):
        if is_ours(parameter.name):
            removed.update(range(parameter.first, parameter.last + 1))
    return "".join(line for number, line in enumerate(lines) if number not in removed)


def with_parameters(text: str, wanted: Mapping[str, str], *, comment: bool = True) -> str:
    """Append parameters; a last line without a newline gets one first.

    Args:
        text: of main.cf, or of a list of parameters in the same form.
        wanted: name and value.
        comment: whether sendlimit's comment goes before them.
    """
    gap = "\n" if text and not text.endswith("\n") else ""
    lines = [COMMENT] if comment else []
    lines += [f"{name} = {value}" for name, value in wanted.items()]
    return text + gap + "".join(f"{line}\n" for line in lines)
