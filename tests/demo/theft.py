"""A stolen password, used by fifty clients at once: what gets out with which limits."""

import threading
import time
from collections import Counter
from typing import Any, NamedTuple

from demo.narration import Narrator
from demo.theft_stage import (
    HISTORY_DAYS,
    MAILBOXES,
    NEWSLETTER,
    NEWSLETTER_SIZE,
    POSTMASTER,
    VICTIM,
    TheftStage,
    greatest,
)
from support.rig.daemon import Sendlimit
from support.rig.process import wait_for
from support.rig.smtp import ConnectionLostError, SmtpClient

CLIENTS = 50
MAILS_OF_A_CLIENT = 20
_REFUSALS_OF_A_CLIENT = 3
_NETWORKS = 10
_SETTLES_S = 20
_STRANGER = "stranger@example.com"
_LEARNED = {"learned": {"times": 2, "at_least": 50, "at_most": 1000}}


class Outcome(NamedTuple):
    """What became of one theft.

    Attributes:
        name: the limits.
        got_out: mails of the thief that Postfix took.
        refused: mails of the thief that were refused.
        others: mails of the other mailboxes that were taken meanwhile.
        seconds: from the thief's first mail to the last that got out.
    """

    name: str
    got_out: int
    refused: int
    others: int
    seconds: float


class TheftStory:
    """One performance; lives as long as its stage."""

    def __init__(self, stage: TheftStage, narrator: Narrator) -> None:
        """Take the stage and who tells."""
        self._stage = stage
        self._tell = narrator
        self._outcomes: list[Outcome] = []
        self._plain = 0

    def tell(self) -> None:
        """Do all steps.

        Raises:
            PromiseBrokenError: a step did not end as promised.
        """
        self._introduce()
        self._plain_limit()
        self._learned_limits()
        self._suspension()
        self._sum_up()

    def _introduce(self) -> None:
        self._tell.title("sendlimit: a stolen password, on a private Postfix")
        self._tell.remark(
            f"{len(MAILBOXES)} mailboxes with {HISTORY_DAYS} days behind them: {VICTIM} sent at most"
            f" {greatest(VICTIM)} mails a day in the last 35, {NEWSLETTER} sends {NEWSLETTER_SIZE} once a"
            f" month. A thief has {VICTIM}'s password, and {CLIENTS} machines in as many networks, each"
            f" with {MAILS_OF_A_CLIENT} mails; a machine gives up after {_REFUSALS_OF_A_CLIENT} refusals."
            " Meanwhile each of the others sends a mail."
        )

    def _plain_limit(self) -> None:
        self._tell.step("One limit for all mailboxes.")
        with self._stage.daemon("suggest") as daemon:
            told = self._stage.command(daemon, "suggest")
            self._tell.output("sendlimit suggest", told)
            self._plain = _proposed(told)
        self._tell.check(
            self._plain > NEWSLETTER_SIZE, "A limit for all has to let the newsletter pass."
        )
        with self._stage.daemon("plain", **_limits(self._plain)) as daemon:
            outcome = self._steal(f"one limit of {self._plain} for all", daemon)
            self._tell.check(
                outcome.got_out == self._plain,
                f"{outcome.got_out} mails of the thief got out: all that the limit allows, and none more.",
            )
            again = self._stage.command(daemon, "show", VICTIM)
        self._tell.check(
            "is REFUSED" in again, "The rest is refused until tomorrow: then it begins again."
        )

    def _learned_limits(self) -> None:
        self._tell.step("Limits that learn: twice each mailbox's greatest day, at least 50.")
        own = 2 * greatest(VICTIM)
        with self._stage.daemon("learned", learns=True, **_limits(_LEARNED)) as daemon:
            outcome = self._steal("limits that learn", daemon)
            self._tell.check(
                outcome.got_out == own,
                f"{outcome.got_out} mails of the thief got out: {VICTIM}'s own limit. The"
                f" newsletter's is {2 * NEWSLETTER_SIZE}.",
            )
            shown = self._stage.command(daemon, "show", VICTIM)
            self._tell.output(f"sendlimit show {VICTIM}", shown)

    def _suspension(self) -> None:
        self._tell.step(
            f"And suspension: a login that sends from {_NETWORKS} networks within an hour."
        )
        tables = {"suspend": {"after_client_addresses": _NETWORKS, "for": "released"}}
        with self._stage.daemon("suspended", learns=True, **_limits(_LEARNED), **tables) as daemon:
            outcome = self._steal("suspension", daemon)
            self._tell.check(
                _NETWORKS <= outcome.got_out < 2 * greatest(VICTIM),
                f"{outcome.got_out} mails of the thief got out: the tenth network stopped it, all but"
                " what was on its way.",
            )
            self._tell.quoted(daemon.wait_for_lines("WARNING suspended "))
            self._what_the_admin_reads(daemon)
            self._what_the_owner_reads()
            self._a_new_password(daemon)

    def _what_the_admin_reads(self, daemon: Sendlimit) -> None:
        self._tell.step("What the admin reads.")
        mail = self._stage.inbox(POSTMASTER, "suspended")
        self._tell.quoted(
            [f"Subject: {str(mail['Subject']).strip()}", *mail.get_content().splitlines()]
        )
        self._tell.check(
            VICTIM in str(mail["Subject"]), "A mail names the mailbox and the clients."
        )
        told = self._stage.command(daemon, "suspensions")
        self._tell.output("sendlimit suspensions", told)
        self._tell.check(VICTIM in told, "'sendlimit suspensions' lists it.")

    def _what_the_owner_reads(self) -> None:
        self._tell.step(f"What {VICTIM} reads.")
        mail = self._stage.inbox(VICTIM, "suspended")
        self._tell.quoted(
            [f"Subject: {str(mail['Subject']).strip()}", *mail.get_content().splitlines()]
        )
        with SmtpClient(self._stage.postfix.submission_port, VICTIM) as client:
            reply = client.mail(VICTIM)
        self._tell.remark("And in the mail program:")
        self._tell.quoted([f"{reply.code} {reply.enhanced} {reply.text}"])
        self._tell.check(
            reply.code == 450 and "suspended" in reply.text,
            "The answer is temporary, and has no number that would help a thief.",
        )
        with SmtpClient(self._stage.postfix.smtp_port) as client:
            self._tell.check(
                client.send_mail(_STRANGER, VICTIM).is_ok, "Mail to her mailbox still comes in."
            )

    def _a_new_password(self, daemon: Sendlimit) -> None:
        self._tell.step("She has a new password, and the admin releases her.")
        told = self._stage.command(daemon, "release", VICTIM)
        self._tell.output(f"sendlimit release {VICTIM}", told)
        with SmtpClient(self._stage.postfix.submission_port, VICTIM) as client:
            self._tell.check(client.send_mail(VICTIM, _STRANGER).is_ok, "Her next mail passes.")

    def _sum_up(self) -> None:
        self._tell.step("What got out.")
        self._tell.lines(
            [
                f"{'':<32}{'got out':>8}{'refused':>9}{'others':>9}{'seconds':>9}",
                *(
                    f"{one.name:<32}{one.got_out:>8}{one.refused:>9}{one.others:>6}/{len(MAILBOXES) - 1:<2}"
                    f"{one.seconds:>9.1f}"
                    for one in self._outcomes
                ),
            ]
        )

    def _steal(self, name: str, daemon: Sendlimit) -> Outcome:
        """Let the thief's clients and the others send at once."""
        self._tell.remark("The thief begins, and the others send.")
        theft = Theft(self._stage.postfix.submission_port)
        outcome = theft.run(name)
        self._outcomes.append(outcome)
        self._tell.check(
            outcome.others == len(MAILBOXES) - 1,
            f"The mail of all {outcome.others} other mailboxes passed meanwhile.",
        )
        used = outcome.got_out
        wait_for(
            lambda: _used(daemon, self._stage) == used, _SETTLES_S, f"{used} mails are counted"
        )
        return outcome


