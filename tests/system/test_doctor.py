"""`sendlimit doctor` on a whole server: content when mail is limited, and the canary."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from sendlimit.doctor.canary import CANARY
from support.rig.configuration import configuration
from support.rig.counters import Counters
from support.rig.daemon import Sendlimit
from support.rig.dovecot import PrivateDovecot
from support.rig.mail_server import MailServer, mail_server
from support.rig.mailboxes import FreshDomain
from support.rig.mariadb import PrivateMariaDB
from support.rig.process import running

_BOTH_PORTS = ("submission_port", "smtp_port")
_LIMIT = 3


@pytest.fixture(params=[False, True], ids=["debian", "ispconfig"])
def server(
    request: pytest.FixtureRequest,
    folder: Path,
    dovecot: PrivateDovecot,
    mariadb: PrivateMariaDB,
) -> Iterator[MailServer]:
    """A server of each kind."""
    with mail_server(folder, dovecot, mariadb, ispconfig=request.param) as server:
        yield server


@pytest.mark.postfix
@pytest.mark.mariadb
def test_attached_and_limited(server: MailServer, domain: FreshDomain) -> None:
    """Attached, both ports are limited, also after ISPConfig's update; the doctor is content.

    Detached, every file is byte for byte what it was.
    """
    before = server.files()
    name = "mailbox.messages_per_day"
    assert server.sendlimit.command("limit", "set", "*", name, str(_LIMIT)).exit_code == 0
    assert set(server.findings()) == {"not-attached", "no-mail"}

    server.postfix_command("attach")

    sent = [server.mail(port, domain.alice) for port in (*_BOTH_PORTS, *_BOTH_PORTS)]
    assert sent == [250, 250, 250, 450]
    _update_ispconfig(server)
    assert [server.mail(port, domain.alice) for port in _BOTH_PORTS] == [450, 450]
    assert [server.mail(port, domain.bob) for port in _BOTH_PORTS] == [250, 250]
    server.store.wait_until_used("*", _LIMIT + 2)
    report = server.sendlimit.command("doctor", "--canary", *server.postfix_options)
    assert report.exit_code == 0, report.stdout
    states = {line.split()[0] for line in report.stdout.splitlines()}
    assert (states, report.stderr) == ({"ok"}, "")
    assert server.store.used() == _LIMIT + 2

    server.postfix_command("detach")

    assert server.files() == before
    assert server.mail("submission_port", domain.alice) == 250


def _update_ispconfig(server: MailServer) -> None:
    """Do what ISPConfig does at an update: its milters, then each line of the admin's file."""
    lines = [
        line
        for file in server.ispconfig.rglob("postfix_custom.conf.master")
        for line in file.read_text().splitlines()
    ]
    assert bool(lines) == bool(server.filter_address)
    if lines:
        address = server.filter_address
        for setting in (f"smtpd_milters={address}", f"non_smtpd_milters={address}", *lines):
            server.postfix.postconf("-e", setting)
        server.postfix.reload()


def test_canary(folder: Path, store: Counters) -> None:
    """The canary is counted and given back, exactly; where it is not counted, that is said."""
    settings = configuration(folder, folder / "s", store.settings)
    daemon = Sendlimit(folder / "sendlimit", settings)
    assert daemon.command("db", "init").exit_code == 0
    with running(daemon):
        assert _canary(daemon) == ("ok", None)
        assert [row[0] for row in store.query(_CANARY_ROWS, CANARY)] == [0]
        assert store.used() == 0

        limit = ("*", "global.messages_per_day")
        assert daemon.command("limit", "set", *limit, "0").exit_code == 0
        assert _canary(daemon) == ("warning", "canary-refused")
        assert daemon.command("limit", "unset", *limit).exit_code == 0

        other = {"url": f"sqlite:///{folder}/other.db"}
        daemon.write_config(configuration(folder, folder / "s", other))
        assert daemon.command("db", "init").exit_code == 0
        assert _canary(daemon) == ("error", "canary-uncounted")


_CANARY_ROWS = "SELECT used FROM er_counter WHERE subject = %s"


def _canary(daemon: Sendlimit) -> tuple[str, str | None]:
    """Let the canary fly; return state and code of what was found."""
    done = daemon.command("doctor", "--canary", "--json")
    (record,) = (one for one in json.loads(done.stdout) if one["check"] == "canary")
    return record["state"], record["code"]
