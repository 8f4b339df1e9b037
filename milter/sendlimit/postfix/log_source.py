"""Find Postfix's log and read its end: a file, or systemd's journal where there is no file.

Source: postconf(5) maillog_file; syslog(3), LOG_MAIL is facility 2; journalctl(1).
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from sendlimit.errors import PostfixError
from sendlimit.files import read_end
from sendlimit.postfix.commands import PostfixCommands

USUAL_LOGS = (Path("/var/log/mail.log"), Path("/var/log/maillog"))
TAIL_OCTETS = 16 << 20
"""How much of a file is read, from its end."""
LINES_MAX = 100_000
"""How many lines of the journal are read, from its end; some 16 MB."""
JOURNAL = "the journal (SYSLOG_FACILITY=2)"
"""How the journal is named to people; the words in brackets are journalctl's filter."""
_JOURNAL_S = 20
"""After so long journalctl is ended."""


def find_log(config_directory: Path, since: int) -> Path | None:
    """Return the file that a Postfix logs to; None: systemd's journal.

    Where Postfix logs to syslog, a usual file that has not been written to since the given moment may be
    left of a syslog that is not there any more: the journal is taken before it.

    Raises:
        PostfixError: Postfix can't read its configuration, or there is neither file nor journal.
    """
    # Before Postfix 3.4 there is no such parameter.
    found = PostfixCommands(config_directory).parameters("-x", "maillog_file")
    name = found.get("maillog_file", "")
    if name.startswith("/") and not name.startswith("/dev/"):
        return Path(name)
    usual = [path for path in USUAL_LOGS if path.exists()]
    written = [path for path in usual if path.stat().st_mtime >= since]
    if written:
        return written[0]
    if shutil.which("journalctl") is not None:
        return None
    if not usual:
        raise PostfixError(
            "Postfix's log is in none of its usual files, and there is no journal;"
            " --mail-log names it"
        )
    return usual[0]


def log_lines(log: Path | None, since: int) -> list[str]:
    """Return the last lines of a log, the oldest first.

    Args:
        log: the file; None: the journal.
        since: seconds since 1970; lines of the journal before it are left out.

    Raises:
        OSError: the file can't be read.
        PostfixError: the journal can't be read.
    """
    if log is None:
        return _journal_lines(since)
    return read_end(log, TAIL_OCTETS).decode("utf-8", "replace").splitlines()


def _journal_lines(since: int) -> list[str]:
    # With --since alone, --lines would count from the beginning.
    words = (
        "--quiet", "--no-pager", "--output=short-iso", "--reverse", f"--lines={LINES_MAX}",
        f"--since=@{since}", "SYSLOG_FACILITY=2",
    )  # fmt: skip
    try:
        done = subprocess.run(  # noqa: S603 - no shell, and the words are ours
            [shutil.which("journalctl") or "journalctl", *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_JOURNAL_S,
            env={**os.environ, "LC_ALL": "C"},
            check=False,
        )
    except OSError as error:
        raise PostfixError(f"journalctl can't be run: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise PostfixError(f"journalctl has not ended within {_JOURNAL_S} s") from error
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        reason = said[-1] if said else f"exit code {done.returncode}"
        raise PostfixError(f"journalctl can't read the journal: {reason}")
    return done.stdout.decode("utf-8", "replace").splitlines()[::-1]
