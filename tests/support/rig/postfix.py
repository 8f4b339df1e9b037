"""A private Postfix: a submission port and a port 25, all mail discarded or put in Maildirs."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Collection, Mapping
from pathlib import Path

from support.rig.process import Process, accepts_connections, free_port, wait_for

_POSTFIX_PROGRAMS = Path("/usr/lib/postfix/sbin")
_MAILDIR_UID = 65534  # nobody; virtual(8) delivers as this user, never as root
_QUEUES = ("maildrop", "incoming", "active", "deferred", "hold")
# Group and mode of the folders in a queue directory, as in /etc/postfix/postfix-files. Making
# them takes `postfix check` two seconds.
_QUEUE_FOLDERS = {
    **dict.fromkeys(
        ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming"),
        ("root", 0o700),
    ),
    **dict.fromkeys(("private", "saved", "trace"), ("root", 0o700)),
    "maildrop": ("postdrop", 0o730),
    "public": ("postdrop", 0o710),
}

MILTER_ADDRESS = "unix:sendlimit/milter.sock"
"""sendlimit's socket as Postfix writes it, relative to the queue: chrooted or not."""

RECOMMENDED_MILTERS = (
    f"{{ {MILTER_ADDRESS}, default_action=accept, "
    "connect_timeout=2s, command_timeout=10s, content_timeout=10s }"
)
"""The entry in smtpd_milters that sendlimit's documentation recommends."""

_MAIN_CF: Mapping[str, str] = {
    "compatibility_level": "3.6",
    "mail_name": "Postfix",
    "myhostname": "mail.example.org",
    "mydestination": "",
    "mynetworks": "",  # else every client here would be trusted: all come from 127.0.0.1
    "inet_interfaces": "127.0.0.1",
    "inet_protocols": "ipv4",
    "alias_maps": "",
    "alias_database": "",
    "local_recipient_maps": "",
    "virtual_mailbox_domains": "example.org",
    "virtual_transport": "discard:",
    "default_transport": "discard:",
    "relay_transport": "discard:",
    "smtp_dns_support_level": "disabled",
    "smtpd_peername_lookup": "no",
    "smtpd_tls_security_level": "none",
    "smtpd_sasl_auth_enable": "yes",
    "smtpd_sasl_type": "dovecot",
    "smtpd_relay_restrictions": "permit_sasl_authenticated, reject_unauth_destination",
    "smtpd_client_connection_count_limit": "0",  # all test clients have one address
    "default_process_limit": "250",
    "service_throttle_time": "1s",  # else a process that ends at once leaves its port mute for 60 s
    "maillog_file_prefixes": "/var, /tmp",
}

_SUBMISSION_OPTIONS: Mapping[str, str] = {
    "syslog_name": "postfix/submission",
    "smtpd_relay_restrictions": "permit_sasl_authenticated, reject",
    "milter_macro_daemon_name": "ORIGINATING",
}

_MASTER_CF = """\
# service type private unpriv chroot wakeup maxproc command
{smtpd}
pickup    unix n - n 60  1 pickup
cleanup   unix n - n -   0 cleanup
qmgr      unix n - n 300 1 qmgr
tlsmgr    unix - - n 1000? 1 tlsmgr
rewrite   unix - - n - - trivial-rewrite
bounce    unix - - n - 0 bounce
defer     unix - - n - 0 bounce
trace     unix - - n - 0 bounce
verify    unix - - n - 1 verify
flush     unix n - n 1000? 0 flush
proxymap  unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp      unix - - n - - smtp
relay     unix - - n - - smtp
showq     unix n - n - - showq
error     unix - - n - - error
retry     unix - - n - - error
discard   unix - - n - - discard
local     unix - n n - - local
virtual   unix - n n - - virtual
lmtp      unix - - n - - lmtp
anvil     unix - - n - 1 anvil
scache    unix - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
"""


