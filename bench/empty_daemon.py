"""An empty pymilter daemon: the ceiling of what any pymilter daemon can do.

It asks for the same events as sendlimit (MAIL, end of message, abort, close) and
answers CONTINUE to all of them. Ended by SIGTERM.

Usage: python empty_daemon.py SOCKET [--direct | --answers-rcpt], in libmilter's notation
(unix:PATH, inet:PORT@HOST)
--direct: callbacks registered with pymilter's C module, without Milter.Base.
--answers-rcpt: RCPT, too, is asked for and answered, as sendlimit with a limit on recipients does.
"""

import sys

import Milter

_NOT_WANTED = (
    Milter.P_NOCONNECT
    | Milter.P_NOHELO
    | Milter.P_NORCPT
    | Milter.P_NODATA
    | Milter.P_NOBODY
    | Milter.P_NOHDRS
    | Milter.P_NOEOH
    | Milter.P_NOUNKNOWN
    | Milter.P_SKIP
)


class EmptySession(Milter.Base):
    """One SMTP connection; keeps nothing."""

    def envfrom(self, _reverse_path: str, *_parameters: str) -> int:
        """Let MAIL pass."""
        return Milter.CONTINUE

    def eom(self) -> int:
        """Let the end of the message pass."""
        return Milter.CONTINUE

    def abort(self) -> int:
        """Take note of nothing."""
        return Milter.CONTINUE

    def close(self) -> int:
        """Free nothing."""
        return Milter.CONTINUE


class EmptySessionWithRcpt(EmptySession):
    """The same with RCPT: Milter.Base asks for the events whose methods are overridden."""

    def envrcpt(self, _recipient: str, *_parameters: str) -> int:
        """Let RCPT pass."""
        return Milter.CONTINUE


def _continue(_context: object, *_parameters: object) -> int:
    return Milter.CONTINUE


def _negotiate(_context: object, options: list[int]) -> int:
    options[1:] = [options[1] & _NOT_WANTED, 0, 0]
    return Milter.CONTINUE


def _run_direct(socket: str) -> None:
    libmilter = Milter.milter
    libmilter.set_envfrom_callback(_continue)
    libmilter.set_eom_callback(_continue)
    libmilter.set_abort_callback(_continue)
    libmilter.set_close_callback(_continue)
    libmilter.register("empty", negotiate=_negotiate)
    libmilter.setconn(socket)
    libmilter.opensocket(True)  # noqa: FBT003 - pymilter's order
    libmilter.main()


if __name__ == "__main__":
    if "--direct" in sys.argv:
        _run_direct(sys.argv[1])
    else:
        Milter.factory = EmptySessionWithRcpt if "--answers-rcpt" in sys.argv else EmptySession
        Milter.runmilter("empty", sys.argv[1], timeout=600, rmsock=True)
