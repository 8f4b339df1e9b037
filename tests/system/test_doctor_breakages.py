"""`sendlimit doctor` on a server that is broken: it finds what, and what it says mends it."""

import shlex
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.rig.dovecot import PrivateDovecot
from support.rig.mail_server import MailServer, mail_server
from support.rig.mailboxes import FreshDomain
from support.rig.mariadb import PrivateMariaDB
from support.rig.process import running


@pytest.fixture(scope="module")
def attached(
    module_folder: Path, dovecot: PrivateDovecot, unused_domains: Iterator[FreshDomain]
) -> Iterator[MailServer]:
    """An attached server like ISPConfig's, on which a limit holds and a mail was sent."""
    with (
        running(PrivateMariaDB(module_folder / "mariadb")) as mariadb,
        mail_server(module_folder, dovecot, mariadb, ispconfig=True) as server,
    ):
        server.postfix_command("attach")
        limit = ("limit", "set", "*", "mailbox.messages_per_day", "100")
        assert server.sendlimit.command(*limit).exit_code == 0
        assert server.mail("submission_port", next(unused_domains).alice) == 250
        yield server


Step = Callable[[MailServer], object]


@dataclass(frozen=True)
class Breakage:
    """One way to break a server.

    Attributes:
        code: what the doctor finds.
        remedy: what it says, in part; it is run where `mend` is None.
        damage: breaks the server.
        mend: does what the remedy says, where that is not one command that can be run here.
    """

    code: str
    remedy: str
    damage: Step
    mend: Step | None = None


def _service_option(option: str) -> tuple[Step, Step]:
    """Return how to set an option of the submission service, and how to take it out."""
    name = option.partition("=")[0]

    def damage(server: MailServer) -> None:
        server.postfix.postconf("-P", f"{server.submission}/{option}")

    def mend(server: MailServer) -> None:
        server.postfix.postconf("-PX", f"{server.submission}/{name}")

    return damage, mend


def _revoke_delete(server: MailServer) -> None:
    server.mariadb.query(f"REVOKE DELETE ON {server.account}.* FROM {server.account}@'%'")


def _limit_external(server: MailServer, **settings: str) -> None:
    """Set a limit on external mail, and change main.cf."""
    server.sendlimit.command("limit", "set", *_EXTERNAL, "1000")
    for name, value in settings.items():
        server.postfix.postconf("-e", f"{name} = {value}")


def _forget_external(server: MailServer, *settings: str) -> None:
    server.sendlimit.command("limit", "unset", *_EXTERNAL)
    for name in settings:
        server.postfix.postconf("-X", name)


