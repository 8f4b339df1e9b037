"""A milter that refuses what the sender's local part names, to stand before or behind another.

Run as a program: `picky_milter.py SOCKET`. `refuse-at-mail@...`, `refuse-at-data@...` and
`refuse-at-end@...` are refused there, `discard-at-end@...` vanishes there; a recipient
`refuse-me@...` is refused.
"""

import os
import sys

import Milter


class PickyMilter(Milter.Base):
    """One SMTP connection."""

    def __init__(self) -> None:
        """Begin without a mail."""
        self._sender = ""

    def envfrom(self, sender: str, *_parameters: str) -> int:
        """Refuse at MAIL, or remember the sender."""
        self._sender = sender.strip("<>").partition("@")[0]
        return self._refuse_at("mail")

    def envrcpt(self, recipient: str, *_parameters: str) -> int:
        """Refuse a recipient by its name."""
        return int(Milter.REJECT if "refuse-me@" in recipient else Milter.CONTINUE)

    def data(self) -> int:
        """Refuse at DATA."""
        return self._refuse_at("data")

    def eom(self) -> int:
        """Refuse or discard at end-of-message."""
        if self._sender == "discard-at-end":
            return int(Milter.DISCARD)
        return self._refuse_at("end")

    def _refuse_at(self, stage: str) -> int:
        return int(Milter.REJECT if self._sender == f"refuse-at-{stage}" else Milter.CONTINUE)


def main() -> None:
    """Serve on the socket until SIGTERM."""
    os.umask(0o117)  # the socket: read and write for owner and group
    Milter.factory = PickyMilter
    Milter.runmilter("picky", sys.argv[1], 0)


if __name__ == "__main__":
    main()
