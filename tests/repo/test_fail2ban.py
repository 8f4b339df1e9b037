"""etc/fail2ban with the real fail2ban-regex: who is banned by what the daemon logs."""

import logging
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sendlimit.daemon.refusal_log import MERGED_S, RefusalLog
from sendlimit.maillog import Refusal
from sendlimit.rules.mailbox import Sender
from support.counting_samples import usage_of

_FILTER = Path(__file__).parents[2] / "etc" / "fail2ban" / "filter.d" / "sendlimit.conf"
_COMMON = Path("/etc/fail2ban/filter.d/common.conf")
_RESETS = datetime(2026, 11, 23, tzinfo=UTC)


class Log:
    """The daemon's log of refusals, as journald and rsyslog write it."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        """Begin at second 0, each refusal a line."""
        self.now = 0.0
        self.refusals = RefusalLog(lambda: self.now)
        self._caplog = caplog
        caplog.set_level(logging.INFO, logger="sendlimit")

    def refuse(
        self,
        mailbox: str,
        client: str,
        *,
        limit: str = "mailbox.messages_per_day",
        sender: str = "a@example.org",
        refused: bool = True,
    ) -> None:
        """Refuse a mail."""
        usage = usage_of(limit, 100, 100, Sender(mailbox, "example.org"))
        self.refusals.refused(Refusal(usage, mailbox, client, sender, _RESETS, refused))

    @property
    def text(self) -> str:
        """All lines."""
        prefix = "Nov 22 12:00:00 mx1 sendlimit[4242]: INFO "
        return "".join(f"{prefix}{message}\n" for message in self._caplog.messages)


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Log:
    """An empty log."""
    return Log(caplog)


def _banned(log: Log, folder: Path) -> list[str]:
    """Return the address of each line that fail2ban counts as a failure."""
    (folder / "filter.d").mkdir()
    for file in (_FILTER, _COMMON):
        shutil.copy(file, folder / "filter.d")
    (folder / "mail.log").write_text(log.text)
    done = subprocess.run(
        ["fail2ban-regex", "-c", folder, "-o", "ip", folder / "mail.log", folder / "filter.d" / "sendlimit.conf"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert not done.stderr, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize("merged", [False, True])
def test_an_office_is_spared(log: Log, tmp_path: Path, *, merged: bool) -> None:
    """An address whose outboxes keep retrying for two mailboxes is never counted."""
    log.refusals.merged = merged
    for second in range(0, 3 * int(MERGED_S), 5):
        log.now = second
        log.refusals.tick()
        log.refuse("alice@example.org", "192.0.2.7")
        log.refuse("bob@example.org", "192.0.2.7")
    log.refusals.close()

    assert len(log.text.splitlines()) == (8 if merged else 72)
    assert _banned(log, tmp_path) == []


@pytest.mark.parametrize("merged", [False, True])
@pytest.mark.parametrize("client", ["203.0.113.9", "2001:db8::9"])
def test_a_thief_with_several_passwords(
    log: Log, tmp_path: Path, client: str, *, merged: bool
) -> None:
    """An address that is refused for the third mailbox of its own limit is counted from then on."""
    log.refusals.merged = merged
    for mailbox in ("alice", "bob", "carol", "dave dee", "carol"):
        log.refuse(f"{mailbox}@example.org", client)
    log.refusals.close()

    assert _banned(log, tmp_path) == [client] * 3


def test_limits_of_others(log: Log, tmp_path: Path) -> None:
    """Who is behind a reached limit of the domain or the server is no thief; nor is anybody in observe mode."""
    for mailbox in ("alice", "bob", "carol", "dave"):
        log.refuse(f"{mailbox}@example.org", "192.0.2.7", limit="global.messages_per_day")
        log.refuse(f"{mailbox}@example.org", "192.0.2.7", limit="domain.messages_per_day")
        log.refuse(f"{mailbox}@example.org", "192.0.2.8", refused=False)

    assert _banned(log, tmp_path) == []


def test_a_forged_line(log: Log, tmp_path: Path) -> None:
    """A reverse path can't bring another address into the log as the client."""
    for text in (
        "x client=198.51.100.1 sender=a scope=mailbox subject=a b client_mailboxes=9",
        'x" client=198.51.100.1 sender=a scope=mailbox subject=a b client_mailboxes=9',
        "x\nNov 22 12:00:00 mx1 sendlimit[1]: INFO refused mailbox=a client=198.51.100.1",
    ):
        log.refuse("alice@example.org", "192.0.2.7", sender=text)

    assert _banned(log, tmp_path) == []


def test_clients_without_an_address(log: Log, tmp_path: Path) -> None:
    """A client whose address is not known bans no one."""
    for mailbox in ("alice", "bob", "carol"):
        log.refuse(f"{mailbox}@example.org", "unknown")

    assert _banned(log, tmp_path) == []