_EXTERNAL = ("*", "mailbox.external_recipients_per_day")
BREAKAGES = {
    "mailboxes-external": Breakage(
        "local-transports",
        'counting.local_transports = ["local", "virtual", "lmtp", "discard"]',
        _limit_external,
        _forget_external,
    ),
    "rcpt-macros": Breakage(
        "rcpt-macros",
        "milter_rcpt_macros = i {rcpt_mailer}",
        lambda server: _limit_external(server, milter_rcpt_macros="i"),
        lambda server: _forget_external(server, "milter_rcpt_macros"),
    ),
    "daemon-stopped": Breakage(
        "daemon",
        "systemctl start sendlimit",
        lambda server: server.sendlimit.stop(),
        lambda server: server.sendlimit.start(),
    ),
    "socket-mode": Breakage(
        "unreachable",
        "chmod 0660",
        lambda server: server.postfix.milter_socket.chmod(0o600),
    ),
    "socket-directory": Breakage(
        "unreachable",
        "chgrp postfix",
        lambda server: server.postfix.milter_socket.parent.chmod(0o2700),
    ),
    "not-last": Breakage(
        "not-last",
        "sendlimit postfix attach",
        lambda server: server.edit_chain("10s }", "10s } inet:127.0.0.1:1"),
    ),
    "removed-from-a-service": Breakage(
        "not-attached",
        "sendlimit postfix attach",
        lambda server: server.postfix.postconf("-PX", f"{server.submission}/smtpd_milters"),
    ),
    "macros": Breakage(
        "macros",
        "{auth_authen}",
        lambda server: server.postfix.postconf("-e", "milter_mail_macros = i {mail_addr}"),
    ),
    "no_milters": Breakage(
        "bypass",
        "take no_milters",
        *_service_option("receive_override_options=no_milters"),
    ),
    "left-out": Breakage(
        "re-entry",
        "/smtpd_sasl_auth_enable=no' && postfix",
        lambda server: server.add_service("smtpd_milters="),
        lambda server: server.remove_service(),
    ),
    "xclient": Breakage(
        "not-attached",
        "sendlimit postfix attach",
        lambda server: server.add_service(
            "smtpd_sasl_auth_enable=no", "smtpd_authorized_xclient_hosts=127.0.0.1"
        ),
    ),
    "client-certificates": Breakage(
        "open-relay",
        "let them log in",
        lambda server: server.postfix.postconf(
            "-e",
            "smtpd_relay_restrictions = permit_tls_clientcerts, check_client_access static:ok,"
            " permit_sasl_authenticated, reject_unauth_destination",
        ),
        lambda server: server.postfix.postconf(
            "-e",
            "smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination",
        ),
    ),
    "proxy-filter": Breakage(
        "proxy-filter",
        "use content_filter or a milter",
        *_service_option("smtpd_proxy_filter=127.0.0.1:9"),
    ),
    "open-network": Breakage(
        "open-network",
        "mynetworks = 127.0.0.0/8",
        lambda server: server.postfix.postconf(
            "-e",
            "mynetworks = 127.0.0.0/8 192.0.2.0/24",
            "smtpd_recipient_restrictions = permit_mynetworks",
        ),
        lambda server: server.postfix.postconf("-e", "mynetworks = 127.0.0.0/8"),
    ),
    "database-gone": Breakage(
        "database",
        "systemctl start mariadb",
        lambda server: server.mariadb.stop(),
        lambda server: server.mariadb.start(),
    ),
    "newer-tables": Breakage(
        "schema",
        "install the newer sendlimit",
        lambda server: server.store.query("INSERT INTO er_schema_version (version) VALUES (99)"),
        lambda server: server.store.query("DELETE FROM er_schema_version WHERE version = 99"),
    ),
    "grant": Breakage("rights", "sendlimit db init --admin-url", _revoke_delete),
    "password-file": Breakage(
        "secret-mode",
        "chmod o= ",
        lambda server: server.password_file.chmod(0o644),
    ),
    "config-file": Breakage(
        "config-mode",
        "chmod o-w ",
        lambda server: server.sendlimit.config_file.chmod(0o646),
    ),
    "config-wrong": Breakage(
        "config",
        "as the message says",
        lambda server: server.configure(mode="enforced"),
        lambda server: server.configure(),
    ),
    "observe": Breakage(
        "observe",
        'set mode = "enforce"',
        lambda server: server.configure(mode="observe"),
        lambda server: server.configure(),
    ),
    "not-reloaded": Breakage(
        "old-limits",
        "systemctl reload sendlimit",
        lambda server: server.configure(limits={"global": {"messages_per_day": 999}}),
        lambda server: server.configure(),
    ),
    "nothing-limited": Breakage(
        "nothing-limited",
        "sendlimit limit set",
        lambda server: server.sendlimit.command("limit", "unset", "*", "mailbox.messages_per_day"),
    ),
}


@pytest.mark.postfix
@pytest.mark.mariadb
@pytest.mark.parametrize("breakage", BREAKAGES.values(), ids=BREAKAGES)
def test_breakage(attached: MailServer, breakage: Breakage) -> None:
    """Each breakage is found with what mends it, and mended by that."""
    breakage.damage(attached)

    found = attached.findings()

    assert breakage.code in found
    remedy = found[breakage.code]["remedy"]
    assert breakage.remedy in remedy
    if breakage.mend is None:
        _run(attached, remedy)
    else:
        breakage.mend(attached)
    attached.wait_until_green()


def _run(server: MailServer, remedy: str) -> None:
    """Run a remedy as an admin does, who says yes when asked."""
    words = shlex.split(remedy)
    if words[:3] == ["sendlimit", "postfix", "attach"]:
        server.postfix_command("attach")
    elif words[0] == "sendlimit":
        done = server.sendlimit.command(*words[1:])
        assert done.exit_code == 0, done.stderr
    else:
        subprocess.run(["bash", "-c", remedy.rpartition("then: ")[2]], check=True, timeout=60)