class Theft:
    """Fifty clients with one stolen password, beside the mail of all others."""

    def __init__(self, port: int) -> None:
        """Take the submission port."""
        self._port = port
        self._lock = threading.Lock()
        self._thief: Counter[bool] = Counter()
        self._others = 0
        self._last = 0.0

    def run(self, name: str) -> Outcome:
        """Send all mail; return what became of it."""
        started = time.monotonic()
        threads = [
            *(
                threading.Thread(target=self._steal, args=(number,), daemon=True)
                for number in range(CLIENTS)
            ),
            *(
                threading.Thread(target=self._send, args=(mailbox,), daemon=True)
                for mailbox in MAILBOXES
                if mailbox != VICTIM
            ),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = self._last - started
        return Outcome(name, self._thief[True], self._thief[False], self._others, seconds)

    def _steal(self, number: int) -> None:
        """Send a client's mails, from a network of its own."""
        refused = 0
        client: SmtpClient | None = None
        for _ in range(MAILS_OF_A_CLIENT):
            try:
                client = client or SmtpClient(self._port, VICTIM, source=f"127.66.{number}.1")
                passed = client.send_mail(VICTIM, _STRANGER).is_ok
            except (ConnectionLostError, OSError):
                passed = False
            with self._lock:
                self._thief[passed] += 1
                self._last = time.monotonic() if passed else self._last
            if not passed:
                refused += 1
                if client is not None:
                    client.close()
                client = None
                if refused == _REFUSALS_OF_A_CLIENT:
                    return
        if client is not None:
            client.close()

    def _send(self, mailbox: str) -> None:
        """Send a mail of somebody else."""
        try:
            with SmtpClient(self._port, mailbox) as client:
                passed = client.send_mail(mailbox, _STRANGER).is_ok
        except (ConnectionLostError, OSError):
            passed = False
        with self._lock:
            self._others += passed


def _limits(a_day: object) -> dict[str, Any]:
    return {"limits": {"mailbox": {"messages_per_day": a_day}}}


def _proposed(told: str) -> int:
    """Return the limit for mailboxes that `sendlimit suggest` proposes."""
    start = "mailbox.messages_per_day = "
    (line,) = (line for line in told.splitlines() if line.startswith(start))
    return int(line.removeprefix(start))


def _used(daemon: Sendlimit, stage: TheftStage) -> int:
    """Return how many mails of the victim `sendlimit show` has today."""
    shown = stage.command(daemon, "show", VICTIM)
    (line,) = (line for line in shown.splitlines() if line.startswith("mailbox.messages_per_day"))
    return int(line.split()[1])
