"""Attach to a running Postfix that is set up as ISPConfig does it, and detach again."""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.rig import empty_milter
from support.rig.daemon import CommandResult, Sendlimit
from support.rig.dovecot import PrivateDovecot
from support.rig.postfix import PrivatePostfix
from support.rig.process import Process, accepts_connections, free_port
from support.rig.smtp import SmtpClient

pytestmark = pytest.mark.postfix

_ALICE = "alice@example.org"
_BOTH_PORTS = ("submission_port", "smtp_port")


@dataclass
class _Server:
    """A running Postfix with a filter in the place of rspamd, and sendlimit's command.

    Attributes:
        postfix: running, chrooted.
        filter_address: what stands in smtpd_milters, as ISPConfig writes it.
        filter: the milter there.
        milter: one on sendlimit's socket; both print what they see at MAIL.
        ispconfig: the folder that ISPConfig would be in.
        sendlimit: configured, never started.
    """

    postfix: PrivatePostfix
    filter_address: str
    filter: Process
    milter: Process
    ispconfig: Path
    sendlimit: Sendlimit

    def command(self, word: str, *options: str) -> CommandResult:
        """Run `sendlimit postfix WORD` for this Postfix; wait until Postfix has reloaded."""
        reloads = len(self.postfix.log_lines("reload -- version"))
        directories = {
            "--config-directory": str(self.postfix.config_directory),
            "--ispconfig-directory": str(self.ispconfig),
        }
        words = [part for option in directories.items() for part in option]
        done = self.sendlimit.command("postfix", word, *options, *words)
        if "has read its configuration again" in done.stderr:
            self.postfix.wait_for_log("reload -- version", count=reloads + 1)
        return done

    def send(self) -> dict[str, tuple[bool, bool]]:
        """Send an authenticated mail on both ports; return whether filter and milter saw it."""
        seen: dict[str, tuple[bool, bool]] = {}
        for port in _BOTH_PORTS:
            before = [len(self.logins(milter)) for milter in (self.filter, self.milter)]
            with SmtpClient(getattr(self.postfix, port), _ALICE) as client:
                assert client.send_mail(_ALICE, "someone@example.com").code == 250
                client.quit()
            after = [len(self.logins(milter)) for milter in (self.filter, self.milter)]
            seen[port] = (after[0] > before[0], after[1] > before[1])
        return seen

    def files(self) -> dict[Path, tuple[bytes, int]]:
        """Return bytes and mode of each file of Postfix's configuration and ISPConfig's."""
        files = [*self.postfix.config_directory.rglob("*"), *self.ispconfig.rglob("*")]
        return {file: (file.read_bytes(), file.stat().st_mode) for file in files if file.is_file()}

    @staticmethod
    def logins(milter: Process) -> list[str]:
        """Return who was logged in at each MAIL that a milter has seen."""
        return [json.loads(line)["{auth_authen}"] for line in milter.log_text().splitlines()]


@pytest.fixture
def server(folder: Path, dovecot: PrivateDovecot) -> Iterator[_Server]:
    """Postfix with a filter in smtpd_milters and non_smtpd_milters, and an ISPConfig."""
    port = free_port()
    address = f"inet:127.0.0.1:{port}"  # not localhost: this chroot has no /etc/hosts
    postfix = PrivatePostfix(
        folder / "postfix",
        sasl_path=dovecot.sasl_path,
        milters=address,
        settings={
            "non_smtpd_milters": address,
            "milter_mail_macros": "i {mail_addr} {client_addr} {client_name} {auth_authen}",
        },
    )
    ispconfig = folder / "ispconfig"
    (ispconfig / "server").mkdir(parents=True)
    sendlimit = Sendlimit(
        folder / "sendlimit",
        {
            "state_dir": str(folder / "state"),
            "milter": {"socket": f"unix:{postfix.milter_socket}"},
        },
    )
    filter_ = _start_milter(folder / "filter.log", f"inet:{port}@127.0.0.1", port)
    socket = postfix.milter_socket
    milter = _start_milter(folder / "milter.log", str(socket), socket)
    postfix.start()
    yield _Server(postfix, address, filter_, milter, ispconfig, sendlimit)
    postfix.stop()
    filter_.kill()  # libmilter takes up to 5 s to end in good order
    milter.kill()


def _start_milter(log: Path, address: str, place: Path | int) -> Process:
    milter = Process(log.stem, [sys.executable, empty_milter.__file__, address], log)
    milter.start()
    milter.wait_until(lambda: accepts_connections(place), 20, f"listens on {place}")
    return milter


def test_attached_for_good(server: _Server) -> None:
    """Mail is seen on both ports, also after ISPConfig's own postconf; detach leaves no trace."""
    before = server.files()
    assert server.send() == dict.fromkeys(_BOTH_PORTS, (True, False))

    attached = server.command("attach", "--yes")

    assert attached.exit_code == 0, attached.stderr
    assert server.send() == dict.fromkeys(_BOTH_PORTS, (True, True))
    assert set(server.logins(server.milter)) == {_ALICE}
    assert server.command("status").exit_code == 0
    assert "already" in server.command("attach").stderr

    # What ISPConfig does at an update: its milters, then each line of the admin's file.
    for setting in (
        f"smtpd_milters={server.filter_address}",
        f"non_smtpd_milters={server.filter_address}",
        *next(server.ispconfig.rglob("postfix_custom.conf.master")).read_text().splitlines(),
    ):
        server.postfix.postconf("-e", setting)
    server.postfix.reload()

    assert server.send() == dict.fromkeys(_BOTH_PORTS, (True, True))
    assert server.command("status").exit_code == 0

    detached = server.command("detach", "--yes")

    assert detached.exit_code == 0, detached.stderr
    assert server.send() == dict.fromkeys(_BOTH_PORTS, (True, False))
    assert server.files() == before
    assert list(server.ispconfig.rglob("*")) == [server.ispconfig / "server"]


def test_admin_leaves_rspamd(server: _Server) -> None:
    """When ISPConfig takes its filter out, sendlimit goes on alone and no mail is held up."""
    assert server.command("attach", "--yes").exit_code == 0

    server.postfix.postconf("-X", "smtpd_milters", "non_smtpd_milters")
    server.filter.kill()
    server.postfix.reload()

    assert server.send() == dict.fromkeys(_BOTH_PORTS, (False, True))
    assert server.command("status").exit_code == 0


def test_milter_that_is_down(server: _Server) -> None:
    """While nothing listens on sendlimit's socket all mail passes."""
    assert server.command("attach", "--yes").exit_code == 0

    server.milter.kill()

    assert server.send() == dict.fromkeys(_BOTH_PORTS, (True, False))


def test_broken_configuration(server: _Server) -> None:
    """A Postfix whose configuration is broken is left as it is."""
    server.postfix.postconf("-e", "mail_owner=nobody-there")
    broken = server.files()

    done = server.command("attach", "--yes")

    assert done.exit_code == 1
    assert "nobody-there" in done.stderr
    assert server.files() == broken
