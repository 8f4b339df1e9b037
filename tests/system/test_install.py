"""Install on a copy of this system, limit mail with it, upgrade it, and take it off again."""

import contextlib
import hashlib
import re
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from rig.configuration import calendar
from rig.dovecot import PrivateDovecot
from rig.mariadb import PrivateMariaDB
from rig.process import Process, accepts_connections, free_port, private_folder, running, wait_for
from rig.scratch_system import ScratchSystem
from rig.smtp import SmtpClient
from sendlimit import __version__

_ROOT = Path(__file__).parents[2]
_RELEASED = ("LICENSE", "etc", "milter", "pyproject.toml", "script", "sql", "systemd")
_LOCKS = ("requirements-build.lock", "requirements-run.lock")
_RELEASE = "/srv/sendlimit"
_INSTALL = f"{_RELEASE}/script/install"
_UNINSTALL_OF_RELEASE = f"{_RELEASE}/script/uninstall"
_UNINSTALL = "/opt/sendlimit/script/uninstall"
_SOCKET = "/var/spool/postfix/sendlimit/milter.sock"
_OFFLINE = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/srv/distributions"}

_ALICE = "alice@example.org"

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


@pytest.fixture(scope="module")
def distributions() -> Path:
    """Folder with the files that the lock files name, downloaded once a checkout."""
    digest = hashlib.sha256(b"".join((_ROOT / lock).read_bytes() for lock in _LOCKS)).hexdigest()
    folder = _ROOT / "build" / f"distributions-{digest[:12]}"
    if not folder.exists():
        unfinished = folder.with_name(f"{folder.name}.{secrets.token_hex(4)}")
        pip = [sys.executable, "-m", "pip", "--python", "/usr/bin/python3", "--quiet"]
        for lock in _LOCKS:
            subprocess.run(
                [
                    *(*pip, "download", "--require-hashes", "--no-deps", "--no-build-isolation"),
                    *("--requirement", _ROOT / lock, "--dest", unfinished),
                ],
                check=True,
                timeout=110,
            )
        unfinished.rename(folder)
    return folder


@pytest.fixture(scope="module")
def release() -> Iterator[Path]:
    """An unpacked release: without git and without what development leaves around."""
    with private_folder("release") as folder:
        for name in (*_RELEASED, *_LOCKS):
            source = _ROOT / name
            if source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(source, folder / name, ignore=ignored)
            else:
                shutil.copy2(source, folder / name)
        yield folder


@pytest.fixture(scope="module")
def built(release: Path, distributions: Path) -> Iterator[Path]:
    """Folder of the program as a first installation builds it, for further installations."""
    with private_folder("built") as kept, _scratch_system(release, distributions) as system:
        system.run(_INSTALL, "--no-attach", env=_OFFLINE)
        current = system.path("/opt/sendlimit/current")
        shutil.copytree(
            current.parent / current.readlink(), kept / current.readlink(), symlinks=True
        )
        yield kept / current.readlink()


@pytest.fixture
def system(release: Path, distributions: Path) -> Iterator[ScratchSystem]:
    """A copy of this system with the release in it; nothing is installed."""
    with _scratch_system(release, distributions) as system:
        yield system


@contextlib.contextmanager
def _scratch_system(release: Path, distributions: Path) -> Iterator[ScratchSystem]:
    with private_folder("scratch") as folder:
        (folder / "mounted").mkdir()
        with running(ScratchSystem(folder / "mounted")) as system:
            shutil.copytree(release, system.path(_RELEASE))
            system.bind(distributions, _OFFLINE["PIP_FIND_LINKS"])
            yield system


@dataclass
class _Server:
    """A system with Debian's Postfix, whose queue and files are where Debian has them."""

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
        with SmtpClient(self.submission_port, _ALICE) as client:
            codes = [client.send_mail(_ALICE, "someone@example.com").code for _ in range(count)]
            client.quit()
        return codes


@pytest.fixture
def server(system: ScratchSystem, folder: Path, dovecot: PrivateDovecot) -> _Server:
    """Debian's Postfix with a submission service that offers AUTH; nothing is started."""
    port = free_port()
    sasl = f"smtpd_sasl_type = dovecot\nsmtpd_sasl_path = {dovecot.sasl_path}\n"
    system.path("/etc/postfix/main.cf").write_text(_MAIN_CF + sasl)
    master_cf = system.path("/etc/postfix/master.cf.proto").read_text()
    submission = f"127.0.0.1:{port} inet n - y - - smtpd\n  -o smtpd_sasl_auth_enable=yes\n"
    master_cf = re.sub(r"^smtp +inet .*\n", submission, master_cf, flags=re.MULTILINE)
    system.path("/etc/postfix/master.cf").write_text(master_cf)
    return _Server(system, folder, port)


