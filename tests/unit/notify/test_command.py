"""The command of notify.command: real programs, which also hang, fork and fail."""

import re
import subprocess
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from sendlimit.notify.command import CommandRoute
from sendlimit.notify.notices import Event, Notice
from sendlimit.notify.outbox import DeliveryError, Outbox
from sendlimit.rules.mailbox import Sender
from sendlimit.rules.suspicion import Reason, Suspension
from support.counting_samples import ALICE, NOON, UTC, usage_of
from support.doubles.events import RecordingEvents
from support.rig.mariadb import Database
from support.rig.process import wait_for

_CLIENTS = ("203.0.113.9", "2001:db8::7")
_SUSPENSION = Suspension(
    ALICE, Reason.CLIENT_ADDRESSES, 10, _CLIENTS, NOON, NOON + 60, 3600, observe=False
)
_SUSPENDED = Notice("1f", Event.SUSPENDED, NOON, sender=ALICE, suspension=_SUSPENSION)
_DOCUMENT = (Path(__file__).parents[3] / "docs" / "notifications.md").read_text()


class Script:
    """A shell script in a folder of the test."""

    def __init__(self, folder: Path, text: str, timeout_s: float = 20) -> None:
        """Write it; "OUT" in it is the file of out."""
        self.out = folder / "out"
        file = folder / "on-notice"
        file.write_text(text.replace("OUT", str(self.out)))
        file.chmod(0o755)
        self.route = CommandRoute([str(file), "an argument"], timeout_s, UTC)

    def failure(self, notice: Notice = _SUSPENDED) -> DeliveryError:
        """Run it; return how it failed."""
        with pytest.raises(DeliveryError) as failure:
            self.route.deliver(notice)
        return failure.value


def test_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command has what the notice has, its arguments, and nothing else of the daemon's."""
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/secret")
    script = Script(tmp_path, '#!/bin/sh\n{ echo "$1"; pwd; env; } > OUT\n')
    script.route.deliver(_SUSPENDED)

    argument, directory, *lines = script.out.read_text().splitlines()
    assert (argument, directory) == ("an argument", "/")
    values = dict(line.split("=", 1) for line in lines)
    assert values["SENDLIMIT_EVENT"] == "suspended"
    assert values["SENDLIMIT_MAILBOX"] == "alice@example.org"
    assert values["SENDLIMIT_CLIENTS"] == "203.0.113.9 2001:db8::7"
    assert (values["SENDLIMIT_REASON"], values["SENDLIMIT_NUMBER"]) == ("client-addresses", "10")
    assert values["SENDLIMIT_UNTIL"] == "2026-11-22T12:01:00Z"
    assert "PATH" in values
    assert "CREDENTIALS_DIRECTORY" not in values


def test_foreign_text(tmp_path: Path) -> None:
    """A login with line breaks, quotes and NUL is one line of one variable, and no shell reads it."""
    login = 'a\n"$(touch OUT)"\0;x@example.org'
    sender = Sender(login, "example.org")
    exceeded = usage_of("mailbox.messages_per_day", 100, 100, sender)
    script = Script(tmp_path, '#!/bin/sh\nprintf %s "$SENDLIMIT_MAILBOX" > OUT\n')
    script.route.deliver(Notice("1f", Event.WARNING, NOON, sender=sender, exceeded=exceeded))

    assert script.out.read_text() == 'a "$(touch OUT)"?;x@example.org'


def test_observe_mode(tmp_path: Path) -> None:
    """Nothing of observe mode is run, but for a test."""
    route = Script(tmp_path, "#!/bin/sh\n").route
    assert route.takes(_SUSPENDED)
    assert not route.takes(replace(_SUSPENDED, observe=True))
    assert route.takes(Notice("1f", Event.TEST, NOON, observe=True))


@pytest.mark.parametrize(
    ("text", "reason", "is_permanent"),
    [
        ("#!/bin/sh\necho no such table >&2\nexit 1\n", "exit code 1: no such table", True),
        (
            "#!/bin/sh\nprintf 'a\\033[2Jb\\n\\377' >&2\nexit 3\n",
            "exit code 3: a?[2Jb \N{REPLACEMENT CHARACTER}",
            True,
        ),
        ("#!/bin/sh\nexit 75\n", "exit code 75", False),
        ("#!/bin/sh\nkill -9 $$\n", "signal 9", True),
        ("#!/nonexistent\n", "can't be run: No such file or directory", True),
        ("no program", "can't be run: Exec format error", True),
        ("#!/bin/sh\nhead -c 1000000 /dev/zero >&2\nexit 1\n", f"exit code 1: {'?' * 200}", True),
    ],
)
def test_failure(tmp_path: Path, text: str, reason: str, is_permanent: bool) -> None:  # noqa: FBT001 - a table
    """A command that fails is said with what it wrote; only an exit code of 75 is worth another try."""
    failure = Script(tmp_path, text).failure()
    assert (str(failure), failure.is_permanent) == (reason, is_permanent)


def test_missing_command() -> None:
    """A command that is not there is no fault of the daemon."""
    with pytest.raises(DeliveryError, match=r"^can't be run: No such file or directory$"):
        CommandRoute(["/nonexistent/command"], 1, UTC).deliver(_SUSPENDED)


