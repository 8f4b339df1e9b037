"""Run Postfix's own commands against one configuration directory."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import shutil
import subprocess
import threading
from pathlib import Path

from sendlimit.errors import PostfixError

_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])
_TIMEOUT_S = 60  # `postfix check` walks through the whole queue directory
_READ_S = 5  # longer than it takes to read the output of a command that has ended
_DIAGNOSTIC = re.compile(r"(?:fatal|error|panic):")


class PostfixCommands:
    """`postconf` and `postfix` for one configuration directory, with main.cf and master.cf."""

    def __init__(self, config_directory: Path) -> None:
        self.config_directory = config_directory

    def postconf(self, *words: str) -> str:
        """Run postconf and return its output without warnings.

        Raises:
            PostfixError: Postfix is not installed, or can't read its configuration.
        """
        done = run("postconf", "-c", str(self.config_directory), *words)
        if done.returncode != 0:
            msg = (
                f"Postfix can't read {self.config_directory}: {error_text(done)};"
                f" see 'postconf -c {self.config_directory} -n' and mend it first"
            )
            raise PostfixError(msg)
        return done.stdout

    def parameters(self, *words: str) -> dict[str, str]:
        """Run postconf and parse its output, lines of "name = value"."""
        found: dict[str, str] = {}
        for line in self.postconf(*words).splitlines():
            name, equals, value = line.partition(" =")
            if equals:
                found[name] = value.strip()
        return found

    def check(self) -> None:
        """Run `postfix check`.

        Raises:
            PostfixError: it reports an error.
        """
        self._control("check")

    def is_running(self) -> bool:
        """Tell whether this Postfix runs."""
        return run("postfix", "-c", str(self.config_directory), "status").returncode == 0

    def reload(self) -> None:
        """Run `postfix reload`.

        Raises:
            PostfixError: it reports an error.
        """
        self._control("reload")

    def _control(self, word: str) -> None:
        done = run_on_terminal("postfix", "-c", str(self.config_directory), word)
        if done.returncode != 0:
            msg = f"'postfix -c {self.config_directory} {word}' fails: {error_text(done)}"
            raise PostfixError(msg)


def default_config_directory() -> Path:
    """Find the configuration directory that Postfix's commands use without -c.

    `postconf -h config_directory` is not asked: Postfix 3.10 answers with its compiled-in default
    as long as main.cf below MAIL_CONFIG has changed within the last two seconds.

    Source: postconf(1) MAIL_CONFIG.

    Raises:
        PostfixError: Postfix is not installed.
    """
    compiled_in = run("postconf", "-d", "-h", "config_directory").stdout.strip()
    return Path(os.environ.get("MAIL_CONFIG") or compiled_in)


def run(program: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run one of Postfix's commands and wait until it ends.

    Raises:
        PostfixError: it is not installed, or does not end.
    """
    return _run(program, words, subprocess.PIPE)


def run_on_terminal(program: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command with a terminal as its stderr and return what it wrote there.

    `postfix check` and `postfix reload` report errors through postlog(1), which writes to the
    mail log, and to stderr only when that is a terminal. Raises as `run`.
    """
    terminal, stderr = pty.openpty()
    output: list[bytes] = []
    reader = threading.Thread(target=_read_terminal, args=(terminal, output), daemon=True)
    reader.start()
    try:
        done = _run(program, words, stderr)
    finally:
        os.close(stderr)
        reader.join(_READ_S)
        os.close(terminal)
    done.stderr = b"".join(output).decode(errors="surrogateescape")
    return done


def _read_terminal(terminal: int, output: list[bytes]) -> None:
    with contextlib.suppress(OSError):  # EIO: all descriptors of the other side are closed
        while chunk := os.read(terminal, 4096):
            output.append(chunk)


def _run(program: str, words: tuple[str, ...], stderr: int) -> subprocess.CompletedProcess[str]:
    path = shutil.which(program, path=_PATH)
    if path is None:
        msg = f"there is no '{program}' command: install Postfix first (apt-get install postfix)"
        raise PostfixError(msg)
    try:
        return subprocess.run(  # noqa: S603 - no shell, and the words are paths and names
            [path, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            encoding="utf-8",
            errors="surrogateescape",
            env={**os.environ, "PATH": _PATH, "LC_ALL": "C"},
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        msg = f"'{program} {' '.join(words)}' has not ended within {_TIMEOUT_S} s"
        raise PostfixError(msg) from exc


def error_text(done: subprocess.CompletedProcess[str]) -> str:
    """Return the lines of a failed command's output that say why it failed."""
    lines = [line.strip() for line in (done.stderr + done.stdout).splitlines() if line.strip()]
    errors = [line for line in lines if _DIAGNOSTIC.search(line)]
    return "; ".join((errors or lines)[-3:]) or f"exit code {done.returncode}"
