"""The steps of the demo, in order: each does something and checks what it promises."""

from demo.narration import Narrator
from demo.stage import MAILBOX_LIMIT, SERVER_LIMIT, Stage
from support.rig.process import wait_for
from support.rig.smtp import Reply, SmtpClient

ALICE, BOB, CAROL, DAVE = (f"{name}@example.org" for name in ("alice", "bob", "carol", "dave"))
OUTSIDER = "friend@example.com"
_SETTLES_S = 5


class Story:
    """One performance; lives as long as its stage."""

    def __init__(self, stage: Stage, narrator: Narrator) -> None:
        """Take the stage and who tells."""
        self._stage = stage
        self._tell = narrator
        self._accepted = 0

    def tell(self) -> None:
        """Do all steps.

        Raises:
            PromiseBrokenError: a step did not end as promised.
        """
        steps = (
            self._introduce,
            self._up_to_the_limit,
            self._same_counter_on_port_25,
            self._over_the_limit,
            self._others_still_send,
            self._incoming_mail,
            self._broken_off_mail,
            self._boost,
            self._server_wide_limit,
            self._database_away,
            self._database_back,
            self._database_away_and_metered,
            self._why_was_i_refused,
        )
        for step in steps:
            step()

    def _introduce(self) -> None:
        stage = self._stage
        version = stage.postfix.postconf("-h", "mail_version").strip()
        self._tell.title("sendlimit: what a mailbox may send, on a private Postfix")
        self._tell.remark(
            f"Postfix {version} on 127.0.0.1: port {stage.postfix.submission_port} is its submission"
            f" port (587), port {stage.postfix.smtp_port} its port 25. Counters in {stage.store.name}."
        )
        self._tell.remark("The limits in the configuration file:")
        self._tell.quoted(stage.limits.splitlines())

    def _up_to_the_limit(self) -> None:
        self._tell.step("Alice sends two mails on the submission port.")
        replies = [self._send(ALICE, self._stage.postfix.submission_port) for _ in range(2)]
        self._tell.check(all(reply.is_ok for reply in replies), "Below her limit her mail passes.")

    def _same_counter_on_port_25(self) -> None:
        self._tell.step("Alice sends a third mail on port 25, and logs in as ALICE@Example.ORG.")
        reply = self._send(ALICE, self._stage.postfix.smtp_port, login="ALICE@Example.ORG")
        self._tell.check(reply.is_ok, f"Mail number {MAILBOX_LIMIT} of {MAILBOX_LIMIT} passes.")
        self._expect_used(ALICE, MAILBOX_LIMIT, "Both ports and both spellings have one counter")

    def _over_the_limit(self) -> None:
        self._tell.step("Alice sends a fourth mail, first on the one port, then on the other.")
        ports = (self._stage.postfix.submission_port, self._stage.postfix.smtp_port)
        replies = [self._send(ALICE, port) for port in ports]
        self._tell.check(
            all(
                (reply.code, reply.enhanced, reply.stage) == (450, "4.7.1", "MAIL")
                and reply.text.startswith(f"Sending limit reached: 3 of 3 messages sent by {ALICE}")
                for reply in replies
            ),
            "The mail over the limit is refused at once, at MAIL FROM, with a text that she"
            " understands. 450 is temporary: nothing bounces.",
        )
        self._tell.remark("In the log of sendlimit:")
        self._tell.quoted(self._stage.sendlimit.wait_for_lines("^INFO refused ")[-1:])
        self._expect_used(ALICE, MAILBOX_LIMIT, "A refused mail costs nothing")

    def _others_still_send(self) -> None:
        self._tell.step("Bob sends a mail.")
        reply = self._send(BOB, self._stage.postfix.submission_port)
        self._tell.check(reply.is_ok, "Another mailbox is not touched by Alice's limit.")

    def _incoming_mail(self) -> None:
        self._tell.step("A stranger sends a mail to Alice, on port 25, without a login.")
        reply = self._send_incoming()
        self._tell.check(reply.is_ok, "Incoming mail passes, also to a mailbox at its limit.")
        self._expect_used("global", self._accepted, "Incoming mail is not counted")

    def _broken_off_mail(self) -> None:
        self._tell.step("Bob begins a mail, breaks it off and hangs up.")
        with SmtpClient(self._stage.postfix.submission_port, BOB) as client:
            client.mail(BOB)
            client.rset()
            client.quit()
            self._tell.dialogue(_from_mail_on(client.dialogue))
        self._expect_used(BOB, 1, "What was not sent is given back")

    def _boost(self) -> None:
        self._tell.step("The admin lets Alice send more, for an hour.")
        words = ("limit", "set", ALICE, "mailbox.messages_per_day", "4", "--until", "+1h")
        self._run(*words)
        reply = self._send(ALICE, self._stage.postfix.submission_port)
        self._tell.check(reply.is_ok, "It holds from the next mail on, without a reload.")

    def _server_wide_limit(self) -> None:
        self._tell.step(f"Carol sends mail until the whole server has sent {SERVER_LIMIT}.")
        while self._accepted < SERVER_LIMIT:
            reply = self._send(CAROL, self._stage.postfix.submission_port)
            self._tell.check(reply.is_ok, f"Mail number {self._accepted} of the server passes.")
        self._tell.remark("Now Bob and Dave, who are far below their own limits:")
        replies = [self._send(who, self._stage.postfix.submission_port) for who in (BOB, DAVE)]
        self._tell.check(
            all(
                reply.code == 450 and reply.text.startswith("Sending limit of this server reached")
                for reply in replies
            ),
            "The limit of the server holds for every mailbox.",
        )
        self._tell.check(self._send_incoming().is_ok, "Incoming mail still passes.")

    def _database_away(self) -> None:
        self._tell.step(f"The database is taken away. {self._stage.store.loss}")
        self._stage.store.take_away()
        replies = [self._send(who, self._stage.postfix.submission_port) for who in (BOB, DAVE)]
        self._tell.check(
            all(reply.is_ok for reply in replies),
            "Mail flows, even over the limit: a broken database stops no mail.",
        )
        self._tell.remark("In the log of sendlimit:")
        self._tell.quoted(self._stage.sendlimit.wait_for_lines("^ERROR store-down "))
        self._tell.quoted(self._stage.sendlimit.wait_for_lines(" accepted-on-failure ", count=2))

    def _database_back(self) -> None:
        self._tell.step(f"The database comes back. {self._stage.store.rescue}")
        self._stage.store.give_back()
        self._tell.quoted(self._stage.sendlimit.wait_for_lines("^WARNING store-back "))
        self._expect_used(
            "global", self._accepted, "The mail of the outage is booked, none of it twice"
        )
        reply = self._send(DAVE, self._stage.postfix.submission_port)
        self._tell.check(reply.code == 450, "The limits hold again.")

    def _database_away_and_metered(self) -> None:
        sendlimit, store = self._stage.sendlimit, self._stage.store
        self._tell.step('The same with store.on_failure = "meter": sendlimit is started anew.')
        text = sendlimit.config_file.read_text()
        sendlimit.write_config(text.replace("[store]\n", '[store]\non_failure = "meter"\n'))
        sendlimit.stop()
        sendlimit.start()
        self._tell.remark(f"The database is taken away. {store.loss}")
        store.take_away()
        reply = self._send(DAVE, self._stage.postfix.submission_port)
        self._tell.check(reply.code == 450, "The limits hold on, by what was known.")
        self._tell.check(self._send_incoming().is_ok, "Incoming mail still passes.")
        self._tell.remark(f"The database comes back. {store.rescue}")
        store.give_back()
        self._tell.quoted(sendlimit.wait_for_lines("^WARNING store-back ", count=2)[-1:])

    def _why_was_i_refused(self) -> None:
        self._tell.step("Alice asks why she was refused; the admin looks.")
        for words in (("show", ALICE), ("refusals",)):
            told = self._run(*words)
            self._tell.check(ALICE in told, f"'sendlimit {words[0]}' tells.")

    def _run(self, *words: str) -> str:
        """Run a command and print it with what it answers."""
        told = self._stage.run(*words)
        self._tell.output(" ".join(["sendlimit", *words]), told)
        return told

    def _send(self, mailbox: str, port: int, *, login: str = "") -> Reply:
        """Send an authenticated mail and print what mattered of the dialogue."""
        with SmtpClient(port, login or mailbox) as client:
            reply = client.send_mail(mailbox, OUTSIDER)
            client.quit()
        self._accepted += reply.is_ok
        self._tell.dialogue(_in_short(client.dialogue, reply))
        return reply

    def _send_incoming(self) -> Reply:
        with SmtpClient(self._stage.postfix.smtp_port) as client:
            reply = client.send_mail(OUTSIDER, ALICE)
            client.quit()
        self._tell.dialogue(_in_short(client.dialogue, reply))
        return reply

    def _expect_used(self, subject: str, expected: int, promise: str) -> None:
        """Check a counter; what is given back or booked arrives a moment after the mail."""
        try:
            wait_for(lambda: self._stage.used(subject) == expected, _SETTLES_S, promise)
        except TimeoutError:
            self._tell.check(is_so=False, promise=f"{promise}: {self._stage.used(subject)} counted")
        whose = "the server" if subject == "global" else subject
        self._tell.check(is_so=True, promise=f"{promise}: {expected} counted for {whose}.")


def _from_mail_on(dialogue: list[str]) -> list[str]:
    """Leave out greeting, AUTH and farewell."""
    start = next(i for i, line in enumerate(dialogue) if line.startswith("C: MAIL"))
    end = dialogue.index("C: QUIT")
    return dialogue[start:end]


def _in_short(dialogue: list[str], reply: Reply) -> list[str]:
    """Leave out also what is the same in every mail that passes."""
    lines = _from_mail_on(dialogue)
    return [lines[0], "   ...", lines[-1]] if reply.is_ok else lines
