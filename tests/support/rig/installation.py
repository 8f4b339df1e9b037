"""An installation on a scratch system: a release, Debian's Postfix, the daemon as its user."""

import contextlib
import hashlib
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from support.rig.process import (
    Process,
    accepts_connections,
    free_port,
    private_folder,
    running,
    wait_for,
)
from support.rig.scratch_system import ScratchSystem
from support.rig.smtp import SmtpClient

RELEASE = "/srv/sendlimit"
"""Where the release is in a scratch system."""

INSTALL = f"{RELEASE}/script/install"
"""The program that installs it."""

OFFLINE = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/srv/distributions"}
"""Variables with which pip takes what was downloaded before, and nothing from elsewhere."""

ALICE = "alice@example.org"
"""A mailbox of the private Dovecot."""

_ROOT = Path(__file__).parents[3]
_RELEASED = ("LICENSE", "etc", "ispconfig", "milter", "pyproject.toml", "script", "sql", "systemd")
_LOCKS = ("requirements-build.lock", "requirements-run.lock", "requirements-web.lock")
_SOCKET = "/var/spool/postfix/sendlimit/milter.sock"
_MAIN_CF = """\
compatibility_level = 3.6
myhostname = mail.example.org
mydestination =
mynetworks =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
default_transport = discard:
smtp_dns_support_level = disabled
smtpd_peername_lookup = no
smtpd_tls_security_level = none
smtpd_relay_restrictions = permit_sasl_authenticated, reject
maillog_file = /var/log/sendlimit-test.log
"""


def download() -> Path:
    """Return a folder with the files that the lock files name, downloaded once a checkout."""
    digest = hashlib.sha256(b"".join((_ROOT / lock).read_bytes() for lock in _LOCKS)).hexdigest()
    folder = _ROOT / "build" / f"distributions-{digest[:12]}"
    if not folder.exists():
        unfinished = folder.with_name(f"{folder.name}.{secrets.token_hex(4)}")
        pip = [sys.executable, "-m", "pip", "--python", "/usr/bin/python3", "--quiet"]
        for lock in _LOCKS:
            subprocess.run(
                [
                    *(*pip, "download", "--require-hashes", "--no-deps"),
                    *("--requirement", _ROOT / lock, "--dest", unfinished),
                ],
                check=True,
                timeout=250,
            )
        unfinished.rename(folder)
    return folder


@contextlib.contextmanager
def unpacked_release() -> Iterator[Path]:
    """Make what a release unpacks to: without git and what development leaves around."""
    with private_folder("release") as folder:
        for name in (*_RELEASED, *_LOCKS):
            source = _ROOT / name
            if source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(source, folder / name, ignore=ignored)
            else:
                shutil.copy2(source, folder / name)
        yield folder


@contextlib.contextmanager
def scratch_system(release: Path, distributions: Path) -> Iterator[ScratchSystem]:
    """Run a copy of this system that has the release and the downloaded files in it."""
    with private_folder("scratch") as folder:
        (folder / "mounted").mkdir()
        with running(ScratchSystem(folder / "mounted")) as system:
            shutil.copytree(release, system.path(RELEASE))
            _configure_postfix(system)
            system.bind(distributions, OFFLINE["PIP_FIND_LINKS"])
            yield system


def _configure_postfix(system: ScratchSystem) -> None:
    """Replace what this machine's admin made of Postfix, who may have made nothing of it yet."""
    system.path("/etc/postfix/main.cf").write_text(_MAIN_CF)
    master_cf = system.path("/etc/postfix/master.cf.proto").read_text()
    system.path("/etc/postfix/master.cf").write_text(master_cf)


