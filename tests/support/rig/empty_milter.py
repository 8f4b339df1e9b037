"""A milter that lets everything pass and prints what it saw at MAIL, one JSON line each.

Run as a program: `empty_milter.py SOCKET`. It proves the rig without the daemon and is the
yardstick for what a milter costs at least.
"""

import json
import os
import sys

import Milter

_MACROS = ("{auth_authen}", "{daemon_name}", "{mail_addr}")


class EmptyMilter(Milter.Base):
    """One SMTP connection; looks at MAIL only."""

    def envfrom(self, sender: str, *_parameters: str) -> int:
        """Print the sender and the macros, and let the mail pass."""
        seen = {"sender": sender} | {macro: self.getsymval(macro) for macro in _MACROS}
        # One write, because callbacks of several connections run at once.
        os.write(sys.stdout.fileno(), json.dumps(seen).encode() + b"\n")
        return Milter.CONTINUE


def main() -> None:
    """Serve on the socket until SIGTERM."""
    os.umask(0o117)  # the socket: read and write for owner and group
    Milter.factory = EmptyMilter
    Milter.runmilter("empty", sys.argv[1], 0)


if __name__ == "__main__":
    main()
