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
_LISTEN_S = 5  # longer than it takes to read what a command that has ended said
_DIAGNOSTIC = re.compile(r"(?:fatal|error|panic):")


class PostfixCommands:
    """`postconf` and `postfix` for one configuration directory."""

    def __init__(self, config_directory: Path) -> None:
        """Take the directory that has main.cf and master.cf."""
        self.config_directory = config_directory

    def postconf(self, *words: str) -> str:
        """Run postconf and return what it prints; its warnings are left out.

        Raises:
            PostfixError: there is no Postfix, or it can't read its own configuration.
        """
        done = run("postconf", "-c", str(self.config_directory), *words)
        if done.returncode != 0:
            msg = (
                f"Postfix can't read {self.config_directory}: {complaint(done)};"
                f" see 'postconf -c {self.config_directory} -n' and mend it first"
            )
            raise PostfixError(msg)
        return done.stdout

    def parameters(self, *words: str) -> dict[str, str]:
        """Run postconf and read the lines "name = value" that it prints."""
        found: dict[str, str] = {}
        for line in self.postconf(*words).splitlines():
            name, equals, value = line.partition(" =")
            if equals:
                found[name] = value.strip()
        return found

    def check(self) -> None:
        """Run `postfix check`.

        Raises:
            PostfixError: it complains.
        """
        self._control("check")

    def is_running(self) -> bool:
        """Tell whether this Postfix runs."""
        return run("postfix", "-c", str(self.config_directory), "status").returncode == 0

    def reload(self) -> None:
        """Let a running Postfix read its configuration again.

        Raises:
            PostfixError: it can't.
        """
        self._control("reload")

    def _control(self, word: str) -> None:
        done = run_on_terminal("postfix", "-c", str(self.config_directory), word)
        if done.returncode != 0:
            msg = f"'postfix -c {self.config_directory} {word}' fails: {complaint(done)}"
            raise PostfixError(msg)


def default_config_directory() -> Path:
    """Ask postconf which configuration directory it uses.

    Raises:
        PostfixError: Postfix is not installed.
    """
    done = run("postconf", "-h", "config_directory")
    if done.returncode == 0:
        return Path(done.stdout.strip())
    # Its own default: a main.cf that can't be read is reported by who reads it.
    return Path(run("postconf", "-d", "-h", "config_directory").stdout.strip())


def run(program: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run one of Postfix's commands to its end.

    Raises:
        PostfixError: it is not installed, or hangs.
    """
    return _run(program, words, subprocess.PIPE)


def run_on_terminal(program: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command that says what is wrong to a terminal only, and to the mail log.

    `postfix check` and `postfix reload` speak through postlog(1), which writes to stderr when
    that is a terminal. Raises as `run`.
    """
    ours, theirs = pty.openpty()
    words_heard: list[bytes] = []
    listener = threading.Thread(target=_listen, args=(ours, words_heard), daemon=True)
    listener.start()
    try:
        done = _run(program, words, theirs)
    finally:
        os.close(theirs)
        listener.join(_LISTEN_S)
        os.close(ours)
    done.stderr = b"".join(words_heard).decode(errors="surrogateescape")
    return done


def _listen(terminal: int, words_heard: list[bytes]) -> None:
    with contextlib.suppress(OSError):  # EIO: everybody has closed the other side
        while words := os.read(terminal, 4096):
            words_heard.append(words)


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


def complaint(done: subprocess.CompletedProcess[str]) -> str:
    """Pick from a failed command's words those that say why."""
    lines = [line.strip() for line in (done.stderr + done.stdout).splitlines() if line.strip()]
    errors = [line for line in lines if _DIAGNOSTIC.search(line)]
    return "; ".join((errors or lines)[-3:]) or f"exit code {done.returncode}"