@dataclass
class ScratchServer:
    """A system with Debian's Postfix, whose queue and files are where Debian has them.

    Attributes:
        system: runs; installing and Postfix are up to the test.
        folder: for the daemon's log, on this machine.
        submission_port: offers AUTH, on this machine's loopback.
    """

    system: ScratchSystem
    folder: Path
    submission_port: int

    def start_postfix(self) -> None:
        """Start it and wait until it takes connections."""
        self.system.run("postfix", "start")
        wait_for(lambda: accepts_connections(self.submission_port), 20, "Postfix listens")

    def daemon(self, env: Mapping[str, str] | None = None) -> Process:
        """Describe the daemon as systemd would run it: as its user, with no other groups."""
        user = ("setpriv", "--reuid=sendlimit", "--regid=sendlimit", "--clear-groups")
        bounds = ("--bounding-set=-all", "--inh-caps=-all", "--no-new-privs")
        argv = [*user, *bounds, "/usr/local/bin/sendlimit", "serve"]
        return self.system.daemon("sendlimit", argv, self.folder / "sendlimit.log", env or {})

    @contextlib.contextmanager
    def running_daemon(self) -> Iterator[Process]:
        """Run the daemon; it must end in good order."""
        daemon = self.daemon()
        try:
            daemon.start()
            daemon.wait_until(lambda: accepts_connections(self.socket), 20, "takes connections")
            yield daemon
            assert daemon.stop() == 0
        finally:
            daemon.kill()

    @property
    def socket(self) -> Path:
        """The milter socket, for this process."""
        return self.system.path(_SOCKET)

    def send(self, count: int) -> list[int]:
        """Send mails as Alice and return the codes of the replies."""
        with SmtpClient(self.submission_port, ALICE) as client:
            codes = [client.send_mail(ALICE, "someone@example.com").code for _ in range(count)]
            client.quit()
        return codes


def server_on(system: ScratchSystem, folder: Path, sasl_path: str) -> ScratchServer:
    """Give the system Debian's Postfix with a submission service that offers AUTH.

    Args:
        system: runs.
        folder: for the daemon's log.
        sasl_path: Dovecot's auth service, as in smtpd_sasl_path.
    """
    port = free_port()
    with system.path("/etc/postfix/main.cf").open("a") as main_cf:
        main_cf.write(f"smtpd_sasl_type = dovecot\nsmtpd_sasl_path = {sasl_path}\n")
    master_cf = system.path("/etc/postfix/master.cf")
    submission = f"127.0.0.1:{port} inet n - y - - smtpd\n  -o smtpd_sasl_auth_enable=yes\n"
    master_cf.write_text(
        re.sub(r"^smtp +inet .*\n", submission, master_cf.read_text(), flags=re.MULTILINE)
    )
    return ScratchServer(system, folder, port)


def files_of(system: ScratchSystem) -> dict[str, bytes]:
    """Return what is where an installation could leave something: content of files in /etc."""
    found: dict[str, bytes] = {}
    for top in ("/etc", "/opt", "/usr/local", "/var/lib", "/var/spool"):
        base = system.path(top)
        for path in base.rglob("*"):
            name = f"{top}/{path.relative_to(base)}"
            is_text = top == "/etc" and path.is_file() and not path.is_symlink()
            found[name] = path.read_bytes() if is_text else b""
    return found


def traces(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> set[str]:
    """Return what is new, gone or different; without what others write meanwhile."""
    names = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    # Copies that the programs for users make; what a running Postfix and Python itself write.
    ignored = re.compile(
        r"/etc/(?:passwd|group|shadow|gshadow)-$|/etc/\.pwd\.lock$"
        r"|/var/(?:lib|spool)/postfix/(?!sendlimit)|.*/__pycache__(?:/|$)"
    )
    return {name for name in names if not ignored.match(name)}


def put_built(system: ScratchSystem, built: Path) -> None:
    """Spare a test the time that building takes."""
    shutil.copytree(built, system.path("/opt/sendlimit") / built.name, symlinks=True)


def put_older(system: ScratchSystem, built: Path) -> None:
    """Turn the release into one of version 0.0.1, and put what was built there as that."""
    module = Path("milter/sendlimit/__init__.py")
    _set_version(system.path(f"{RELEASE}/{module}"))
    name = re.search(r"would build (\S+)", system.run(INSTALL, "--dry-run").stdout)
    assert name is not None
    older = system.path(f"/opt/sendlimit/{name[1]}")
    shutil.copytree(built, older, symlinks=True)
    _set_version(next(older.glob("lib/python3*/site-packages/sendlimit/__init__.py")))
    program = older / "bin/sendlimit"
    program.write_text(program.read_text().replace(built.name, name[1]))


def _set_version(module: Path) -> None:
    text = re.sub(r"^(__version__ = ).*", r'\1"0.0.1"', module.read_text(), flags=re.MULTILINE)
    module.write_text(text)
