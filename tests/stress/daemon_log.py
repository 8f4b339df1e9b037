"""The daemon's log during a stress run: every line is one of maillog.py's, none is an error."""

import re
from pathlib import Path

from stress.well_formed import demand

_LINE = re.compile(r"(?:DEBUG|INFO|WARNING) [a-z-]+ [a-z_]+=")
_BAD = re.compile(r"^ERROR|fault|lines-dropped|accepted-on-failure .*reason=store")


class DaemonLog:
    """Reads the daemon's log as it grows.

    Attributes:
        accepted: mails that were accepted according to it.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._at = 0
        self.accepted = 0

    def read(self) -> None:
        """Look at what is new.

        Raises:
            FuzzError: a line is not one of the daemon's, or one that must not be.
        """
        with self._file.open("rb") as file:
            file.seek(self._at)
            octets = file.read()
        whole = octets.rpartition(b"\n")[0]
        self._at += len(whole) + 1 if whole else 0
        for line in whole.decode("utf-8", "backslashreplace").split("\n") if whole else []:
            demand(_LINE.match(line) and line.isprintable(), f"not a log line: {line[:500]!r}")
            demand(not _BAD.search(line), f"in the log: {line[:500]}")
            self.accepted += line.startswith("DEBUG accepted ")

    def restart(self) -> None:
        """Empty the file; called while the daemon has nothing to say."""
        self.read()
        self._file.write_bytes(b"")
        self._at = 0
