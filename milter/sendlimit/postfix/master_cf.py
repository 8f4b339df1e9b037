"""Edit the text of master.cf so that nothing but sendlimit's `-o smtpd_milters=` changes.

Pure: text in, text out. `postconf -P` is not used, because it reformats the whole service and
moves its comments. The option is appended to a service: earlier options stay where they are,
and the last of a name wins. Source: master(5), "Command name + arguments".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sendlimit.postfix.main_cf import is_ignored, logical_lines, physical_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_FIELDS = 8  # service type private unpriv chroot wakeup maxproc command
_WORD = re.compile(r"\S+")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceOption:
    """One `-o name=value` of a service.

    Attributes:
        name: the parameter.
        value: as written, newlines as blanks.
        start: where the `-o` begins in the text.
        end: where the value ends.
    """

    name: str
    value: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceText:
    """Where one service stands in master.cf.

    Attributes:
        key: "submission/inet".
        options: its -o options in the order written; the last of a name wins.
        end: where its last line ends, before the newline.
        indent: the blanks before its last line, if that continues the service.
    """

    key: str
    options: tuple[ServiceOption, ...]
    end: int
    indent: str


def services(text: str) -> list[ServiceText]:
    """List the services in the order written."""
    lines = physical_lines(text)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    found: list[ServiceText] = []
    for first, last in logical_lines(lines):
        # Comments inside of a service become blanks, so that positions stay the same.
        kept = [
            " " * len(line) if is_ignored(line) else line.replace("\n", " ")
            for line in lines[first : last + 1]
        ]
        words = _words("".join(kept), starts[first])
        if len(words) < _FIELDS:
            continue  # postconf reports such a line
        last_line = lines[last].rstrip("\n")
        found.append(
            ServiceText(
                key=f"{words[0][2]}/{words[1][2]}",
                options=tuple(_options(words[_FIELDS:])),
                end=starts[last] + len(last_line),
                indent=last_line[: len(last_line) - len(last_line.lstrip())],
            )
        )
    return found


def _words(text: str, offset: int) -> list[tuple[int, int, str]]:
    """Split as Postfix does: at blanks, but { ... } is one word. Gives (start, end, word)."""
    found: list[tuple[int, int, str]] = []
    position = 0
    while match := _WORD.search(text, position):
        start, end = match.span()
        if text[start] == "{":
            end = _closing_brace(text, start)
        found.append((offset + start, offset + end, text[start:end]))
        position = end
    return found


def _closing_brace(text: str, start: int) -> int:
    """Find where the { at start is closed; the end of the text when it isn't."""
    depth = 0
    for position in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[position], 0)
        if depth == 0:
            return position + 1
    return len(text)


def _options(words: list[tuple[int, int, str]]) -> list[ServiceOption]:
    found: list[ServiceOption] = []
    rest = iter(words)
    for start, word_end, word in rest:
        if not word.startswith("-o"):
            continue
        end, argument = word_end, word.removeprefix("-o")
        if not argument:
            _, end, argument = next(rest, (word_end, word_end, ""))
        if argument.startswith("{"):
            argument = argument.removeprefix("{").removesuffix("}")
        name, _, value = argument.partition("=")
        found.append(ServiceOption(name=name.strip(), value=value.strip(), start=start, end=end))
    return found


def without(text: str, is_ours: Callable[[ServiceOption], bool]) -> str:
    """Take such options out of every service, and the lines that become empty."""
    spans = [
        (option.start, option.end)
        for service in services(text)
        for option in service.options
        if is_ours(option)
    ]
    for start, end in reversed(spans):
        text = _without_span(text, start, end)
    return text


def _without_span(text: str, start: int, end: int) -> str:
    line_start = text.rfind("\n", 0, start) + 1
    line_end = text.find("\n", end)
    line_end = len(text) if line_end < 0 else line_end
    before, after = text[line_start:start], text[end:line_end]
    if before.strip():
        kept = before.rstrip() + after
    elif after.strip():
        kept = before + after.lstrip()
    elif line_end == len(text):
        return text[: max(line_start - 1, 0)]  # the newline before came with the option
    else:
        return text[:line_start] + text[line_end + 1 :]
    return text[:line_start] + kept + text[line_end:]


def with_options(text: str, wanted: Mapping[str, str]) -> str:
    """Append one option to each named service, on a line of its own.

    Args:
        text: of master.cf.
        wanted: by service key, the option as "name=value", without blanks.
    """
    for service in reversed(services(text)):
        if option := wanted.get(service.key):
            line = f"\n{service.indent or '  '}-o {option}"
            text = text[: service.end] + line + text[service.end :]
    return text
