"""`sendlimit doctor` on a whole server: green when mail is limited, and right about what is not."""

import contextlib
import io
import json
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sendlimit.cli import run
from sendlimit.doctor.canary import CANARY
from support.rig import empty_milter
from support.rig.configuration import configuration
from support.rig.counters import Counters, in_mariadb
from support.rig.daemon import CommandResult, Sendlimit
from support.rig.dovecot import PrivateDovecot
from support.rig.mailboxes import FreshDomain
from support.rig.mariadb import PrivateMariaDB
from support.rig.postfix import PrivatePostfix
from support.rig.process import Process, accepts_connections, free_port, running, wait_for
from support.rig.smtp import SmtpClient

_BOTH_PORTS = ("submission_port", "smtp_port")
_LIMIT = 3
_FURTHER = "127.0.0.1:2525/inet"
_SETTLES_S = 20
_RIGHTS = "SELECT, INSERT, UPDATE, DELETE"


@dataclass
class Server:
    """A mail server: Postfix, MariaDB and the daemon, set up as Debian or ISPConfig does it.

    Attributes:
        filter_address: the milter in smtpd_milters, as ISPConfig writes it; empty: none.
        ispconfig: the folder that ISPConfig would be in.
        settings: of sendlimit's file, as they should be.
        account: user and database of the daemon.
    """

    postfix: PrivatePostfix
    mariadb: PrivateMariaDB
    store: Counters
    sendlimit: Sendlimit
    filter_address: str
    ispconfig: Path
    settings: dict[str, Any]
    account: str
    password_file: Path

    @property
    def places(self) -> list[str]:
        """Options that say which Postfix and which ISPConfig are meant."""
        return [
            f"--config-directory={self.postfix.config_directory}",
            f"--ispconfig-directory={self.ispconfig}",
        ]

    @property
    def submission(self) -> str:
        """The submission service as Postfix names it."""
        return f"127.0.0.1:{self.postfix.submission_port}/inet"

    def postfix_command(self, word: str) -> CommandResult:
        """Attach or detach."""
        done = self.sendlimit.command("postfix", word, "--yes", *self.places)
        assert done.exit_code == 0, done.stderr
        return done

    def findings(self) -> dict[str, dict[str, str]]:
        """Return what the doctor finds, by code; exit code 1 says that it is an error.

        In the tests' own process: that many runs would take longer to start than to look.
        """
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            code = run(["doctor", "--json", f"--config={self.sendlimit.config_file}", *self.places])
        records = json.loads(printed.getvalue())
        assert code == any(record["state"] == "error" for record in records)
        return {record["code"]: record for record in records if record["state"] != "ok"}

    def wait_until_green(self) -> None:
        """Wait until the doctor finds nothing: the daemon comes back to the database by itself."""
        found: dict[str, dict[str, str]] = {}

        def is_green() -> bool:
            found.clear()
            found.update(self.findings())
            return not found

        wait_for(is_green, _SETTLES_S, "the doctor finds nothing", lambda: str(found))

    def mail(self, port: str, login: str) -> int:
        """Send an authenticated mail; return the code of the reply that decides."""
        with SmtpClient(getattr(self.postfix, port), login) as client:
            reply = client.send_mail(login, "someone@example.com")
            client.quit()
        return reply.code

    def edit_chain(self, old: str, new: str) -> None:
        """Change sendlimit's own parameter of main.cf."""
        chain = self.postfix.postconf("-h", "sendlimit_milters").strip()
        assert old in chain
        self.postfix.postconf("-e", f"sendlimit_milters = {chain.replace(old, new)}")

    def add_service(self, *options: str) -> None:
        """Add a further smtpd service on loopback to master.cf; it is not started."""
        words = " ".join(f"-o {option}" for option in options)
        service = f"{_FURTHER}=127.0.0.1:2525 inet n - y - - smtpd {words}"
        self.postfix.postconf("-Me", service)

    def remove_service(self) -> None:
        """Take the further service out."""
        self.postfix.postconf("-MX", _FURTHER)

    def configure(self, **changes: object) -> None:
        """Write sendlimit's file, other than it should be; the daemon does not notice."""
        self.sendlimit.write_config({**self.settings, **changes})

    def files(self) -> dict[Path, tuple[bytes, int]]:
        """Return bytes and mode of each file of Postfix's configuration and ISPConfig's."""
        files = [*self.postfix.config_directory.rglob("*"), *self.ispconfig.rglob("*")]
        return {file: (file.read_bytes(), file.stat().st_mode) for file in files if file.is_file()}