def _is_gone(pid: str) -> bool:
    try:
        state = (Path("/proc") / pid / "stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state == "Z"


def _wait_until_gone(pids: str) -> None:
    """A killed process loses its environment, by which it is found, some time before it is gone."""
    for pid in pids.split():
        wait_for(partial(_is_gone, pid), 20, f"the end of process {pid}")


def test_a_command_that_hangs(tmp_path: Path) -> None:
    """What does not end in time is killed with all that it started, whatever signals it ignores."""
    text = "#!/bin/sh\ntrap '' TERM\nsleep 600 &\necho $$ $! > OUT\nwhile :; do sleep 600; done\n"
    script = Script(tmp_path, text, timeout_s=0.5)

    assert str(script.failure()) == "killed after 0.5 s"
    _wait_until_gone(script.out.read_text())


def test_a_command_that_forks(tmp_path: Path) -> None:
    """A child that keeps the outputs open holds nothing up, and is killed when its parent ends."""
    script = Script(tmp_path, "#!/bin/sh\nsleep 600 &\necho $! > OUT\n")
    script.route.deliver(_SUSPENDED)

    _wait_until_gone(script.out.read_text())


def test_a_command_that_leaves_its_process_group(tmp_path: Path) -> None:
    """What the command has put into sessions of their own, one out of the other, is killed, too."""
    text = "#!/bin/sh\nsetsid sh -c 'setsid sleep 600 & echo $! >> OUT; sleep 600' &\n"
    text += "while [ ! -s OUT ]; do sleep 0.05; done\n"
    script = Script(tmp_path, text)
    script.route.deliver(_SUSPENDED)

    _wait_until_gone(script.out.read_text())


def test_the_daemon_ends(tmp_path: Path) -> None:
    """A command that runs when the daemon ends is killed after the time that a stop waits."""
    script = Script(tmp_path, "#!/bin/sh\nsetsid sleep 600 &\necho $$ $! > OUT\nsleep 600\n", 600)
    outbox = Outbox(script.route, RecordingEvents())
    outbox.put(_SUSPENDED)
    wait_for(lambda: script.out.exists() and script.out.read_text(), 20, "the command runs")
    outbox.close()
    outbox.join(0.1)

    _wait_until_gone(script.out.read_text())


# the examples of docs/notifications.md


def _example(heading: str) -> str:
    blocks: list[str] = re.findall(r"^```sh\n(.*?)^```", _DOCUMENT, re.MULTILINE | re.DOTALL)
    (found,) = [block for block in blocks if heading in block]
    return found


@pytest.mark.mariadb
def test_example_that_locks_a_password(tmp_path: Path, database: Database) -> None:
    """The first example locks the password of this login alone, whatever is in its name."""
    options = tmp_path / "lock.cnf"
    options.write_text(
        f"[client]\nsocket={database.socket}\nuser={database.user}\n"
        f"password={database.password}\ndatabase={database.name}\nskip-ssl\n"
    )
    options.chmod(0o600)

    def sql(statement: str) -> str:
        words = ["mariadb", f"--defaults-extra-file={options}", "-N", "-e", statement]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout

    odd = "o'neil\"; DROP TABLE mail_user; --@example.org"
    sql("CREATE TABLE mail_user (login VARCHAR(255), disablesmtp ENUM('n', 'y') DEFAULT 'n')")
    names = ", ".join(
        f"(0x{name.encode().hex()})" for name in (ALICE.mailbox, "b@example.org", odd)
    )
    sql(f"INSERT INTO mail_user (login) VALUES {names}")  # noqa: S608 - hexadecimal digits
    script = Script(tmp_path, _example("lock the password").replace("/etc/sendlimit/lock.cnf", str(options)))  # fmt: skip
    for mailbox in (ALICE.mailbox, odd):
        sender = Sender(mailbox, "example.org")
        notice = replace(_SUSPENDED, suspension=_SUSPENSION._replace(sender=sender))
        script.route.deliver(notice)

    assert sql("SELECT disablesmtp FROM mail_user").split() == ["y", "n", "y"]
    sql("DROP TABLE mail_user")
    failure = script.failure()
    assert not failure.is_permanent
    assert "mail_user" in str(failure)


def test_example_for_fail2ban(tmp_path: Path) -> None:
    """The second example writes what its jail reads: each client once, and nothing for other events."""
    log = tmp_path / "suspended-clients.log"
    text = _example("name the clients").replace(
        "/var/lib/sendlimit/suspended-clients.log", str(log)
    )
    script = Script(tmp_path, text)
    script.route.deliver(_SUSPENDED)
    script.route.deliver(Notice("1f", Event.STORE_BACK, NOON))
    pattern = re.search(r"^failregex = (.*)$", _DOCUMENT, re.MULTILINE)
    assert pattern is not None

    found = subprocess.run(
        ["fail2ban-regex", "-o", "ip", log, pattern[1]], capture_output=True, text=True, check=True
    )
    assert found.stdout.split() == [*_CLIENTS]
