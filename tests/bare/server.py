"""What the mail servers that are tried have in common."""

from abc import ABC, abstractmethod

from bare.leftovers import Files, files_of, left_behind
from bare.machine import Machine
from bare.report import Report, TrialFailedError

_GONE = """\
if getent passwd sendlimit || getent group sendlimit; then exit 1; fi
if systemctl list-unit-files --no-legend | grep sendlimit; then exit 1; fi
if mariadb -Ne "SELECT User FROM mysql.user" | grep sendlimit; then exit 1; fi
if mariadb -Ne "SHOW DATABASES" | grep sendlimit; then exit 1; fi
"""


class Server(ABC):
    """A mail server in a bare system in which nothing was done yet.

    Attributes:
        machine: the system.
        report: of its trial.
    """

    def __init__(self, machine: Machine, report: Report) -> None:
        self.machine = machine
        self.report = report

    def try_all(self) -> None:
        """Do as an admin does who installs sendlimit, sends mail and takes it off again.

        Raises:
            TrialFailedError: something did not work, or was left behind.
        """
        try:
            self.follow_documents()
        except TrialFailedError:
            self.report.log(self.machine.read("journalctl --no-pager --lines=200"))
            raise

    @abstractmethod
    def follow_documents(self) -> None:
        """Do all that is tried, in the order of the documents."""

    def files(self) -> Files:
        """List the files, to compare with later."""
        return files_of(self.machine)

    def expect_nothing_left(self, before: Files) -> None:
        """Say what is there that was not before; nothing of sendlimit should be.

        Raises:
            TrialFailedError: something is.
        """
        self.machine.run(_GONE)
        left = left_behind(before, self.files())
        self.report.say(f"left behind: {', '.join(left) or 'nothing but packages of Debian'}")
        if left:
            msg = "something is left behind"
            raise TrialFailedError(msg)
