"""What is tried in a bare system, in the order in which an admin would."""

from bare.howto import HowTo
from bare.leftovers import Files
from bare.machine import Machine
from bare.report import Report, TrialFailedError
from bare.server import Server

_REFUSED = "450 4.7.1 Sending limit reached: 3 of 3 messages sent by alice@example.org this day"
_IN_FORCE = (
    "In force from now on: enforce: mail is refused beyond 999 messages per day of the whole"
)
_NO_PIP_SETTINGS = "env --unset=PIP_NO_INDEX --unset=PIP_FIND_LINKS"
_QUICK = (
    "tests/unit/postfix",
    "tests/unit/cli",
    "tests/unit/config",
    "tests/unit/notify",
    "tests/unit/rules",
    "tests/contract",
    "tests/system/test_rig.py",
    "tests/system/test_install.py",
    "tests/system/test_install_refused.py",
    "tests/system/test_limits_at_mail.py",
    "tests/system/test_postfix_attach.py",
    "tests/hostile/test_ways_past.py",
)


class HowToServer(Server):
    """A mail server that follows docs/howto.md, with every way to install and to take off again."""

    def __init__(self, machine: Machine, howto: HowTo, report: Report) -> None:
        super().__init__(machine, report)
        self._howto = howto

    def follow_documents(self) -> None:
        """Install by script/install with MariaDB and SQLite, and by hand."""
        report = self.report
        report.timed("how-to 1 and 2, Postfix, MariaDB, Dovecot", self._prepare)
        before = self.files()
        report.timed("how-to 3, script/install --mariadb", self._install)
        self._send_to_the_limit()
        self._uninstall("--purge --mariadb", before)
        install = "script/install --wheels /srv/distributions --limits mailbox=100,server=999"
        report.timed(install, lambda: self._run(f"{_NO_PIP_SETTINGS} {install}"))
        report.timed("script/install again", lambda: self._run("script/install"))
        self._send_to_the_limit()
        self._uninstall("--purge", before)
        report.timed("how-to by hand", lambda: self._follow("The same by hand"))
        self._send_to_the_limit()
        report.timed("taken off by hand", lambda: self._follow("Taking it off by hand"))
        self.expect_nothing_left(before)

    def _prepare(self) -> None:
        self._follow("1.")
        self._follow("2.")

    def _install(self) -> None:
        install, check = self._howto.commands("3.")
        if _IN_FORCE not in self._run(install):
            msg = "how-to 3: the end does not say which limits are in force"
            raise TrialFailedError(msg)
        self._run(check)

    def _send_to_the_limit(self) -> None:
        self._run("sendlimit check; sendlimit doctor || true")
        self._follow("4.")
        install_swaks, show, *_ = self._howto.commands("5.")
        sent = self._run(install_swaks, expected=range(1, 256))
        if sent.count("<~* 450 ") != 1 or _REFUSED not in sent:
            msg = "how-to 5: three mails pass and the fourth is refused: this was not so"
            raise TrialFailedError(msg)
        shown = self._run(show)
        if "the next mail is REFUSED" not in shown:
            msg = "how-to 5: 'sendlimit show' does not say that the next mail is refused"
            raise TrialFailedError(msg)
        self._run(install_swaks)  # the boost: now all four pass
        self.report.say("how-to 4 and 5: 3 of 4 mails passed; with a boost, 4 more")

    def _uninstall(self, options: str, before: Files) -> None:
        self.report.timed(
            f"script/uninstall {options}",
            lambda: self._run(f"/opt/sendlimit/script/uninstall {options}"),
        )
        self.expect_nothing_left(before)

    def _follow(self, heading: str) -> None:
        for commands in self._howto.commands(heading):
            self._run(commands)

    def _run(self, script: str, *, expected: range = range(1)) -> str:
        return self.machine.run(script, expected=expected)


def try_from_checkout(machine: Machine, report: Report, *, quick: bool) -> None:
    """Show the demo and run the tests, as a developer does.

    Args:
        machine: a system in which nothing was done yet.
        report: for the results.
        quick: whether a chosen part of the tests is enough.
    """
    report.timed("script/demo", lambda: machine.run("script/demo"))
    report.timed("script/demo --mariadb", lambda: machine.run("script/demo --mariadb"))
    tests = f".venv/bin/pytest -q {' '.join(_QUICK)}" if quick else "script/test"
    try_tests(machine, report, tests)


def try_tests(machine: Machine, report: Report, command: str) -> None:
    """Run tests, and tell how they ended."""
    printed = ""

    def run() -> None:
        nonlocal printed
        printed = machine.run(f"script/bootstrap; {command}", timeout_s=5000)

    report.timed("tests", run)
    report.say(printed.splitlines()[-1])
