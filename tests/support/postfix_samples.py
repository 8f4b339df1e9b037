"""Postfix configurations as they are found on servers, in private folders.

Debian's come from the installed package; ISPConfig's follow what its installer writes.
"""

import os
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from sendlimit.postfix import master_cf as master_cf_text
from sendlimit.postfix.apply import apply_attach, apply_detach
from sendlimit.postfix.attachment import FileChange, plan_attach, plan_detach
from sendlimit.postfix.backup import Backup
from sendlimit.postfix.commands import PostfixCommands
from sendlimit.postfix.files import write_change
from sendlimit.postfix.finding import Finding
from sendlimit.postfix.findings import find_faults
from sendlimit.postfix.main_cf import parameters
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
    """Return master.cf as the package brings it, submission and smtps switched on.

    All of them are chrooted, as in Debian's packages of Postfix before 3.11.
    """
    text = (_PACKAGE / "master.cf.dist").read_text()
    text = re.sub(r"(?m)^(#?\S+ +inet +\S+ +\S+ +)n( .* smtpd)$", r"\1y\2", text)
    for name in ("submission", "submissions", "smtps"):
        block = re.search(rf"(?m)^#{name} +inet .*\n(?:#  .*\n)+", text)
        if block:  # the advice between the options stays a comment, as with an admin's editor
            text = text.replace(block[0], re.sub(rf"(?m)^#(?={name}|  -o )", "", block[0]))
    return text


CONFIGURATIONS = {
    "debian": (debian_main_cf() + AUTH, debian_master_cf(), False),
    "debian-without-newline": (debian_main_cf() + AUTH.rstrip(), debian_master_cf(), False),
    "plain-milters": (f"{AUTH}smtpd_milters = inet:a:1,\n  inet:b:2\n", debian_master_cf(), False),
    "milters-in-braces": (
        f"{AUTH}smtpd_milters = {{ inet:a:1, default_action=accept }}, unix:b\n",
        debian_master_cf(),
        False,
    ),
    "milters-of-a-service": (
        f"{AUTH}smtpd_milters = inet:a:1\n",
        debian_master_cf().replace(
            "  -o smtpd_sasl_auth_enable=yes\n",
            "  -o smtpd_sasl_auth_enable=yes -o { smtpd_milters = { unix:c, default_action=accept }"
            " inet:d:4 }\n",
        ),
        False,
    ),
    "ispconfig-rspamd": (ISPCONFIG_MAIN + RSPAMD, debian_master_cf(), True),
    "ispconfig-amavis": (ISPCONFIG_MAIN, debian_master_cf() + AMAVIS, True),
}
"""Text of main.cf, text of master.cf, and whether there is an ISPConfig."""


@st.composite
def configuration_texts(draw: st.DrawFn, lines: st.SearchStrategy[str], first: str) -> str:
    """Draw a text of such lines after a first one, with or without a newline at its end."""
    text = first + "".join(draw(st.lists(lines, max_size=12)))
    return text if draw(st.booleans()) else text.rstrip("\n")


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
        elsewhere={},
        main_cf=file,
        master_cf=file,
        ispconfig_custom=None,
        mailbox_transports={},
    )


MAIN_CF = Path("/etc/postfix/main.cf")
MASTER_CF = Path("/etc/postfix/master.cf")
ISPCONFIG_CUSTOM = Path("/usr/local/ispconfig/custom")
EFFECTIVE = {
    "milter_mail_macros": "i {auth_authen}",
    "receive_override_options": "",
    "smtpd_authorized_xclient_hosts": "",
    "smtpd_milter_maps": "",
    "smtpd_milters": "",
    "smtpd_proxy_filter": "",
    "smtpd_recipient_restrictions": "",
    "smtpd_sasl_auth_enable": "no",
}
"""What Postfix reads from an empty main.cf."""


def snapshot_from(
    main: str,
    master: str,
    *,
    ispconfig: str | bool = False,
    **facts: Any,  # noqa: ANN401 - any field
) -> Snapshot:
    """Make a Snapshot from settings without references; what master.cf says wins."""
    values = {parameter.name: parameter.value for parameter in parameters(main)}
    services = []
    for text in master_cf_text.services(master):
        options = {option.name: option.value for option in text.options}
        effective = EFFECTIVE | values | options
        services.append(
            SmtpdService(
                key=text.key,
                is_chrooted=True,
                options=options,
                effective={name: effective[name] for name in EFFECTIVE},
            )
        )
    custom = ispconfig if isinstance(ispconfig, str) else None
    snapshot = replace(
        snapshot_of(*services),
        smtpd_milters=values.get("smtpd_milters", ""),
        main_chain=values.get("smtpd_milters", ""),
        non_smtpd_chain=values.get("non_smtpd_milters", ""),
        main_cf=TextFile(path=MAIN_CF, text=main),
        master_cf=TextFile(path=MASTER_CF, text=master),
        ispconfig_custom=None
        if ispconfig is False
        else TextFile(path=ISPCONFIG_CUSTOM, text=custom),
    )
    return replace(snapshot, **facts)


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
