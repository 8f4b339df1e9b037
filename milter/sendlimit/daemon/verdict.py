"""What a session says to one step of the milter protocol, and what it asks about it: values only."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from sendlimit.rules.reply import Reply


class Verdict(StrEnum):
    """An answer without a text, as libmilter's SMFIS_* of the same name."""

    CONTINUE = "continue"
    """The step passes."""
    ACCEPT = "accept"
    """The mail passes, and its further steps are not sent."""
    NOREPLY = "noreply"
    """The step passes, and Postfix, as negotiated, waits for no answer."""

    __hash__ = str.__hash__  # Enum's own is written in Python, and each look-up in a dict calls it


CONTINUE, ACCEPT, NOREPLY = Verdict

Answer = Verdict | Reply
"""A Reply is a temporary failure with this text (SMFIS_TEMPFAIL), so that none is without one."""

MacroLookup = Callable[[str], str | None]
"""Returns the value of a macro that Postfix sent, by its name ("i", "{auth_authen}"), None without one.

Raises UnicodeDecodeError when the value is not UTF-8. Only valid within the step that it came with.
"""
