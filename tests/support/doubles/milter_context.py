"""What pymilter's C context is to a session: macros in, replies out."""

from collections.abc import Mapping

import Milter

_LINE_MAX = 980


class MilterContext:
    """One connection of Postfix, without a socket.

    Attributes:
        macros: what getsymval finds, by name as Postfix sends it.
        replies: what was set, as (code, enhanced status, text as the client reads it).
    """

    def __init__(self, macros: Mapping[str, str | bytes] | None = None) -> None:
        """Begin with these macros."""
        self.macros = dict(macros or {})
        self.replies: list[tuple[str, str, str]] = []

    def setpriv(self, _session: object) -> None:
        """Take the session; it is the test that calls it."""

    def getsymval(self, name: str) -> str | None:
        """Return a macro; bytes that are not UTF-8 raise as in pymilter."""
        value = self.macros.get(name)
        return value.decode() if isinstance(value, bytes) else value

    def setreply(self, code: str, enhanced_status: str, text: str) -> None:
        """Take a reply, or refuse it as libmilter does."""
        if "\r" in text or "\n" in text or len(text.encode()) > _LINE_MAX:
            raise Milter.error
        self.replies.append((code, enhanced_status, text.replace("%%", "%")))
