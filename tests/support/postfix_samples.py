"""Postfix configurations as they are found on servers, in private folders.

Debian's come from the installed package; ISPConfig's follow what its installer writes.
"""

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from sendlimit.postfix.apply import apply_attach, apply_detach
from sendlimit.postfix.attachment import FileChange, plan_attach, plan_detach
from sendlimit.postfix.backup import Backup
from sendlimit.postfix.commands import PostfixCommands
from sendlimit.postfix.files import write_change
from sendlimit.postfix.findings import Finding, find_faults
from sendlimit.postfix.snapshot import SmtpdService, Snapshot, TextFile, read_snapshot
from support.rig.postfix import make_queue

_PACKAGE = Path("/usr/share/postfix")

AUTH = "smtpd_sasl_auth_enable = yes\n"

AMAVIS = """
amavis unix - - - - 2 smtp
        -o smtp_data_done_timeout=1200
        -o smtp_send_xforward_command=yes
        -o smtp_bind_address=

127.0.0.1:10025 inet n - n - - smtpd
        -o content_filter=
        -o local_recipient_maps=
        -o smtpd_restriction_classes=
        -o smtpd_client_restrictions=
        -o smtpd_recipient_restrictions=permit_mynetworks,reject
        -o mynetworks=127.0.0.0/8
        -o receive_override_options=no_unknown_recipient_checks,no_header_body_checks
        -o disable_dns_lookups=yes

127.0.0.1:10027 inet n - n - - smtpd
        -o content_filter=
        -o smtpd_recipient_restrictions=permit_mynetworks,reject
        -o mynetworks=127.0.0.0/8
        -o receive_override_options=no_header_body_checks,no_milters
        -o milter_macro_daemon_name=ORIGINATING
"""

ISPCONFIG_MAIN = (
    AUTH
    + """\
broken_sasl_auth_clients = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
milter_protocol = 6
milter_mail_macros = i {mail_addr} {client_addr} {client_name} {auth_authen}
milter_default_action = accept
"""
)

RSPAMD = "smtpd_milters = inet:localhost:11332\nnon_smtpd_milters = inet:localhost:11332\n"


def debian_main_cf() -> str:
    """Return main.cf as the package brings it; it has no SASL yet."""
    return (_PACKAGE / "main.cf.debian").read_text()


def debian_master_cf() -> str:
    """Return master.cf as the package brings it, submission and smtps switched on."""
    text = (_PACKAGE / "master.cf.dist").read_text()
    for name in ("submission", "submissions", "smtps"):
        block = re.search(rf"(?m)^#{name} +inet .*\n(?:#  .*\n)+", text)
        if block:  # the advice between the options stays a comment, as with an admin's editor
            text = text.replace(block[0], re.sub(rf"(?m)^#(?={name}|  -o )", "", block[0]))
    return text


def snapshot_of(*services: SmtpdService) -> Snapshot:
    """Return a Postfix of Debian's with these services and without milters."""
    file = TextFile(path=Path("/etc/postfix/main.cf"), text="")
    return Snapshot(
        config_directory=Path("/etc/postfix"),
        is_chosen=False,
        version="3.7.11",
        queue_directory=Path("/var/spool/postfix"),
        multi_instance_directories="",
        smtpd_milters="",
        main_chain="",
        non_smtpd_chain="",
        services=services,
        main_cf=file,
        master_cf=file,
        ispconfig_custom=None,
    )


@dataclass
class Instance:
    """A Postfix configuration in a private folder, that is never started.

    Attributes:
        config_directory: of main.cf and master.cf.
        socket: milter.socket of sendlimit's configuration.
        state_dir: sendlimit's.
        ispconfig: where ISPConfig is, or isn't.
    """

    config_directory: Path
    socket: str
    state_dir: Path
    ispconfig: Path

    @property
    def main_cf(self) -> Path:
        """The file."""
        return self.config_directory / "main.cf"

    @property
    def master_cf(self) -> Path:
        """The file."""
        return self.config_directory / "master.cf"

    @property
    def ispconfig_custom(self) -> Path:
        """ISPConfig's file for settings of the admin's."""
        return self.ispconfig / "server/conf-custom/install/postfix_custom.conf.master"

    def age(self) -> None:
        """Date main.cf back, as if the admin had written it long ago."""
        _age(self.main_cf)

    def snapshot(self) -> Snapshot:
        """Read the configuration."""
        self.age()
        return read_snapshot(self.config_directory, self.ispconfig)

    def attach(self) -> None:
        """Attach sendlimit."""
        snapshot = self.snapshot()
        plan = plan_attach(snapshot, self.socket)
        if plan.changes:
            apply_attach(snapshot, plan, self.socket, self.state_dir)

    def detach(self) -> tuple[str, ...]:
        """Take sendlimit out; return the plan's notes."""
        snapshot = self.snapshot()
        plan = plan_detach(snapshot, Backup(self.state_dir, self.config_directory).files)
        apply_detach(snapshot, plan, self.state_dir)
        return plan.notes

    def faults(self) -> tuple[Finding, ...]:
        """Find what is wrong."""
        return find_faults(self.snapshot(), self.socket)

    def chains(self) -> dict[str, str]:
        """Return smtpd_milters of each smtpd service as Postfix sees it, by service."""
        return {
            service.key: service.effective["smtpd_milters"] for service in self.snapshot().services
        }

    def postconf(self, *words: str) -> str:
        """Run postconf on this configuration."""
        self.age()
        return PostfixCommands(self.config_directory).postconf(*words)

    def content(self) -> dict[str, tuple[bytes, int, int, int]]:
        """Return bytes, mode, owner and group of each file of Postfix's and ISPConfig's."""
        files = [*self.config_directory.iterdir(), *self.ispconfig.rglob("*")]
        return {
            str(path): (
                path.read_bytes() if path.is_file() else b"",
                path.stat().st_mode,
                path.stat().st_uid,
                path.stat().st_gid,
            )
            for path in files
        }


def write_aged(change: FileChange) -> None:
    """Do what write_change does, and let the next postconf read the file without a wait."""
    write_change(change)
    _age(change.path)


def _age(file: Path) -> None:
    """Date a file back: postconf waits while it has changed within the last two seconds."""
    if file.exists():
        os.utime(file, (0, 0))


def make_instance(folder: Path, main_cf: str, master_cf: str, *, ispconfig: bool) -> Instance:
    """Write a configuration.

    Args:
        folder: an empty one whose parents user postfix can enter.
        main_cf: text of the file; the folders that Postfix needs are set before it.
        master_cf: text of the file.
        ispconfig: whether there is an ISPConfig.
    """
    instance = Instance(
        config_directory=folder / "config",
        socket=f"unix:{folder}/queue/sendlimit/milter.sock",
        state_dir=folder / "state",
        ispconfig=folder / "ispconfig",
    )
    for made in ("config", "lib", "state"):
        (folder / made).mkdir()
    make_queue(folder / "queue")
    shutil.chown(folder / "lib", "postfix")
    if ispconfig:
        (instance.ispconfig / "server").mkdir(parents=True)
    instance.main_cf.write_text(
        f"queue_directory = {folder}/queue\ndata_directory = {folder}/lib\n{main_cf}"
    )
    instance.master_cf.write_text(master_cf)
    instance.age()
    return instance