class PrivatePostfix:
    """A Postfix with its own configuration, queue and log; several can run side by side.

    Attributes:
        submission_port: relays for authenticated clients only, as port 587.
        smtp_port: takes mail for example.org from every client and offers AUTH, as port 25.
        config_directory: for `postconf -c` and the like.
        milter_socket: absolute path of the socket that MILTER_ADDRESS names.
        maildirs: folder of the Maildirs, `<mailbox>/new` in it.
    """

    def __init__(  # noqa: PLR0913 - what a test may want to be different about Postfix
        self,
        folder: Path,
        *,
        sasl_path: str,
        milters: str = "",
        settings: Mapping[str, str] | None = None,
        submission_options: Mapping[str, str] | None = None,
        smtp_options: Mapping[str, str] | None = None,
        chroot: bool = True,
        maildirs_of: Collection[str] = (),
    ) -> None:
        """Write the configuration and make the folders; nothing is started.

        Args:
            folder: an empty or missing folder whose parents user postfix can enter.
            sasl_path: Dovecot's auth service, as in smtpd_sasl_path.
            milters: value of smtpd_milters.
            settings: further lines of main.cf.
            submission_options: `-o name=value` for the submission service.
            smtp_options: `-o name=value` for the smtp service.
            chroot: whether smtpd is chrooted to the queue, as Debian's default is.
            maildirs_of: mailboxes; if any, mail for example.org goes to their Maildirs.
        """
        self.submission_port = free_port()
        self.smtp_port = free_port()
        self.config_directory = folder / "config"
        self.queue_directory = folder / "queue"
        self.milter_socket = self.queue_directory / "sendlimit" / "milter.sock"
        self.maildirs = folder / "maildirs"
        self.maillog = folder / "maillog"
        self.config_directory.mkdir(parents=True)
        _make_folder(folder / "lib", "postfix", "postfix", 0o700)
        make_queue(self.queue_directory)
        # As the admin makes it: group postfix may pass and owns new sockets, others may not.
        _make_folder(self.milter_socket.parent, "root", "postfix", 0o2750)
        main_cf = {
            **_MAIN_CF,
            "queue_directory": str(self.queue_directory),
            "data_directory": str(folder / "lib"),
            "maillog_file": str(self.maillog),
            "smtpd_sasl_path": sasl_path,
            "smtpd_milters": milters,
        }
        if maildirs_of:
            main_cf |= self._maildir_settings(maildirs_of)
        main_cf |= settings or {}
        (self.config_directory / "main.cf").write_text(
            "".join(f"{name} = {value}\n" for name, value in main_cf.items())
        )
        services = (
            _service(self.smtp_port, smtp_options or {}, chroot=chroot),
            _service(
                self.submission_port,
                {**_SUBMISSION_OPTIONS, **(submission_options or {})},
                chroot=chroot,
            ),
        )
        (self.config_directory / "master.cf").write_text(
            _MASTER_CF.format(smtpd="\n".join(services))
        )
        self.process = Process(
            "postfix master",
            [_POSTFIX_PROGRAMS / "master", "-c", self.config_directory, "-s"],
            folder / "master.log",
        )

    def start(self) -> None:
        """Start Postfix and wait until both ports take connections."""
        _backdate(self.config_directory / "main.cf")
        self.process.start()
        self.process.wait_until(
            lambda: all(map(accepts_connections, (self.submission_port, self.smtp_port))),
            20,
            "listens on both ports",
        )

    def stop(self) -> None:
        """End Postfix."""
        self.process.stop()

    def postconf(self, *words: str) -> str:
        """Run `postconf -c <configuration> words` and return what it prints."""
        argv = ["postconf", "-c", str(self.config_directory), *words]
        return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60).stdout

    def reload(self, open_sessions: int = 0) -> None:
        """Let Postfix read its configuration again and wait until new sessions use it.

        Args:
            open_sessions: SMTP sessions that the caller has open; they keep the old settings.
        """
        old_servers = self.smtp_servers()
        _backdate(self.config_directory / "main.cf")
        self.process.send_signal(signal.SIGHUP)  # what `postfix reload` does, a second faster
        # An idle smtpd of before could still take the next session.
        wait_for(
            lambda: len(old_servers & self.smtp_servers()) <= open_sessions,
            20,
            "end of the smtpd processes that were there before reload",
            self.log_tail,
        )

    def log_lines(self, pattern: str = "") -> list[str]:
        """Return the lines of the mail log in which the regular expression is found."""
        if not self.maillog.exists():
            return []
        lines = self.maillog.read_text(errors="backslashreplace").splitlines()
        return [line for line in lines if re.search(pattern, line)]

    def log_tail(self) -> str:
        """Return the end of the mail log, for messages."""
        return "\n".join(["--- mail log", *self.log_lines()[-40:]])

    def wait_for_log(self, pattern: str, *, count: int = 1, deadline_s: float = 20) -> list[str]:
        """Wait until that many lines of the mail log match; return them."""
        wait_for(
            lambda: len(self.log_lines(pattern)) >= count,
            deadline_s,
            f"{count} log lines with {pattern!r}",
            self.log_tail,
        )
        return self.log_lines(pattern)

    def queue_is_empty(self) -> bool:
        """Tell whether no mail waits in any queue."""
        return not any(
            path.is_file()
            for queue in _QUEUES
            for path in (self.queue_directory / queue).rglob("*")
        )

    def delivered(self, mailbox: str) -> list[Path]:
        """Return the mails in a Maildir, oldest first."""
        return sorted((self.maildirs / mailbox / "new").glob("*"))

    def smtp_servers(self) -> set[int]:
        """Return the process ids of all smtpd processes."""
        master = self.process.pid
        children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
        return {int(pid) for pid in children if _program(pid) in {"smtpd", "master"}}

    def _maildir_settings(self, mailboxes: Collection[str]) -> dict[str, str]:
        _make_folder(self.maildirs, _MAILDIR_UID, _MAILDIR_UID, 0o755)
        table = self.config_directory / "mailboxes"
        table.write_text("".join(f"{mailbox} {mailbox}/\n" for mailbox in mailboxes))
        _backdate(table)
        return {
            "virtual_transport": "virtual:",
            "virtual_mailbox_base": str(self.maildirs),
            "virtual_mailbox_maps": f"texthash:{table}",
            "virtual_uid_maps": f"static:{_MAILDIR_UID}",
            "virtual_gid_maps": f"static:{_MAILDIR_UID}",
        }


def make_queue(folder: Path) -> None:
    """Make a queue directory in which `postfix check` finds nothing to make or to mend."""
    folder.mkdir()
    _make_folder(folder / "pid", "root", "root", 0o755)
    for name, (group, mode) in _QUEUE_FOLDERS.items():
        _make_folder(folder / name, "postfix", group, mode)


def _make_folder(folder: Path, user: str | int, group: str | int, mode: int) -> None:
    folder.mkdir()
    shutil.chown(folder, user, group)
    folder.chmod(mode)


def _backdate(file: Path) -> None:
    """Make a file look old: Postfix waits until it has not changed for a second."""
    some_time_ago = file.stat().st_mtime - 10
    os.utime(file, (some_time_ago, some_time_ago))


def _program(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _service(port: int, options: Mapping[str, str], *, chroot: bool) -> str:
    head = f"127.0.0.1:{port} inet n - {'y' if chroot else 'n'} - - smtpd"
    # Braces, because a value may hold spaces.
    return "\n".join([head, *(f"  -o {{ {name} = {value} }}" for name, value in options.items())])
