"""Where a Postfix logs, and the end of its log: a file, or a real journal."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sendlimit.errors import PostfixError
from sendlimit.postfix import log_source
from sendlimit.postfix.log_source import find_log, log_lines
from sendlimit.postfix.mail_log import QueuedMail, queued_mails
from support.counting_samples import UTC
from support.rig.journal import PrivateJournal
from support.rig.process import running, wait_for

_SYSLOG = "compatibility_level = 3.6\n"
_CONNECT = "postfix/submission/smtpd[7]: connect from unknown[192.0.2.7]"
_LOGIN = (
    "postfix/submission/smtpd[7]: {id}: client=unknown[192.0.2.7],"
    " sasl_method=PLAIN, sasl_username=alice@example.org"
)
_QUEUED = "postfix/qmgr[9]: {id}: from=<a@example.org>, size=331, nrcpt=1 (queue active)"


def _journalctl(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put a journalctl of the test's own first on PATH."""
    (folder / "bin").mkdir()
    program = folder / "bin" / "journalctl"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)


def _write_main_cf(folder: Path, text: str) -> None:
    """Write it as of yesterday: postconf waits while a file is younger than two seconds."""
    (folder / "main.cf").write_text(text)
    os.utime(folder / "main.cf", (0, 0))


@pytest.fixture
def usual(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A usual log file, not there yet, of a Postfix in the same folder that logs to syslog."""
    path = tmp_path / "mail.log"
    monkeypatch.setattr(log_source, "USUAL_LOGS", (tmp_path / "none", path))
    _write_main_cf(tmp_path, _SYSLOG)
    return path


def test_where_postfix_logs(usual: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """maillog_file before a usual file that is written to, and this before the journal."""
    folder = usual.parent
    _journalctl(folder, monkeypatch, "exit 0")
    assert find_log(folder, 0) is None
    usual.touch()
    assert find_log(folder, 0) == usual
    _write_main_cf(folder, "maillog_file = /var/log/own.log\n")
    assert find_log(folder, 0) == Path("/var/log/own.log")
    with pytest.raises(PostfixError, match="can't read"):
        find_log(folder / "none", 0)


def test_left_file(usual: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that nothing writes to any more is passed over for the journal; without one it is taken."""
    usual.touch()
    os.utime(usual, (1000, 1000))
    monkeypatch.setenv("PATH", "")
    assert find_log(usual.parent, 1001) == usual
    _journalctl(usual.parent, monkeypatch, "exit 0")
    assert find_log(usual.parent, 1001) is None
    assert find_log(usual.parent, 1000) == usual


def test_nothing_to_read(usual: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a file nor a journal is said, with the option that names a file."""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(PostfixError, match="--mail-log names it"):
        find_log(usual.parent, 0)


def test_end_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only its end is read, whatever octets are in it; what is no file is an error of the system."""
    log = tmp_path / "mail.log"
    log.write_bytes(b"lost\n" + b"\xff" * 100)
    monkeypatch.setattr(log_source, "TAIL_OCTETS", 100)
    assert log_lines(log, 0) == ["\N{REPLACEMENT CHARACTER}" * 100]
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "none", tmp_path / "pipe"):
        with pytest.raises(OSError, match=r"directory|file"):
            log_lines(path, 0)


@pytest.fixture
def journal(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PrivateJournal]:
    """A journal that `journalctl` reads."""
    private = PrivateJournal(folder / "journal")
    monkeypatch.setenv("PATH", str(private.commands), prepend=os.pathsep)
    with running(private):
        yield private


def _mails(since: int) -> list[QueuedMail]:
    return [*queued_mails(log_lines(None, since), int(time.time()), UTC.timezone)]


def test_journal(journal: PrivateJournal) -> None:
    """Mail of logins is found in a real journal, whatever else is in it; earlier lines are left out."""
    began = int(time.time())
    journal.write(
        _CONNECT,
        _LOGIN.format(id="4A"),
        "postfix/qmgr[9]: \x07 odd \ufffd",
        _QUEUED.format(id="4A"),
    )
    (mail,) = wait_for(lambda: _mails(began - 1), 10, "the mail is in the journal")

    assert (mail.login, mail.client) == ("alice@example.org", "192.0.2.7")
    assert mail.program == "postfix/submission/smtpd"
    assert mail.connected_at is not None
    assert began <= mail.connected_at <= mail.at <= time.time()
    assert log_lines(None, int(time.time()) + 60) == []


def test_end_of_a_journal(journal: PrivateJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more lines than are read the last ones are taken, in their order."""
    journal.write(*(f"postfix/qmgr[9]: {number}" for number in range(9)))
    wait_for(lambda: len(log_lines(None, 0)) == 9, 10, "the lines are in the journal")
    monkeypatch.setattr(log_source, "LINES_MAX", 3)

    assert [line[-1] for line in log_lines(None, 0)] == ["6", "7", "8"]


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo hint >&2; echo 'No journal files were opened' >&2; exit 1", "No journal files were opened$"),
        ("exit 3", "exit code 3$"),
        ("kill -9 $$", "exit code -9$"),
        ("exec sleep 60", "not ended within"),
    ],
    ids=["no rights", "no reason", "killed", "hangs"],
)  # fmt: skip
def test_journal_that_cant_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, said: str
) -> None:
    """A journal without rights, and a journalctl that fails or hangs, is a sentence."""
    _journalctl(tmp_path, monkeypatch, script)
    monkeypatch.setattr(log_source, "_JOURNAL_S", 0.5)

    with pytest.raises(PostfixError, match=said):
        log_lines(None, 0)


def test_no_journalctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that can't be run is a sentence as well."""
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(PostfixError, match=r"can't be run: No such file"):
        log_lines(None, 0)
