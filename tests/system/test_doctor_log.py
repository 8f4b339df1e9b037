"""`sendlimit doctor` beside a real Postfix: mail of logins that flows past sendlimit is found in the log."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.rig.configuration import configuration
from support.rig.counters import in_sqlite
from support.rig.daemon import Sendlimit
from support.rig.dovecot import PrivateDovecot
from support.rig.journal import PrivateJournal
from support.rig.mailboxes import FreshDomain
from support.rig.postfix import RECOMMENDED_MILTERS, PrivatePostfix
from support.rig.process import running, wait_for
from support.rig.smtp import SmtpClient

pytestmark = pytest.mark.postfix

_SETTLES_S = 40


@dataclass
class Mailserver:
    """Port 25 asks sendlimit, the submission service does not."""

    postfix: PrivatePostfix
    sendlimit: Sendlimit

    def mail(self, port: int, login: str) -> None:
        """Send a mail of a login, and wait until Postfix has it in the queue."""
        before = len(self.postfix.log_lines("queue active"))
        with SmtpClient(port, login) as client:
            assert client.send_mail(login, "someone@example.com").is_ok
            client.quit()
        self.postfix.wait_for_log("queue active", count=before + 1)

    def found(self) -> list[dict[str, str]]:
        """Return what the check of the log says."""
        where = f"--config-directory={self.postfix.config_directory}"
        done = self.sendlimit.command("doctor", "--json", "--keep", where)
        assert done.stdout, done.stderr
        return [record for record in json.loads(done.stdout) if record["check"] == "uncounted"]

    def wait_until(self, state: str, text: str) -> dict[str, str]:
        """Wait until the check has this state and this text in its message: mail has to settle."""
        found: list[dict[str, str]] = []

        def is_so() -> bool:
            found[:] = self.found()
            return found[0]["state"] == state and text in found[0]["message"]

        wait_for(is_so, _SETTLES_S, f"{state}: {text}", lambda: str(found))
        return found[0]


def _wait_for_another_second() -> None:
    """Let the log tell what comes now from what was before: it has whole seconds."""
    now = int(time.time())
    wait_for(lambda: int(time.time()) > now, 5, "another second")


@pytest.fixture
def server(folder: Path, dovecot: PrivateDovecot, domain: FreshDomain) -> Iterator[Mailserver]:
    """Both, with a daemon that exempts Bob."""
    with ExitStack() as stack:
        postfix = PrivatePostfix(
            folder / "postfix",
            sasl_path=dovecot.sasl_path,
            milters=RECOMMENDED_MILTERS,
            submission_options={"smtpd_milters": ""},
        )
        store = in_sqlite(folder / "s.db")
        settings = configuration(
            folder,
            postfix.milter_socket,
            store.settings,
            limits={"mailbox": {"messages_per_day": 100}},
            identity={"exempt": [domain.bob]},
        )
        sendlimit = Sendlimit(folder / "sendlimit", settings)
        stack.enter_context(running(sendlimit))
        stack.enter_context(running(postfix))
        _wait_for_another_second()
        yield Mailserver(postfix, sendlimit)


def test_mail_that_flows_past(server: Mailserver, domain: FreshDomain) -> None:
    """Doctor names service and login, keeps it for `status`; a login that is counted or exempt it does not name."""
    postfix = server.postfix
    server.mail(postfix.smtp_port, domain.carol)
    for login in (domain.alice, domain.bob):
        server.mail(postfix.submission_port, login)

    record = server.wait_until("error", domain.alice)

    assert record["code"] == "login-uncounted"
    assert record["subject"] == "postfix/submission/smtpd"
    assert domain.bob not in record["message"]
    assert domain.carol not in record["message"]
    assert "uncounted (postfix/submission/smtpd)" in server.sendlimit.command("status").stdout

    postfix.postconf("-PX", f"127.0.0.1:{postfix.submission_port}/inet/smtpd_milters")
    postfix.reload()
    server.mail(postfix.submission_port, domain.alice)
    server.wait_until("ok", "2, all counted")


def test_journal_alone(
    server: Mailserver, domain: FreshDomain, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where Postfix logs to no file, what flows past is found in systemd's journal."""
    postfix, journal = server.postfix, PrivateJournal(folder / "journal")
    monkeypatch.setenv("PATH", str(journal.commands), prepend=os.pathsep)
    with running(journal):
        postfix.postconf("-e", "maillog_file =")
        assert "have written nothing to the journal" in server.found()[0]["message"]

        server.mail(postfix.submission_port, domain.alice)
        lines = postfix.maillog.read_text().splitlines()
        journal.write(*(line[line.index("postfix/") :] for line in lines))

        record = server.wait_until("error", domain.alice)
        assert "(the journal (SYSLOG_FACILITY=2))" in record["message"]


def test_what_is_left_out(server: Mailserver, domain: FreshDomain) -> None:
    """Mail on a connection from before the daemon's start can't be counted, and is no finding."""
    postfix = server.postfix
    with SmtpClient(postfix.submission_port, domain.alice) as client:
        server.sendlimit.stop()
        server.sendlimit.start()
        _wait_for_another_second()
        assert client.send_mail(domain.alice, "someone@example.com").is_ok
        client.quit()
    postfix.wait_for_log("queue active")
    server.mail(postfix.smtp_port, domain.carol)

    assert server.wait_until("ok", "1, all counted")
