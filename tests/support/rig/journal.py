"""A systemd journal of the test's own, in a mount namespace; journald is the system's."""

import socket
from pathlib import Path

from support.rig.process import Process

_JOURNALD = "/lib/systemd/systemd-journald"
_MAIL_INFO = b"<22>"  # facility 2, severity 6: syslog(3)


class PrivateJournal:
    """A journald that writes to a folder, and a `journalctl` that reads there.

    Attributes:
        commands: folder of that `journalctl`, to stand first on PATH.
    """

    def __init__(self, folder: Path) -> None:
        """Make the folders; nothing is started.

        Args:
            folder: an empty or missing folder.
        """
        self._run = folder / "run"
        (self._run / "systemd" / "journal").mkdir(parents=True)
        (self._run / "log" / "journal").mkdir(parents=True)
        self.commands = folder / "bin"
        self.commands.mkdir()
        journalctl = self.commands / "journalctl"
        journalctl.write_text(
            f'#!/bin/sh\nexec /usr/bin/journalctl --directory={self._run}/log/journal "$@"\n'
        )
        journalctl.chmod(0o755)
        in_namespace = f"mount --bind '{self._run}' /run && exec {_JOURNALD}"
        self.process = Process(
            "journald", ["unshare", "--mount", "sh", "-c", in_namespace], folder / "journald.log"
        )

    @property
    def _socket(self) -> Path:
        return self._run / "systemd" / "journal" / "dev-log"

    def start(self) -> None:
        """Start journald and wait until it takes lines."""
        self.process.start()
        self.process.wait_until(self._socket.exists, 20, "has its socket")

    def stop(self) -> None:
        """End journald; what it has not read yet is written before."""
        self.process.stop()

    def write(self, *lines: str) -> None:
        """Log lines as a program does by syslog(3) with facility mail, each "IDENT[PID]: TEXT"."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.connect(str(self._socket))
            for line in lines:
                channel.send(_MAIL_INFO + b"Nov 26 12:00:00 " + line.encode())
