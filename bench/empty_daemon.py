"""An empty pymilter daemon: the ceiling of what any pymilter daemon can do.

It asks for the same events as sendlimit (MAIL, end of message, abort, close) and
answers CONTINUE to all of them. Ended by SIGTERM.

Usage: python empty_daemon.py SOCKET, in libmilter's notation (unix:PATH, inet:PORT@HOST)
"""

import sys

import Milter


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


if __name__ == "__main__":
    Milter.factory = EmptySession
    Milter.runmilter("empty", sys.argv[1], timeout=600, rmsock=True)
