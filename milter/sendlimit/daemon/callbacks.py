"""The callbacks that libmilter calls, through pymilter's C module. The only file that imports it.

Each callback finds the Session of its connection in pymilter's context, lets it take the step, and
turns its answer into libmilter's. Milter.Base and Milter.runmilter are not used: they add two calls
to each callback, and have no session for a client that never negotiated or that goes on after its
QUIT, whose mail they would refuse.

FAILURE: whatever raises is reported, and the answer is CONTINUE (R11).
LIMITS: libmilter calls from a few worker threads, one callback of a connection at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import Milter

from sendlimit.daemon.session import Session
from sendlimit.daemon.verdict import CONTINUE, Verdict
from sendlimit.rules.reply import FIXED_TEXT, Reply

if TYPE_CHECKING:
    from sendlimit.daemon.server_state import ServerState
    from sendlimit.daemon.verdict import Answer

_libmilter = Milter.milter  # the C module; our folder milter/ would shadow `import milter`
_M_ENVRCPT = Milter.M_ENVRCPT
_CONTINUE, _TEMPFAIL = Milter.CONTINUE, Milter.TEMPFAIL
_RCPT_MACROS = "{rcpt_addr} {rcpt_mailer}"
"""The first, so that macros come with each RCPT, and no mailer stays from the one before."""
_STATUS = {
    Verdict.CONTINUE: Milter.CONTINUE,
    Verdict.ACCEPT: Milter.ACCEPT,
    Verdict.NOREPLY: Milter.NOREPLY,
}

NAME = "sendlimit"
BACKLOG = 4096
_NEVER_WANTED = (
    Milter.P_NOCONNECT
    | Milter.P_NOHELO
    | Milter.P_NOBODY
    | Milter.P_NOHDRS
    | Milter.P_NOEOH
    | Milter.P_NOUNKNOWN
    | Milter.P_SKIP
)


class Context(Protocol):
    """pymilter's context of one connection, as far as it is used; libmilter frees it."""

    def getpriv(self) -> Session | None:
        """Return what setpriv kept, at first None."""

    def setpriv(self, session: Session, /) -> None:
        """Keep the session as long as the connection; it must not hold the context in turn."""

    def getsymval(self, name: str, /) -> str | None:
        """Return a macro (smfi_getsymval)."""

    def setsymlist(self, stage: int, macros: str, /) -> None:
        """Ask for the macros of a stage, only within negotiate (smfi_setsymlist).

        Raises:
            Milter.error: they were asked for already.
        """

    def setreply(self, code: str, enhanced_status: str, text: str, /) -> None:
        """Set the reply of the status TEMPFAIL (smfi_setreply), in which "%%" is one "%".

        Raises:
            ValueError: a text that is no C string.
            Milter.error: a text that libmilter does not send.
        """


class Callbacks:
    """The callbacks of all connections, by libmilter's names; one object in a process."""

    def __init__(self, server: ServerState) -> None:
        self._server = server
        self._busy = server.busy

    def negotiate(self, ctx: Context, options: list[int]) -> int:
        """OPTNEG: switch off what is not needed, in options as [actions, steps, 0, 0]."""
        try:
            offered = options[1]
            session = ctx.getpriv() or self._begin(ctx)
            wanted = session.negotiate(noreply_offered=bool(offered & Milter.P_NR_RCPT))
            steps = _NEVER_WANTED
            if not wanted.data:
                steps |= Milter.P_NODATA
            if not wanted.rcpt_answered:
                steps |= Milter.P_NR_RCPT
            options[1:] = [offered & steps, 0, 0]
            if wanted.rcpt_mailer:
                ctx.setsymlist(_M_ENVRCPT, _RCPT_MACROS)
        except Exception:  # noqa: BLE001 - the boundary
            self._server.events.fault("negotiate")
        return _CONTINUE

    def envfrom(self, ctx: Context, reverse_path: bytes = b"", *_parameters: bytes) -> int:
        """MAIL."""
        session = None
        try:
            session = ctx.getpriv() or self._begin(ctx)
            self._busy.add(session)
            answer = session.mail(reverse_path, ctx.getsymval)
            return _CONTINUE if answer is CONTINUE else _status(ctx, answer)
        except Exception:  # noqa: BLE001 - the boundary
            self._server.events.fault("envfrom")
            return _CONTINUE
        finally:
            self._busy.discard(session)

    def envrcpt(self, ctx: Context, *_parameters: bytes) -> int:
        """RCPT that Postfix accepted."""
        session = None
        try:
            session = ctx.getpriv() or self._begin(ctx)
            answer = session.rcpt(ctx.getsymval)
            return _CONTINUE if answer is CONTINUE else _status(ctx, answer)
        except Exception:  # noqa: BLE001 - the boundary
            self._server.events.fault("envrcpt")
            return _CONTINUE if session is None else _STATUS[session.after_rcpt]

    def data(self, _ctx: Context) -> int:
        """DATA: nothing, and never a refusal: Postfix would go on without us if it is repeated."""
        return _CONTINUE

    def eom(self, ctx: Context) -> int:
        """End-of-message."""
        session = None
        try:
            session = ctx.getpriv() or self._begin(ctx)
            self._busy.add(session)
            answer = session.end_of_message(ctx.getsymval)
            return _CONTINUE if answer is CONTINUE else _status(ctx, answer)
        except Exception:  # noqa: BLE001 - the boundary
            self._server.events.fault("eom")
            return _CONTINUE
        finally:
            self._busy.discard(session)

    def abort(self, ctx: Context) -> int:
        """The mail ended without being sent, or the connection is gone, perhaps without an abort."""
        try:
            session = ctx.getpriv()
            if session is not None:
                session.abort()
        except Exception:  # noqa: BLE001 - the boundary
            self._server.events.fault("abort")
        return _CONTINUE

    def _begin(self, ctx: Context) -> Session:
        session = Session(self._server)
        ctx.setpriv(session)
        return session


def _status(ctx: Context, answer: Answer) -> int:
    """Set the reply that TEMPFAIL sends; a text that can't be set gives way to the fixed one."""
    if not isinstance(answer, Reply):
        return _STATUS[answer]
    code, enhanced_status, text = answer
    try:
        ctx.setreply(code, enhanced_status, text.replace("%", "%%"))
    except (ValueError, Milter.error):
        ctx.setreply(code, enhanced_status, FIXED_TEXT)
    return _TEMPFAIL


def run_libmilter(server: ServerState, socket: str) -> None:
    """Run libmilter on a socket of its notation; a process can do it once, and does not return.

    Raises:
        Milter.error: libmilter can't use the socket.
    """
    callbacks = Callbacks(server)
    _libmilter.set_envfrom_callback(callbacks.envfrom)
    _libmilter.set_envrcpt_callback(callbacks.envrcpt)
    _libmilter.set_eom_callback(callbacks.eom)
    _libmilter.set_abort_callback(callbacks.abort)
    _libmilter.set_close_callback(callbacks.abort)
    # What raises below the callbacks' own boundary (R11).
    _libmilter.set_exception_policy(Milter.CONTINUE)
    _libmilter.register(NAME, data=callbacks.data, negotiate=callbacks.negotiate)
    _libmilter.setconn(socket)
    _libmilter.setbacklog(BACKLOG)
    _libmilter.opensocket(False)  # noqa: FBT003 - pymilter's order
    _libmilter.main()
