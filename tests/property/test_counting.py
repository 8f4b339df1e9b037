"""Any interleaving of mails, endings, outages, restarts and periods counts like the simple model.

R6: all or nothing. R8, R9: what ends otherwise is given back. R11: an outage loses no count. R18:
external mail is charged beside the rest, and stops no other.
And no mail that was decided ever passes a limit, nor is one refused that a limit had room for.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from property.counting_model import LIMITS, Model
from sendlimit.daemon.server_state import ServerState, SessionSettings
from sendlimit.daemon.session import Session
from sendlimit.daemon.verdict import Verdict
from sendlimit.errors import StoreConflict, StoreError, StoreUnavailable
from sendlimit.rules.mailbox import Sender
from sendlimit.rules.reply import Wording
from support.counting_samples import ALICE, BOB, CAROL, UTC, setting
from support.doubles.daemon import SteppedDaemon
from support.doubles.server import Connection
from support.doubles.store import Tables

_FILE = [setting("*", name, limit) for name, limit in LIMITS.items()]
_VERBS = ("connect", "begin", "write", "fence", "names_in_force", "publish", "booked_entries")
_CONFLICTS = ("begin", "write", "publish", "names_in_force")
_SENDERS = st.sampled_from([ALICE, BOB, CAROL, Sender("root", None)])


@dataclass
class Mail:
    """A mail that was let through at MAIL and has not ended."""

    connection: Connection
    sender: Sender
    at: int
    decided: bool
    room: float
    external_room: float
    recipients: int = 0
    external: int = 0


class Counting(RuleBasedStateMachine):
    """One mail server, its daemon and a database that fails, against the model."""

    def __init__(self) -> None:
        """Start a daemon on empty tables."""
        super().__init__()
        self.state_dir = tempfile.TemporaryDirectory()
        self.tables = Tables()
        self.model = Model()
        self.mails: list[Mail] = []
        self.may_raise = False
        self.sends_first = False
        self.now = 1_795_305_600
        self._start()

    def _start(self) -> None:
        self.daemon = SteppedDaemon(Path(self.state_dir.name), *_FILE, tables=self.tables)
        self.daemon.now = self.now
        self.daemon.store.sends_first = self.sends_first
        self.state = ServerState(
            self.daemon.ledger,
            SessionSettings(UTC, Wording()),
            self.daemon.events,
            clock=lambda: self.now,
        )
        self.daemon.start()

    def _any(self, number: int) -> Mail:
        return self.mails[number % len(self.mails)]

    @rule(sends_first=st.booleans())
    def server(self, *, sends_first: bool) -> None:
        """The database is a single server, which commits what it has been sent, or a Galera node."""
        self.sends_first = self.daemon.store.sends_first = sends_first

    @rule(sender=_SENDERS)
    def mail(self, sender: Sender) -> None:
        """MAIL on a new connection."""
        connection = Connection(Session(self.state), noreply_offered=False)
        connection.macros["{auth_authen}"] = sender.mailbox
        left = self.model.left("messages", sender, self.now)
        room = self.model.left("recipients", sender, self.now)
        answer = connection.mail()
        if answer == "450":
            assert left < 1 or room < 1, "refused although there was room"
            return
        decided = self.daemon.events.recorded[-1] != "accepted undecided"
        if decided:
            assert left >= 1, "passed a limit on messages"
            assert room >= 1, "passed a limit on recipients"
            self.model.charge("messages", sender, self.now, 1)
        room = min(room, LIMITS["mailbox.recipients_per_message"]) if decided else float("inf")
        external_room = self._external_room(sender) if decided else float("inf")
        self.mails.append(Mail(connection, sender, self.now, decided, room, external_room))

    def _external_room(self, sender: Sender) -> float:
        """Return how many external recipients a mail may have now."""
        messages = self.model.left("external_messages", sender, self.now)
        return self.model.left("external_recipients", sender, self.now) if messages else 0

    @precondition(lambda self: self.mails)
    @rule(number=st.integers(0, 20), times=st.integers(1, 4), external=st.booleans())
    def rcpt(self, number: int, times: int, *, external: bool) -> None:
        """RCPT of a mail, here or elsewhere."""
        mail = self._any(number)
        mail.connection.macros["{rcpt_mailer}"] = "smtp" if external else "virtual"
        for answer in mail.connection.rcpt(times):
            is_room = mail.recipients + 1 <= mail.room
            is_room_outside = not external or mail.external + 1 <= mail.external_room
            assert (answer == Verdict.CONTINUE) == (is_room and is_room_outside)
            if answer == Verdict.CONTINUE:
                mail.recipients += 1
                mail.external += external

    @precondition(lambda self: self.mails)
    @rule(number=st.integers(0, 20))
    def end_of_message(self, number: int) -> None:
        """The end of a mail."""
        mail = self._any(number)
        self.mails.remove(mail)
        left = self.model.left("recipients", mail.sender, self.now)
        is_room = mail.recipients <= left and (
            not mail.external or mail.external <= self._external_room(mail.sender)
        )
        up = self.daemon.ledger.up
        answer = mail.connection.end_of_message()
        if answer == "450":
            assert up, "refused without the database"
            assert mail.decided, "an undecided mail was refused at its end"
            assert not is_room, "refused although there was room"
            self.model.charge("messages", mail.sender, mail.at, -1)
            return
        if not mail.decided:
            self.model.charge("messages", mail.sender, mail.at, 1)
        elif up and self.daemon.ledger.up:
            assert is_room or self._undecided_at_the_end(), "passed a limit"
        self.model.charge("recipients", mail.sender, self.now, mail.recipients)
        self.model.charge("external_recipients", mail.sender, self.now, mail.external)
        self.model.charge("external_messages", mail.sender, self.now, min(1, mail.external))

    def _undecided_at_the_end(self) -> bool:
        return self.daemon.events.recorded[-1] == "accepted undecided"

    @precondition(lambda self: self.mails)
    @rule(number=st.integers(0, 20), ending=st.sampled_from(["abort", "twice", "mail"]))
    def other_end(self, number: int, ending: str) -> None:
        """Any other end of a mail: RSET, a lost connection, both, or a MAIL that is not counted."""
        mail = self._any(number)
        self.mails.remove(mail)
        if ending == "mail":
            del mail.connection.macros["{auth_authen}"]
            assert mail.connection.mail() == Verdict.ACCEPT
        mail.connection.abort()
        if ending == "twice":
            mail.connection.abort()
        if mail.decided:
            self.model.charge("messages", mail.sender, mail.at, -1)

    @rule(seconds=st.sampled_from([1, 60, 1800, 3600, 43_200, 86_400]))
    def time_passes(self, seconds: int) -> None:
        """The clock goes on, perhaps into another hour or day."""
        self.now += seconds
        self.daemon.now = self.now

    @rule(value=st.sampled_from([None, 0, 2, 6]))
    def override(self, value: int | None) -> None:
        """An admin sets Alice's limit in the database."""
        self.tables.limits = [setting(ALICE.mailbox, "mailbox.messages_per_day", value)]
        self.model.overrides = {ALICE.mailbox: value}

    @rule(verb=st.sampled_from(_VERBS), applied=st.booleans())
    def connection_is_lost(self, verb: str, *, applied: bool) -> None:
        """The connection is lost in this verb, before or after it was done."""
        self.daemon.store.fail(verb, StoreUnavailable(), applied=applied and verb == "write")

    @rule(applied=st.booleans(), tries=st.integers(1, 2))
    def outcome_unknown(self, tries: int, *, applied: bool) -> None:
        """The connection is lost in packet 2, and the next ones can't be opened."""
        self.daemon.store.fail("write", StoreUnavailable(), applied=applied)
        self.daemon.store.fail("connect", *[StoreUnavailable() for _ in range(tries)])

    @rule(verb=st.sampled_from(_CONFLICTS))
    def conflict(self, verb: str) -> None:
        """The database rolls back."""
        self.daemon.store.fail(verb, StoreConflict())

    @rule(verb=st.sampled_from(_VERBS))
    def statement_fails(self, verb: str) -> None:
        """The database refuses a statement."""
        self.daemon.store.fail(verb, StoreError())

    @rule(verb=st.sampled_from(_VERBS), applied=st.booleans())
    def something_raises(self, verb: str, *, applied: bool) -> None:
        """A fault of our own, or of the driver."""
        self.daemon.store.fail(verb, RuntimeError(), applied=applied and verb == "write")
        self.may_raise = True

    @rule(away=st.booleans())
    def outage(self, *, away: bool) -> None:
        """The database stops answering, or answers again."""
        self.daemon.store.away = away

    @rule()
    def callback_leaves(self) -> None:
        """The next request's callback runs out of patience while packet 2 is on its way."""
        self.daemon.ledger.leaves = True

    @rule()
    def step(self) -> None:
        """The committer wakes up by itself."""
        self.daemon.step()

    @rule()
    def restart(self) -> None:
        """SIGTERM with mails in flight, which end with their connections; then the next start."""
        for _ in range(len(self.mails)):
            self.other_end(0, "abort")
        away = self.daemon.store.away
        self.daemon.stop()
        self._start()
        self.daemon.store.away = away

    @rule()
    def everything_recovers(self) -> None:
        """With a database that answers, the counters are the model's: to the mail, in every period."""
        self.daemon.store.away = False
        self.daemon.store.forget_faults()
        self.daemon.ledger.leaves = False
        for _ in range(3):
            self.daemon.step()
        assert self.daemon.ledger.up
        assert self.model.used() == {tuple(key): used for key, used in self.tables.used().items()}
        assert self.daemon.ledger.unbooked == 0
        assert not self.daemon.file.path.exists()

    @invariant()
    def no_faults_of_our_own(self) -> None:
        """Nothing raises but what was made to."""
        recorded = [event for event in self.daemon.events.recorded if isinstance(event, tuple)]
        faults = {event for event in recorded if event[0] == "fault"}
        assert faults <= ({("fault", "committer")} if self.may_raise else set())

    @invariant()
    def reservations_are_known(self) -> None:
        """As many reservations are open as mails have not ended."""
        assert len(self.mails) == self.daemon.events.open

    def teardown(self) -> None:
        """Whatever happened, everything recovers."""
        self.everything_recovers()
        self.state_dir.cleanup()


Counting.TestCase.settings = settings(max_examples=60, stateful_step_count=40)
TestCounting = Counting.TestCase
