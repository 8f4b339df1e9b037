"""The sendlimit daemon and its command line, as an admin runs them."""

import os
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from support.rig.process import Process, accepts_connections, wait_for

_PROGRAM = Path(sys.prefix) / "bin" / "sendlimit"
_START_DEADLINE_S = 30


@dataclass(frozen=True)
class CommandResult:
    """How a run of the command line ended."""

    exit_code: int
    stdout: str
    stderr: str


class Sendlimit:
    """One daemon with its configuration file."""

    def __init__(
        self, folder: Path, config: str | Mapping[str, Any], env: Mapping[str, str] | None = None
    ) -> None:
        """Write the configuration; nothing is started.

        Args:
            folder: for the configuration and the log; may exist.
            config: TOML, or a mapping that is written as TOML.
            env: variables set for the daemon and for commands.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.config_file = folder / "sendlimit.toml"
        self.write_config(config)
        self._env = dict(env or {})
        self.process = Process(
            "sendlimit",
            [_PROGRAM, "serve", "--config", self.config_file],
            folder / "sendlimit.log",
            env=self._env,
        )

    def write_config(self, config: str | Mapping[str, Any]) -> None:
        """Replace the configuration file; a running daemon does not notice."""
        text = config if isinstance(config, str) else tomli_w.dumps(config)
        self.config_file.write_text(text)

    def start(self) -> None:
        """Start the daemon and wait until it takes connections on its milter socket."""
        self.process.start()
        address = self._milter_address()
        self.process.wait_until(
            lambda: accepts_connections(address), _START_DEADLINE_S, f"listens on {address}"
        )

    def stop(self) -> int:
        """Ask the daemon to end and return its exit code."""
        return self.process.stop()

    def kill(self) -> None:
        """End the daemon without a chance to clean up."""
        self.process.kill()

    def reload(self) -> str:
        """Send SIGHUP and return the log line that says how the configuration was taken.

        The line has `config-loaded` or, when the file is wrong, `config-rejected`.
        """
        pattern = "config-(loaded|rejected)"
        before = len(self.lines(pattern))
        self.process.send_signal(signal.SIGHUP)
        self.process.wait_until(
            lambda: len(self.lines(pattern)) > before, 20, f"logs {pattern!r} after SIGHUP"
        )
        return self.lines(pattern)[before]

    def lines(self, pattern: str = "") -> list[str]:
        """Return the lines of the daemon's log in which the regular expression is found."""
        return [line for line in self.process.log_text().splitlines() if re.search(pattern, line)]

    def wait_for_lines(self, pattern: str, *, count: int = 1) -> list[str]:
        """Wait until that many lines of the log match; return them."""
        wait_for(
            lambda: len(self.lines(pattern)) >= count,
            20,
            f"{count} lines with {pattern!r} in sendlimit's log",
            self.process.log_tail,
        )
        return self.lines(pattern)

    def command(self, *words: str, stdin: str = "") -> CommandResult:
        """Run `sendlimit words` with the daemon's configuration and wait for its end."""
        done = subprocess.run(
            [_PROGRAM, *words],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env=os.environ | {"SENDLIMIT_CONFIG": str(self.config_file)} | self._env,
        )
        return CommandResult(done.returncode, done.stdout, done.stderr)

    def _milter_address(self) -> Path | int:
        """Return the path or the port of 127.0.0.1 that `milter.socket` names."""
        settings = tomllib.loads(self.config_file.read_text())
        kind, _, place = settings["milter"]["socket"].partition(":")
        return int(place.partition("@")[0]) if kind == "inet" else Path(place)
