"""Suggest what was meant by a word that is not known. Pure."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_ALIKE = 0.6
_SHOWN = 2


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return "did you mean ...? ", or "" where nothing known is like the word.

    A known name of several parts, such as mailbox.messages_per_day, is meant by its end, too.
    """
    names = list(known)
    lowered = word.lower()
    ending = [name for name in names if name.endswith(f".{lowered}")]
    near = ending or difflib.get_close_matches(lowered, names, _SHOWN, _ALIKE)
    return f"did you mean {' or '.join(near)}? " if near else ""