@contextlib.contextmanager
def _server(
    folder: Path, dovecot: PrivateDovecot, mariadb: PrivateMariaDB, *, ispconfig: bool
) -> Iterator[Server]:
    """Start a server with sendlimit installed and not attached."""
    with contextlib.ExitStack() as stack:
        address = _start_filter(stack, folder) if ispconfig else ""
        postfix = PrivatePostfix(
            folder / "postfix",
            sasl_path=dovecot.sasl_path,
            milters=address,
            settings=_ispconfig_settings(address) if ispconfig else None,
            smtp_options={"smtpd_sasl_auth_enable": "yes"},
            submission_options={"smtpd_sasl_auth_enable": "yes"},
        )
        if ispconfig:
            (folder / "ispconfig/server").mkdir(parents=True)
        name = f"doctor_{'ispconfig' if ispconfig else 'debian'}_{free_port()}"
        database = mariadb.create_database(name, name, "secret", rights=_RIGHTS)
        store = in_mariadb(mariadb, database)
        settings = configuration(folder, postfix.milter_socket, store.settings)
        sendlimit = Sendlimit(folder / "sendlimit", settings)
        stack.enter_context(running(sendlimit))
        stack.enter_context(running(postfix))
        yield Server(
            postfix=postfix,
            mariadb=mariadb,
            store=store,
            sendlimit=sendlimit,
            filter_address=address,
            ispconfig=folder / "ispconfig",
            settings=settings,
            account=name,
            password_file=database.password_file,
        )


def _start_filter(stack: contextlib.ExitStack, folder: Path) -> str:
    """Start a milter in the place of rspamd; return it as Postfix names it."""
    port = free_port()
    argv = [sys.executable, empty_milter.__file__, f"inet:{port}@127.0.0.1"]
    milter = Process("filter", argv, folder / "filter.log")
    stack.callback(milter.kill)  # libmilter takes up to 5 s to end in good order
    milter.start()
    milter.wait_until(lambda: accepts_connections(port), 20, f"listens on {port}")
    return f"inet:127.0.0.1:{port}"  # not localhost: this chroot has no /etc/hosts


def _ispconfig_settings(filter_address: str) -> dict[str, str]:
    return {
        "non_smtpd_milters": filter_address,
        "milter_mail_macros": "i {mail_addr} {client_addr} {client_name} {auth_authen}",
        "milter_default_action": "accept",
    }


@pytest.fixture(params=[False, True], ids=["debian", "ispconfig"])
def server(
    request: pytest.FixtureRequest,
    folder: Path,
    dovecot: PrivateDovecot,
    mariadb: PrivateMariaDB,
) -> Iterator[Server]:
    """A server of each kind."""
    with _server(folder, dovecot, mariadb, ispconfig=request.param) as server:
        yield server


@pytest.mark.postfix
@pytest.mark.mariadb
def test_attached_and_limited(server: Server, domain: FreshDomain) -> None:
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
    report = server.sendlimit.command("doctor", "--canary", *server.places)
    assert report.exit_code == 0, report.stdout
    states = {line.split()[0] for line in report.stdout.splitlines()}
    assert (states, report.stderr) == ({"ok"}, "")
    assert server.store.used() == _LIMIT + 2

    server.postfix_command("detach")

    assert server.files() == before
    assert server.mail("submission_port", domain.alice) == 250


def _update_ispconfig(server: Server) -> None:
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


@pytest.fixture(scope="module")
def attached(
    module_folder: Path, dovecot: PrivateDovecot, unused_domains: Iterator[FreshDomain]
) -> Iterator[Server]:
    """An attached server like ISPConfig's, on which a limit holds and a mail was sent."""
    with (
        running(PrivateMariaDB(module_folder / "mariadb")) as mariadb,
        _server(module_folder, dovecot, mariadb, ispconfig=True) as server,
    ):
        server.postfix_command("attach")
        limit = ("limit", "set", "*", "mailbox.messages_per_day", "100")
        assert server.sendlimit.command(*limit).exit_code == 0
        assert server.mail("submission_port", next(unused_domains).alice) == 250
        yield server


Step = Callable[[Server], object]


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

    def damage(server: Server) -> None:
        server.postfix.postconf("-P", f"{server.submission}/{option}")

    def mend(server: Server) -> None:
        server.postfix.postconf("-PX", f"{server.submission}/{name}")

    return damage, mend


def _revoke_delete(server: Server) -> None:
    server.mariadb.query(f"REVOKE DELETE ON {server.account}.* FROM {server.account}@'%'")


def _limit_external(server: Server, **settings: str) -> None:
    """Set a limit on external mail, and change main.cf."""
    server.sendlimit.command("limit", "set", *_EXTERNAL, "1000")
    for name, value in settings.items():
        server.postfix.postconf("-e", f"{name} = {value}")


def _forget_external(server: Server, *settings: str) -> None:
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
def test_breakage(attached: Server, breakage: Breakage) -> None:
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


def _run(server: Server, remedy: str) -> None:
    """Run a remedy as an admin does, who says yes when asked."""
    words = shlex.split(remedy)
    if words[:3] == ["sendlimit", "postfix", "attach"]:
        server.postfix_command("attach")
    elif words[0] == "sendlimit":
        done = server.sendlimit.command(*words[1:])
        assert done.exit_code == 0, done.stderr
    else:
        subprocess.run(["bash", "-c", remedy.rpartition("then: ")[2]], check=True, timeout=60)


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
