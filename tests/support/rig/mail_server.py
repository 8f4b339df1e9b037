"""A whole mail server with sendlimit, as Debian or ISPConfig sets it up, and what its doctor finds."""

import contextlib
import io
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sendlimit.cli import run
from support.rig import empty_milter
from support.rig.configuration import configuration
from support.rig.counters import Counters, in_mariadb
from support.rig.daemon import CommandResult, Sendlimit
from support.rig.dovecot import PrivateDovecot
from support.rig.mariadb import PrivateMariaDB
from support.rig.postfix import PrivatePostfix
from support.rig.process import Process, accepts_connections, free_port, running, wait_for
from support.rig.smtp import SmtpClient

_FURTHER = "127.0.0.1:2525/inet"
_SETTLES_S = 20
_RIGHTS = "SELECT, INSERT, UPDATE, DELETE"


@dataclass
class MailServer:
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
    def postfix_options(self) -> list[str]:
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
        done = self.sendlimit.command("postfix", word, "--yes", *self.postfix_options)
        assert done.exit_code == 0, done.stderr
        return done

    def findings(self) -> dict[str, dict[str, str]]:
        """Return what the doctor finds, by code; exit code 1 says that it is an error.

        In the tests' own process: that many runs would take longer to start than to look.
        """
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            code = run(
                [
                    "doctor",
                    "--json",
                    f"--config={self.sendlimit.config_file}",
                    *self.postfix_options,
                ]
            )
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
def mail_server(
    folder: Path, dovecot: PrivateDovecot, mariadb: PrivateMariaDB, *, ispconfig: bool
) -> Iterator[MailServer]:
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
        yield MailServer(
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