def _files(system: ScratchSystem) -> dict[str, bytes]:
    """Return what is where an installation could leave something: content of files in /etc."""
    found: dict[str, bytes] = {}
    for top in ("/etc", "/opt", "/usr/local", "/var/lib", "/var/spool"):
        base = system.path(top)
        for path in base.rglob("*"):
            name = f"{top}/{path.relative_to(base)}"
            is_text = top == "/etc" and path.is_file() and not path.is_symlink()
            found[name] = path.read_bytes() if is_text else b""
    return found


def _traces(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> set[str]:
    """Return what is new, gone or different; without what others write meanwhile."""
    names = {name for name in {*before, *after} if before.get(name) != after.get(name)}
    # Copies that the programs for users make; what a running Postfix and Python itself write.
    ignored = re.compile(
        r"/etc/(?:passwd|group|shadow|gshadow)-$|/etc/\.pwd\.lock$"
        r"|/var/(?:lib|spool)/postfix/(?!sendlimit)|.*/__pycache__(?:/|$)"
    )
    return {name for name in names if not ignored.match(name)}


def _mode(system: ScratchSystem, path: str) -> str:
    return system.run("stat", "--format=%U:%G %a", path).stdout.strip()


def _put_built(system: ScratchSystem, built: Path) -> None:
    """Spare a test the time that building takes."""
    shutil.copytree(built, system.path("/opt/sendlimit") / built.name, symlinks=True)


def _put_older(system: ScratchSystem, built: Path) -> None:
    """Turn the release into one of version 0.0.1, and put what was built there as that."""
    module = Path("milter/sendlimit/__init__.py")
    _set_version(system.path(f"{_RELEASE}/{module}"))
    name = re.search(r"would build (\S+)", system.run(_INSTALL, "--dry-run").stdout)
    assert name is not None
    older = system.path(f"/opt/sendlimit/{name[1]}")
    shutil.copytree(built, older, symlinks=True)
    _set_version(next(older.glob("lib/python3*/site-packages/sendlimit/__init__.py")))
    program = older / "bin/sendlimit"
    program.write_text(program.read_text().replace(built.name, name[1]))


def _set_version(module: Path) -> None:
    text = re.sub(r"^(__version__ = ).*", r'\1"0.0.1"', module.read_text(), flags=re.MULTILINE)
    module.write_text(text)


@pytest.mark.postfix
def test_mail_is_limited_across_an_upgrade_and_in_the_end_nothing_is_left(
    server: _Server, built: Path, release: Path
) -> None:
    """Installed, it limits; upgraded, it still knows; uninstalled, all is as it was."""
    system = server.system
    before = _files(system)
    _put_older(system, built)

    installed = system.run(_INSTALL, env=_OFFLINE).stdout

    assert "attach sendlimit to Postfix" in installed
    assert "start: no systemd runs here" in installed
    config = system.path("/etc/sendlimit/sendlimit.toml")
    start = calendar()["day_starts_at"]  # far from now, so that no day ends during the test
    config.write_text(
        config.read_text().replace("[calendar]", f'[calendar]\nday_starts_at = "{start}"')
    )
    server.start_postfix()
    with server.running_daemon():
        system.run("sendlimit", "limit", "set", _ALICE, "mailbox.messages_per_day", "2")
        assert server.send(3) == [250, 250, 450]
    settings = config.read_bytes()

    assert system.run("sendlimit", "--version").stdout == "sendlimit 0.0.1\n"
    shutil.rmtree(system.path(_RELEASE))
    shutil.copytree(release, system.path(_RELEASE))
    _put_built(system, built)
    upgraded = system.run(_INSTALL, env=_OFFLINE).stdout

    assert "keep /etc/sendlimit/sendlimit.toml" in upgraded
    assert system.run("sendlimit", "--version").stdout == f"sendlimit {__version__}\n"
    assert list(system.path("/opt/sendlimit").glob("0.0.1-*")) == []
    assert config.read_bytes() == settings
    with server.running_daemon():
        assert server.send(1) == [450]
    after_detach = system.run(_UNINSTALL).stdout

    assert "Postfix has read its configuration again" in after_detach
    assert server.send(1) == [250]
    kept = _traces(before, _files(system))
    own = ("/etc/sendlimit", "/var/lib/sendlimit")
    users = {f"/etc/{name}" for name in ("passwd", "group", "shadow", "gshadow")}
    assert {name for name in kept - users if not name.startswith(own)} == set()
    assert "/var/lib/sendlimit/sendlimit.db" in kept
    assert config.read_bytes() == settings

    # As an admin does who has uninstalled before: there is no installed uninstall any more.
    system.run(_UNINSTALL_OF_RELEASE, "--purge")

    assert _traces(before, _files(system)) == set()


def test_systemd_hears_when_it_is_ready_and_that_it_lives(server: _Server, built: Path) -> None:
    """READY=1 comes when the socket answers, WATCHDOG=1 again and again, STOPPING=1 at the end."""
    _put_built(server.system, built)
    server.system.run(_INSTALL, "--no-attach", env=_OFFLINE)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        address = f"sendlimit-test-{secrets.token_hex(8)}"
        systemd.bind(f"\0{address}")
        systemd.settimeout(20)
        daemon = server.daemon({"NOTIFY_SOCKET": f"@{address}", "WATCHDOG_USEC": "400000"})
        daemon.start()
        try:
            assert systemd.recv(100) == b"READY=1"
            assert accepts_connections(server.socket)
            assert [systemd.recv(100) for _ in range(3)] == [b"WATCHDOG=1"] * 3
            assert daemon.stop() == 0
            while (state := systemd.recv(100)) == b"WATCHDOG=1":
                pass
            assert state == b"STOPPING=1"
        finally:
            daemon.kill()


def test_owners_and_modes_let_in_who_must_and_nobody_else(
    system: ScratchSystem, built: Path
) -> None:
    """The daemon's user makes its socket, Postfix's connects to it, others reach nothing."""
    _put_built(system, built)

    system.run(_INSTALL, "--no-attach", env=_OFFLINE)

    modes = {
        "/etc/sendlimit": "root:sendlimit 750",
        "/etc/sendlimit/sendlimit.toml": "root:sendlimit 640",
        "/etc/sendlimit/store.password": "root:sendlimit 640",
        "/var/lib/sendlimit": "sendlimit:sendlimit 750",
        "/var/lib/sendlimit/sendlimit.db": "sendlimit:sendlimit 660",
        "/var/spool/postfix/sendlimit": "sendlimit:postfix 2750",
        "/opt/sendlimit/current/bin/sendlimit": "root:root 755",
    }
    assert {path: _mode(system, path) for path in modes} == modes
    units = ["sendlimit.service", "sendlimit-purge.service", "sendlimit-purge.timer"]
    verdict = system.run("systemd-analyze", "verify", "--man=no", *units).stdout
    assert [line for line in verdict.splitlines() if "sendlimit" in line] == []
    assert system.run("systemctl", "is-enabled", units[0], units[2]).stdout == "enabled\nenabled\n"


@pytest.mark.mariadb
def test_mariadb_is_set_up_through_its_root_socket_and_dropped_on_demand(
    server: _Server, built: Path, mariadb: PrivateMariaDB
) -> None:
    """--mariadb makes database, user and password; --purge --mariadb leaves none of them."""
    system = server.system
    _put_built(system, built)
    system.bind(mariadb.socket, "/run/mysqld/mysqld.sock")
    try:
        installed = system.run(_INSTALL, "--mariadb", "--no-attach", env=_OFFLINE).stdout

        assert "can log in and has the rights it needs" in installed
        with server.running_daemon():
            assert "ERROR" not in system.run("sendlimit", "check").stdout
        upgraded = system.run(_INSTALL, "--no-attach", env=_OFFLINE).stdout
        assert "the tables are as this release needs them" in upgraded
    finally:
        removed = system.run(_UNINSTALL, "--purge", "--mariadb").stdout

    assert "drop the MariaDB database sendlimit, user sendlimit" in removed
    assert mariadb.query("SHOW DATABASES LIKE 'sendlimit'") == []
    assert mariadb.query("SELECT User FROM mysql.user WHERE User = 'sendlimit'") == []


def test_a_dry_run_says_what_would_be_done_and_does_nothing(system: ScratchSystem) -> None:
    """Not one file is different afterwards."""
    before = _files(system)

    said = (
        system.run(_INSTALL, "--dry-run").stdout
        + system.run(_UNINSTALL_OF_RELEASE, "--dry-run", "--purge").stdout
    )

    for words in ("build ", "write /etc/sendlimit/sendlimit.toml", "make or upgrade the tables"):
        assert f"would {words}" in said
    assert _traces(before, _files(system)) == set()


@pytest.mark.parametrize(
    ("preparation", "command", "exit_code", "words"),
    [
        ("true", f"{_INSTALL} --mariadb", 1, "no MariaDB listens on /run/mysqld/mysqld.sock"),
        ("sed -i /^postfix:/d /etc/group", _INSTALL, 1, "install Postfix first"),
        ("postconf -e queue_directory=/srv/q", _INSTALL, 1, "queue_directory is /srv/q"),
        ("chmod 755 /srv", f"setpriv --reuid=nobody {_INSTALL}", 1, "run it as root"),
        ("true", f"{_INSTALL} --attach", 2, "usage: script/install"),
        ("true", f"{_UNINSTALL_OF_RELEASE} --root", 1, "--root needs a folder"),
    ],
)
def test_what_it_cannot_do_is_refused_before_anything_is_changed(
    server: _Server, preparation: str, command: str, exit_code: int, words: str
) -> None:
    """The reason is said, and no file is different."""
    server.system.run("sh", "-c", preparation)
    before = _files(server.system)

    done = server.system.run(*command.split(), check=False)

    assert done.returncode == exit_code
    assert words in done.stdout
    assert _traces(before, _files(server.system)) == set()


def test_settings_that_the_new_release_refuses_stop_the_upgrade(
    system: ScratchSystem, built: Path
) -> None:
    """The installed release stays in use; the words say what is wrong in the file."""
    _put_built(system, built)
    system.run(_INSTALL, "--no-attach", env=_OFFLINE)
    config = system.path("/etc/sendlimit/sendlimit.toml")
    config.write_text(config.read_text().replace('mode = "enforce"', 'mode = "enforced"'))

    done = system.run(_INSTALL, "--no-attach", env=_OFFLINE, check=False)

    assert done.returncode == 1
    assert "mode: is not one of the values allowed" in done.stdout
    assert system.path("/opt/sendlimit/current").readlink() == Path(built.name)


@pytest.mark.postfix
def test_a_postfix_that_cannot_be_attached_is_reported_and_all_else_is_installed(
    server: _Server, built: Path
) -> None:
    """Without AUTH on any service there is nothing to limit: exit code 1 and the remedy."""
    _put_built(server.system, built)
    master_cf = server.system.path("/etc/postfix/master.cf")
    master_cf.write_text(
        master_cf.read_text().replace("smtpd_sasl_auth_enable=yes", "syslog_name=x")
    )

    done = server.system.run(_INSTALL, env=_OFFLINE, check=False)

    assert done.returncode == 1
    assert "no smtpd service offers AUTH" in done.stdout
    assert "Postfix is not attached: see above; then run 'sendlimit postfix attach'" in done.stdout
    with server.running_daemon():
        pass


def test_a_system_without_systemd_gets_its_user_from_adduser(
    system: ScratchSystem, built: Path
) -> None:
    """No systemd-sysusers, no systemctl: the user is made, and services are left out."""
    _put_built(system, built)
    for program in ("systemd-sysusers", "systemctl"):
        system.path(f"/usr/bin/{program}").unlink()

    system.run(_INSTALL, "--no-attach", env=_OFFLINE)

    assert _mode(system, "/var/lib/sendlimit") == "sendlimit:sendlimit 750"
    assert system.run("sendlimit", "db", "status", "--json").stdout.startswith("{")
    system.run(_UNINSTALL, "--purge")
    assert "sendlimit:" not in system.path("/etc/passwd").read_text()


def test_a_bare_tree_is_filled_and_emptied_again(system: ScratchSystem, built: Path) -> None:
    """--root writes below a folder that has no more than the names of users and groups."""
    _put_built(system, built)  # what stands in the tree starts from there
    tree = system.path("/srv/tree")
    (tree / "etc").mkdir(parents=True)
    (tree / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (tree / "etc/group").write_text("root:x:0:\npostfix:x:4242:\n")
    shutil.copytree(built, tree / "opt/sendlimit" / built.name, symlinks=True)
    (tree / "opt/sendlimit/current/bin").mkdir(parents=True)  # as an installation by hand has it

    said = system.run(_INSTALL, "--root", "/srv/tree", env=_OFFLINE).stdout

    assert "database: run 'sendlimit db init' in it" in said
    assert (tree / "etc/sendlimit/sendlimit.toml").read_bytes() == (
        _ROOT / "etc/sendlimit.toml"
    ).read_bytes()
    assert (tree / "var/spool/postfix/sendlimit").stat().st_gid == 4242
    assert (tree / "usr/local/bin/sendlimit").readlink() == Path(
        "/opt/sendlimit/current/bin/sendlimit"
    )
    assert (tree / "opt/sendlimit/current").readlink() == Path(built.name)
    assert not (tree / "opt/sendlimit/0-by-hand").exists()
    assert not system.path("/etc/sendlimit").exists()
    system.run(_UNINSTALL_OF_RELEASE, "--root", "/srv/tree", "--purge")
    names = {path.name for path in tree.rglob("*") if not path.is_dir()}
    assert {name for name in names if not name.endswith("-")} - {".pwd.lock"} == {
        *("passwd", "group", "shadow", "gshadow")
    }
