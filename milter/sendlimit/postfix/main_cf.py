"""Edit the text of main.cf so that nothing but our own settings changes.

Pure: text in, text out. `postconf -e` is not used for this: it writes into the last line when
that has no newline, and what it did can't be told apart from what was there.
Source: postconf(5) "main.cf file format".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

COMMENT = "# Set by 'sendlimit postfix attach', taken out by 'sendlimit postfix detach'."

_SETTING = re.compile(r"\s*([^\s=]+)\s*=(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
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


def is_remark(line: str) -> bool:
    """Tell whether Postfix skips the line: blank, or a comment."""
    return not line.strip() or line.lstrip().startswith("#")


def logical_lines(lines: list[str]) -> list[tuple[int, int]]:
    """Find first and last physical line of each logical line; main.cf and master.cf agree.

    A line that starts with a blank continues the one before, also when remarks stand between.
    """
    found: list[tuple[int, int]] = []
    for number, line in enumerate(lines):
        if is_remark(line):
            continue
        if line[0].isspace() and found:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def settings(text: str) -> list[Setting]:
    """List the settings in the order written; of two with one name the last one counts."""
    lines = physical_lines(text)
    found: list[Setting] = []
    for first, last in logical_lines(lines):
        parts = [line.strip() for line in lines[first : last + 1] if not is_remark(line)]
        if match := _SETTING.fullmatch(" ".join(parts)):
            found.append(Setting(name=match[1], value=match[2].strip(), first=first, last=last))
    return found


def without(text: str, is_ours: Callable[[str], bool]) -> str:
    """Take out the settings with such names, and our comment.

    Args:
        text: of main.cf.
        is_ours: tells by its name whether a setting goes.
    """
    lines = physical_lines(text)
    gone = {number for number, line in enumerate(lines) if line.rstrip("\n") == COMMENT}
    for setting in settings(text):
        if is_ours(setting.name):
            gone.update(range(setting.first, setting.last + 1))
    return "".join(line for number, line in enumerate(lines) if number not in gone)


def with_settings(text: str, wanted: Mapping[str, str], *, comment: bool = True) -> str:
    """Append the settings; a last line without a newline gets one first.

    Args:
        text: of main.cf, or of a list of settings in the same form.
        wanted: name and value.
        comment: whether our comment goes before them.
    """
    gap = "\n" if text and not text.endswith("\n") else ""
    lines = [COMMENT] if comment else []
    lines += [f"{name} = {value}" for name, value in wanted.items()]
    return text + gap + "".join(f"{line}\n" for line in lines)
