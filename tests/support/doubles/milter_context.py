"""libmilter and pymilter's C module, as the callbacks see them: contexts, statuses, no threads."""

from collections.abc import Mapping

import Milter

from sendlimit.daemon.callbacks import Callbacks
from sendlimit.daemon.session import Session

_LINE_MAX = 980
_ALL_OFFERED = 0x1FFFFF


class MilterContext:
    """What pymilter's C context is to the callbacks: keeps the session, macros in, replies out.

    Attributes:
        macros: what getsymval finds, by name as Postfix sends it.
        replies: what was set, as (code, enhanced status, text as the client reads it).
        asked_for: macros that were asked for, by stage.
    """

    def __init__(self, macros: Mapping[str, str | bytes] | None = None) -> None:
        """Begin with these macros."""
        self.macros = dict(macros or {})
        self.replies: list[tuple[str, str, str]] = []
        self.asked_for: dict[int, str] = {}
        self._session: Session | None = None

    def getpriv(self) -> Session | None:
        """Return the session."""
        return self._session

    def setpriv(self, session: Session) -> None:
        """Keep the session."""
        self._session = session

    def getsymval(self, name: str) -> str | None:
        """Return a macro; bytes that are not UTF-8 raise as in pymilter."""
        value = self.macros.get(name)
        return value.decode() if isinstance(value, bytes) else value

    def setsymlist(self, stage: int, macros: str) -> None:
        """Ask for the macros of a stage, once."""
        if stage in self.asked_for:
            raise Milter.error
        self.asked_for[stage] = macros

    def setreply(self, code: str, enhanced_status: str, text: str) -> None:
        """Take a reply, or refuse it as libmilter does."""
        if "\r" in text or "\n" in text or len(text.encode()) > _LINE_MAX:
            raise Milter.error
        self.replies.append((code, enhanced_status, text.replace("%%", "%")))


class MilterConnection:
    """One connection of Postfix: calls the callbacks as libmilter does, returns their statuses.

    Attributes:
        context: its macros and replies.
        options: what was negotiated, as [actions, steps, 0, 0].
    """

    def __init__(
        self, callbacks: Callbacks, macros: Mapping[str, str | bytes], offered: int = _ALL_OFFERED
    ) -> None:
        """Negotiate."""
        self.context = MilterContext(macros)
        self.options = [0x1FF, offered, 0, 0]
        self._callbacks = callbacks
        assert callbacks.negotiate(self.context, self.options) == Milter.CONTINUE

    def mail(self, reverse_path: bytes = b"<alice@example.org>") -> int:
        """MAIL FROM."""
        return self._callbacks.envfrom(self.context, reverse_path, b"SIZE=100")

    def rcpt(self) -> int:
        """RCPT TO."""
        return self._callbacks.envrcpt(self.context, b"<bob@example.net>")

    def data(self) -> int:
        """DATA."""
        return self._callbacks.data(self.context)

    def eom(self) -> int:
        """The dot after DATA."""
        return self._callbacks.eom(self.context)

    def abort(self) -> int:
        """RSET, or the mail was refused by another filter; also the end of the connection."""
        return self._callbacks.abort(self.context)
