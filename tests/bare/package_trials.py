"""What is tried with the Debian packages, in the order in which an admin would."""

import shutil
from pathlib import Path

from bare.base import Base
from bare.howto import HowTo
from bare.machine import Machine
from bare.packages import build
from bare.report import Report, TrialFailedError
from bare.server import Server
from bare.web_sockets import SETTINGS, try_sockets

NEXT = "99.0.0"
"""The version of the packages to which an upgrade is tried."""

PLACE = "/srv/packages"
"""Where the packages are in a machine: those of this release, and in next/ those of NEXT."""

_SEND = """\
for n in $(seq {count}); do
  swaks --server 127.0.0.1 --port 587 --tls --auth PLAIN --auth-user alice@example.org \\
    --auth-password secret --from alice@example.org --to root@localhost || true
done
"""
_REFUSED = "<~* 450 "
_PASSED = "Ok: queued as"
_CONFIG = "/etc/sendlimit/sendlimit.toml"
_SETTINGS = f"sha256sum {_CONFIG}; stat --format='%U:%G %a' {_CONFIG} /etc/sendlimit"
_IN_NEXT = "# A line that the next version has.\n"
# An admin who is asked decides so; here no one can be asked.
_KEEP = "printf '%s\\n' 'Dpkg::Options:: \"--force-confold\";' >/etc/apt/apt.conf.d/99keep"
_WEB = f"""\
printf '%s\\n' '[web]' 'listen = "127.0.0.1:9141"' '{SETTINGS}' >>{_CONFIG}
systemctl restart sendlimit-web
"""
_LOGIN_PAGE = """\
timeout 120 sh -c 'until python3 -c "import urllib.request as u
u.urlopen(\\"http://127.0.0.1:9141/login\\")"; do sleep 0.2; done'
"""
# Neither kind of installation begins where the other one is.
_SCRIPT_INSTALL = "script/install --dry-run 2>&1 | grep 'the Debian package sendlimit is installed'"
_BESIDE_SCRIPT_INSTALL = f"""\
install -D /dev/null /usr/local/lib/systemd/system/sendlimit.service
apt-get install -y {PLACE}/sendlimit_*.deb 2>&1 | grep 'run /opt/sendlimit/script/uninstall first'
rm -r /usr/local/lib/systemd
"""


def build_both(report: Report, base: Base, release: Path, target: Path) -> None:
    """Build the packages of a release and those of a next version, which has another template.

    Args:
        report: names the suite.
        base: has all that building needs.
        release: unpacked.
        target: a folder; its folder next has the second ones.
    """
    build(report, base, release, target)
    later = target / "next-release"
    shutil.rmtree(later, ignore_errors=True)
    shutil.copytree(release, later)
    for file in ("milter/sendlimit/__init__.py", "deploy/debian/changelog"):
        path = later / file
        path.write_text(path.read_text().replace(_version_of(release), NEXT, 1))
    template = later / "etc/sendlimit.toml"
    template.write_text(template.read_text() + _IN_NEXT)
    build(report, base, later, target / "next")


def _version_of(release: Path) -> str:
    return (release / "deploy/debian/changelog").read_text().split("(")[1].split(")")[0]


class PackagedServer(Server):
    """A mail server on which the packages are installed, as docs/install.md says."""

    def __init__(self, machine: Machine, howto: HowTo, install: HowTo, report: Report) -> None:
        super().__init__(machine, report)
        self._howto = howto
        self._install = install

    def follow_documents(self) -> None:
        """Install, upgrade, remove, purge, counting in SQLite and in MariaDB; with the web pages.

        The packages are in PLACE.
        """
        report = self.report
        report.timed("how-to 1 and 2", self._prepare)
        self._run(_KEEP)
        before = self.files()
        self._run(f"mkdir -p dist/{report.suite}; cp {PLACE}/*.deb dist/{report.suite}")
        report.timed("a repository, an installation from it", self._install_from_repository)
        self._try_a_life("sendlimit-setup --limits mailbox=3", with_web=True)
        self._purge()
        self.expect_nothing_left(before)
        install, setup, _ = self._install.commands("Debian package: install")
        self._run(_BESIDE_SCRIPT_INSTALL)
        report.timed("an installation from files", lambda: self._in_packages(install))
        self._try_a_life(setup.replace("mailbox=100", "mailbox=3"), with_web=False)
        self._purge()
        self._run(self._install.commands("Debian package: upgrade and remove")[3])
        self.expect_nothing_left(before)

    def _prepare(self) -> None:
        for heading in ("1.", "2."):
            for commands in self._howto.commands(heading):
                self._run(commands)
        self._run("apt-get install -y swaks libnet-ssleay-perl apt-utils gnupg")

    def _install_from_repository(self) -> None:
        for commands in self._install.commands("Debian package: a repository"):
            own = commands.replace("trixie", self.report.suite)
            self._run(own.replace("https://packages.example.org", "file:///srv/repository"))
        self._run("rm /etc/apt/keyrings/sendlimit.gpg /etc/apt/sources.list.d/sendlimit.list")

    def _try_a_life(self, setup: str, *, with_web: bool) -> None:
        """Choose limits, reach one, upgrade, remove and install again: what was counted stays."""
        report = self.report
        report.timed("sendlimit-setup", lambda: self._run(setup))
        self._expect_mail(4, refused=1, when="installed")
        self._run("sendlimit doctor || true")
        self._run(_SCRIPT_INSTALL)
        upgrade, remove, _, _ = self._install.commands("Debian package: upgrade and remove")
        later = upgrade.replace("./", "./next/")
        if with_web:
            self._in_packages(self._install.commands("Debian package: install")[2] + _WEB)
            self._run(_LOGIN_PAGE)
            try_sockets(self.machine, report)
            later = later.replace("sendlimit_", "sendlimit*_")
        settings = self._run(_SETTINGS)
        if "root:sendlimit 640\nroot:sendlimit 750\n" not in settings:
            msg = "owners and modes of the settings are not as docs/security.md has them"
            raise TrialFailedError(msg)
        report.timed("an upgrade", lambda: self._in_packages(later))
        self._run(f"systemctl is-active sendlimit; sendlimit --version | grep ' {NEXT}$'")
        self._expect_mail(1, refused=1, when="upgraded")
        if with_web:
            self._run(_LOGIN_PAGE)
        if self._run(_SETTINGS) != settings:
            msg = "an upgrade changed the settings"
            raise TrialFailedError(msg)
        self._run(remove)
        self._expect_mail(1, refused=0, when="removed")
        self._in_packages(later)
        self._run("sendlimit-setup")
        self._expect_mail(1, refused=1, when="installed again")

    def _purge(self) -> None:
        self._run(self._install.commands("Debian package: upgrade and remove")[2])
        self._expect_mail(1, refused=0, when="purged")

    def _expect_mail(self, count: int, *, refused: int, when: str) -> None:
        sent = self._run(_SEND.format(count=count))
        found = (sent.count(_PASSED), sent.count(_REFUSED))
        self.report.say(f"{when}: {found[0]} of {count} mails passed, {found[1]} refused")
        if found != (count - refused, refused):
            msg = f"{when}: {refused} of {count} mails should be refused"
            raise TrialFailedError(msg)

    def _in_packages(self, commands: str) -> None:
        self._run(f"cd {PLACE}\n{commands}")

    def _run(self, script: str) -> str:
        return self.machine.run(script)
