"""Where the password is stolen: twenty mailboxes with forty days behind them, one daemon at a time."""

import contextlib
import email
import email.policy
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

from support.rig.configuration import configuration
from support.rig.daemon import Sendlimit
from support.rig.dovecot import PASSWORD, PrivateDovecot
from support.rig.postfix import RECOMMENDED_MILTERS, PrivatePostfix
from support.rig.process import private_folder, running, wait_for

DOMAIN = "example.org"
VICTIM = f"anna@{DOMAIN}"
NEWSLETTER = f"newsletter@{DOMAIN}"
POSTMASTER = f"postmaster@{DOMAIN}"
_NAMES = (
    "bernd", "carla", "david", "elena", "frank", "greta", "hugo", "iris", "jonas",
    "katja", "lukas", "maria", "nils", "olga", "paul", "rosa", "stefan", "tina",
)  # fmt: skip
MAILBOXES = (VICTIM, NEWSLETTER, *(f"{name}@{DOMAIN}" for name in _NAMES))
HISTORY_DAYS = 75
_NEWSLETTER_DAYS = (1, 32, 63)
NEWSLETTER_SIZE = 400
_BUSIEST_OF_VICTIM = 31
_NOTICES_S = 20


def history() -> Mapping[str, list[int]]:
    """Return what each mailbox sent: the first number yesterday, the next the day before."""
    found = {}
    for number, mailbox in enumerate(MAILBOXES):
        most = 5 + 2 * number
        found[mailbox] = [(7 * number + 5 * day) % most for day in range(HISTORY_DAYS)]
    found[VICTIM][11] = _BUSIEST_OF_VICTIM
    found[NEWSLETTER] = [
        NEWSLETTER_SIZE if day in _NEWSLETTER_DAYS else 0 for day in range(1, HISTORY_DAYS + 1)
    ]
    return found


def greatest(mailbox: str) -> int:
    """Return the greatest day of the last 35 of a mailbox."""
    return max(history()[mailbox][:35])


@dataclass(frozen=True)
class TheftStage:
    """Postfix and Dovecot, a folder for daemons, and when today began for them."""

    postfix: PrivatePostfix
    folder: Path
    today: datetime

    @contextlib.contextmanager
    def daemon(self, name: str, *, learns: bool = False, **tables: object) -> Iterator[Sendlimit]:
        """Run a daemon with the history of the twenty, and these tables of configuration.

        Args:
            name: of its folder.
            learns: its limits have been learned.
            tables: of its configuration.
        """
        folder = self.folder / name
        folder.mkdir()
        daemon = Sendlimit(folder, self._settings(folder, tables))
        self.command(daemon, "db", "init")
        _remember(folder / "s.db", self.today)
        if learns:
            self.command(daemon, "learn")
        with running(daemon):
            yield daemon

    def _settings(self, folder: Path, tables: Mapping[str, object]) -> Mapping[str, object]:
        store = {"url": f"sqlite:///{folder}/s.db"}
        notify = {
            "mail_to": [POSTMASTER],
            "mail_owner": True,
            "mail_from": POSTMASTER,
            "smtp_host": f"127.0.0.1:{self.postfix.smtp_port}",
            "warn_at_percent": 100,
        }
        return configuration(
            folder,
            self.postfix.milter_socket,
            store,
            calendar={"timezone": "UTC", "day_starts_at": f"{self.today:%H:%M}"},
            notify=notify,
            log={"level": "info"},
            **tables,
        )

    @staticmethod
    def command(daemon: Sendlimit, *words: str) -> str:
        """Run a command of sendlimit and return what it prints.

        Raises:
            ChildProcessError: it failed.
        """
        done = daemon.command(*words)
        if done.exit_code != 0:
            raise ChildProcessError(f"sendlimit {' '.join(words)}: {done.stderr}")
        return done.stdout

    def inbox(self, mailbox: str, words: str) -> EmailMessage:
        """Wait for a mail in a Maildir whose subject has these words; return it."""

        def look() -> list[EmailMessage]:
            mails = [
                email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
                for file in self.postfix.delivered(mailbox)
            ]
            return [mail for mail in mails if words in str(mail["Subject"])]

        return wait_for(look, _NOTICES_S, f"a mail about {words!r}", self.postfix.log_tail)[-1]


@contextlib.contextmanager
def set_theft_stage() -> Iterator[TheftStage]:
    """Start Postfix and Dovecot in one folder of their own; end and remove everything afterwards."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(private_folder("theft"))
        mailboxes = dict.fromkeys(MAILBOXES, PASSWORD)
        dovecot = stack.enter_context(running(PrivateDovecot(folder / "dovecot", mailboxes)))
        postfix = PrivatePostfix(
            folder / "postfix",
            sasl_path=dovecot.sasl_path,
            milters=RECOMMENDED_MILTERS,
            maildirs_of=[VICTIM, POSTMASTER],
        )
        # No day begins or ends meanwhile.
        today = (datetime.now(UTC) - timedelta(hours=12)).replace(second=0, microsecond=0)
        yield TheftStage(stack.enter_context(running(postfix)), folder, today)


def _remember(database: Path, today: datetime) -> None:
    """Put the history into the counters, as if the daemon had run for so long."""
    rows = []
    for mailbox, days in history().items():
        for back, used in enumerate(days, 1):
            start = f"{today - timedelta(days=back):%Y-%m-%d %H:%M:%S}"
            subjects = (("mailbox", mailbox), ("domain", DOMAIN), ("global", "*"))
            rows += [(scope, subject, start, used) for scope, subject in subjects if used]
    with contextlib.closing(sqlite3.connect(database)) as tables, tables:
        tables.executemany(
            "INSERT INTO er_counter (scope, subject, unit, window, period_start, used)"
            " VALUES (?, ?, 'messages', 'day', ?, ?)"
            " ON CONFLICT DO UPDATE SET used = used + excluded.used",
            rows,
        )
