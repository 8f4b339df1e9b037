"""How the demo prints: what is done, what came of it, and what it proves, with a check each."""

import os
import sys
import textwrap
from collections.abc import Iterable
from typing import TextIO

_WIDTH = 96
_BOLD, _DIM, _RED, _GREEN, _CYAN = "1", "2", "31", "32", "36"
_SAID = "      "


class PromiseBrokenError(Exception):
    """A step did not end as promised."""


class Narrator:
    """Prints to one stream; colours only where a person reads it on a terminal."""

    def __init__(self, stream: TextIO | None = None) -> None:
        """Take the stream, standard output by default."""
        self._stream = stream or sys.stdout
        self._coloured = self._stream.isatty() and "NO_COLOR" not in os.environ
        self._steps = 0
        self.kept = 0

    def title(self, text: str) -> None:
        """Print the first line."""
        self._print(self._styled(text, _BOLD))

    def step(self, does: str) -> None:
        """Begin a step by saying what is done."""
        self._steps += 1
        self._print()
        self._print(self._styled(f"{self._steps:>2}  {does}", _BOLD))

    def remark(self, text: str) -> None:
        """Say a sentence about what is going on."""
        self._wrapped(text, "    ")

    def dialogue(self, lines: Iterable[str]) -> None:
        """Print what client and server said."""
        for line in lines:
            self._wrapped(line, _SAID, _DIM if line.startswith("C:") else "")

    def quoted(self, lines: Iterable[str]) -> None:
        """Print lines of a file or a log, wrapped."""
        for line in lines:
            self._wrapped(line, _SAID)

    def lines(self, lines: Iterable[str]) -> None:
        """Print lines as they are."""
        for line in lines:
            self._print(_SAID + line)

    def output(self, command: str, text: str) -> None:
        """Print a command and what it answered, as it is."""
        self._print(_SAID + self._styled(f"$ {command}", _CYAN))
        self._print(textwrap.indent(text.rstrip("\n"), _SAID))

    def check(self, is_so: object, promise: str) -> None:
        """Print a promise as kept.

        Raises:
            PromiseBrokenError: it is not kept.
        """
        if not is_so:
            self._wrapped(f"NOT SO: {promise}", "    ", _RED)
            raise PromiseBrokenError(promise)
        self.kept += 1
        self._wrapped(f"ok  {promise}", "    ", _GREEN)

    def end(self, text: str) -> None:
        """Print the last line."""
        self._print()
        self._print(self._styled(text, _BOLD))

    def _wrapped(self, text: str, indent: str, style: str = "") -> None:
        lines = textwrap.wrap(
            text,
            _WIDTH,
            initial_indent=indent,
            subsequent_indent=indent + "    ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        for line in lines:
            self._print(self._styled(line, style))

    def _styled(self, text: str, style: str) -> str:
        return f"\033[{style}m{text}\033[0m" if style and self._coloured else text

    def _print(self, line: str = "") -> None:
        print(line, file=self._stream, flush=True)
