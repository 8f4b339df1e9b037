"""The mail of a session, from MAIL to its end (RFC 5321 3.3): one state machine.

`STEPS` is all that can happen to a mail, `_step` alone changes the state. RCPT changes it only
where a refusal waits for end-of-message. Whatever is RESERVED, UNDECIDED or HELD when the client
says RSET or MAIL, when another filter refuses, or when the connection ends, is released (R8).

FAILURE: without the ledger a mail is UNDECIDED: it passes and is booked at its end, or is refused,
as store.on_failure says (R11).
LIMITS: one call at a time; a call may wait for the ledger, at most store.decision_timeout_s.
"""

from __future__ import annotations

import time
from enum import StrEnum
from typing import TYPE_CHECKING

from sendlimit import maillog
from sendlimit.counting.illegal_step import IllegalStepError
from sendlimit.daemon.verdict import CONTINUE
from sendlimit.maillog import Refusal
from sendlimit.rules.client import UNKNOWN, client_address
from sendlimit.rules.episode import Episode
from sendlimit.rules.limit import RECIPIENTS_PER_MESSAGE, SUSPENSION, Scope
from sendlimit.rules.plan import suspension
from sendlimit.rules.policy import recipient_beyond
from sendlimit.rules.reply import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sendlimit.counting.reservation import Reservation
    from sendlimit.daemon.server_state import ServerState
    from sendlimit.daemon.verdict import Answer, MacroLookup
    from sendlimit.rules.decision import Decision, LimitUsage
    from sendlimit.rules.mailbox import Sender
    from sendlimit.rules.reply import Reply


class MailState(StrEnum):
    """Where a mail is."""

    IDLE = "idle"
    """MAIL is not decided."""
    RESERVED = "reserved"
    """It passed MAIL, and its message is reserved."""
    UNDECIDED = "undecided"
    """It passed MAIL without a decision, and nothing is reserved."""
    HELD = "held"
    """It is refused, and the reply waits for end-of-message (reply.at)."""
    SETTLED = "settled"
    """End: it is counted."""
    BOOKED = "booked"
    """End: it will be counted, whatever the limits are."""
    REFUSED = "refused"
    """End: it got a reply, and counts nothing."""
    RELEASED = "released"
    """End: it was not sent, and counts nothing."""

    __hash__ = str.__hash__  # Enum's own is written in Python, and each look-up in a dict calls it


IDLE, RESERVED, UNDECIDED, HELD, SETTLED, BOOKED, REFUSED, RELEASED = MailState

STEPS: Mapping[MailState, frozenset[MailState]] = {
    IDLE: frozenset({RESERVED, UNDECIDED, HELD, REFUSED}),
    RESERVED: frozenset({HELD, SETTLED, BOOKED, REFUSED, RELEASED}),
    UNDECIDED: frozenset({BOOKED, RELEASED}),
    HELD: frozenset({REFUSED, RELEASED}),
    SETTLED: frozenset(),
    BOOKED: frozenset(),
    REFUSED: frozenset(),
    RELEASED: frozenset(),
}


class MailTransaction:
    """One mail of a login that is counted; lives from MAIL to its end.

    Args:
        server: what all sessions share.
        sender: whose mail.
        reverse_path: as the client wrote it.
        rcpt_answered: a RCPT can be refused; otherwise Postfix waits for no answer to it.

    Attributes:
        state: where the mail is.
    """

    __slots__ = (
        "_counts_external", "_external", "_held", "_rcpt_answered", "_recipients", "_reported", "_reservation", "_reverse_path", "_sender",
        "_server", "state",
    )  # fmt: skip

    def __init__(
        self, server: ServerState, sender: Sender, reverse_path: bytes, *, rcpt_answered: bool
    ) -> None:
        self.state = IDLE
        self._server = server
        self._sender = sender
        self._reverse_path = reverse_path
        self._rcpt_answered = rcpt_answered
        self._reported = False
        self._recipients = 0
        self._external = 0
        self._counts_external = False
        self._reservation: Reservation | None = None
        self._held: Reply | None = None

    def reserve(self, macro: MacroLookup) -> Answer:
        """MAIL: reserve the message. The mail goes on if the answer is CONTINUE, else it has ended."""
        server = self._server
        started = time.monotonic()
        reservation = server.ledger.reserve(self._sender, int(server.clock()))
        seconds = time.monotonic() - started
        if reservation.decision is None:
            state, reply = UNDECIDED, self._undecided(seconds)
        else:
            state, reply = RESERVED, self._decided(reservation.decision, seconds, macro)
        if reply is None:
            self._step(state)
            self._reservation = reservation
            decision = reservation.decision
            # What a batch has read of the database may be newer than what is known of it.
            self._counts_external = (
                server.ledger.limits_external if decision is None else decision.counts_external
            )
            server.events.opened()
            return CONTINUE
        if server.settings.refuse_at_end:
            self._hold(reply)
            return CONTINUE
        self._step(REFUSED)
        return reply

    def suspended(self, macro: MacroLookup) -> Answer:
        """MAIL of a login whose suspension is not in the tables yet: refuse it, now or at the end (R17)."""
        server = self._server
        settings, now = server.settings, int(server.clock())
        usage = suspension(self._sender, now, settings.calendar)
        self._report(usage, macro, now, refused=True)
        reply = settings.wording.refusal(usage, self._sender, settings.calendar, now)
        if settings.refuse_at_end:
            self._hold(reply)
            return CONTINUE
        self._step(REFUSED)
        return reply

    def rcpt(self, macro: MacroLookup) -> Reply | None:
        """RCPT: count it. Return the reply that refuses it alone, None when it passes (R9, R18)."""
        server, external = self._server, self._external
        if self._counts_external and server.is_external(_text(macro, "{rcpt_mailer}")):
            external += 1
        reservation, recipients = self._reservation, self._recipients + 1
        if (
            self._rcpt_answered
            and self.state is RESERVED
            and reservation is not None
            and not reservation.has_room(recipients, external)
        ):
            exceeded = recipient_beyond(reservation.recipient_usage, recipients, external)
            settings = server.settings
            if exceeded is not None:
                reply = self._exceeded(exceeded, macro, refused=not settings.observe)
                if reply is not None:
                    if not settings.refuse_at_end:
                        return reply
                    self._hold(reply)
                    return None
        self._recipients = recipients
        self._external = external
        return None

    def end(self, macro: MacroLookup) -> Answer:
        """End-of-message: make the reservation final, book what is not reserved, or refuse."""
        if self._held is not None:
            self._give_back(REFUSED)
            return self._held
        reservation = self._reservation
        if reservation is None or not STEPS[self.state]:
            raise IllegalStepError(f"a mail that is {self.state} has no end-of-message")
        self._server.events.ended()
        reply = None
        if reservation.decision is None:
            self._book(reservation)
        else:
            reply = self._settle(reservation, reservation.decision, macro)
        if reply is not None:
            return reply
        if maillog.accepts_debug():
            maillog.accepted(
                self._sender.mailbox,
                client_addr(macro),
                self._sender_text(),
                _text(macro, "i"),
                self._recipients,
            )
        return CONTINUE

    def release(self) -> None:
        """Any other end: give back what is reserved."""
        self._give_back(RELEASED)

    def _step(self, state: MailState) -> None:
        if state not in STEPS[self.state]:
            raise IllegalStepError(f"a mail that is {self.state} can't be {state}")
        self.state = state

    def _hold(self, reply: Reply) -> None:
        self._step(HELD)
        self._held = reply

    def _give_back(self, state: MailState) -> None:
        self._step(state)
        if self._reservation is not None:
            self._server.events.ended()
            self._server.ledger.release(self._reservation)

    def _book(self, reservation: Reservation) -> None:
        self._step(BOOKED)
        server = self._server
        server.ledger.book(reservation, self._recipients, int(server.clock()), self._external)

    def _settle(
        self, reservation: Reservation, decision: Decision, macro: MacroLookup
    ) -> Reply | None:
        """Charge the recipients where they are counted (R9, R18). Return the reply that refuses the mail."""
        server, recipients, external = self._server, self._recipients, self._external
        if decision.recipient_usage and not self._rcpt_answered:
            exceeded = recipient_beyond(
                [usage for usage in decision.recipient_usage if usage.limit.name == RECIPIENTS_PER_MESSAGE],
                recipients,
                external,
            )  # fmt: skip
            if exceeded is not None:
                reply = self._exceeded(exceeded, macro, refused=not server.settings.observe)
                if reply is not None:
                    self._step(REFUSED)
                    server.ledger.release(reservation)
                    return reply
        counts = decision.counts_recipients and recipients
        if not (counts or (decision.counts_external and external)):
            self._step(SETTLED)
            return None
        started = time.monotonic()
        settled = server.ledger.settle(reservation, recipients, int(server.clock()), external)
        seconds = time.monotonic() - started
        if settled is not None:
            reply = self._decided(settled, seconds, macro)
            self._step(SETTLED if reply is None else REFUSED)
            return reply
        reply = self._undecided(seconds)
        if reply is None:
            self._book(reservation)
        else:
            self._step(REFUSED)
            server.ledger.release(reservation)
        return reply

    def _decided(self, decision: Decision, seconds: float, macro: MacroLookup) -> Reply | None:
        """Report a decision that took so long. Return the reply that refuses the mail."""
        if decision.metered and not decision.refused:
            self._server.events.undecided(accepted=True, seconds=seconds)
            maillog.accepted_on_failure(self._sender.mailbox, "metered")
        else:
            self._server.events.decided(self._sender, decision, seconds)
        if decision.exceeded is None:
            return None
        return self._exceeded(decision.exceeded, macro, refused=decision.refused)

    def _undecided(self, seconds: float) -> Reply | None:
        """Report that the ledger could not decide. Return the reply of on_failure = "tempfail"."""
        settings, mailbox = self._server.settings, self._sender.mailbox
        self._server.events.undecided(accepted=not settings.tempfail, seconds=seconds)
        if settings.tempfail:
            maillog.refused_on_failure(mailbox, "store")
            return settings.wording.unavailable()
        maillog.accepted_on_failure(mailbox, "store")
        return None

    def _exceeded(self, exceeded: LimitUsage, macro: MacroLookup, *, refused: bool) -> Reply | None:
        """Report a refusal, or in observe mode what would have been one.

        Returns:
            The reply; None in observe mode (R12).
        """
        settings, at = self._server.settings, int(self._server.clock())
        # A refused mail meets one limit only: in observe mode, too, only its first is reported.
        if refused or not self._reported:
            self._report(exceeded, macro, at, refused=refused)
        self._reported = True
        if not refused:
            return None
        return settings.wording.refusal(exceeded, self._sender, settings.calendar, at)

    def _report(self, exceeded: LimitUsage, macro: MacroLookup, at: int, *, refused: bool) -> None:
        """Log and record a refusal (R13)."""
        server, sender = self._server, self._sender
        client, reverse_path = client_addr(macro), self._sender_text()
        again = exceeded.resets_at
        resets_at = None if again is None else server.settings.calendar.local(again)
        server.refusals.refused(
            Refusal(exceeded, sender.mailbox, client, reverse_path, resets_at, refused)
        )
        server.ledger.record(
            Episode(
                exceeded.key,
                exceeded.limit.max,
                at,
                at,
                1,
                one_line(client),
                one_line(reverse_path),
                sender.mailbox,
            )
        )
        server.events.refused(sender, exceeded)
        name = exceeded.limit.name
        if server.suspender is not None and name.scope is Scope.MAILBOX and name != SUSPENSION:
            server.suspender.refused(sender, client)

    def _sender_text(self) -> str:
        """Return the reverse path as text, without the angle brackets."""
        text = self._reverse_path.decode("utf-8", "backslashreplace")
        return text.removeprefix("<").removesuffix(">")


def client_addr(macro: MacroLookup) -> str:
    """Return the client's address in one spelling, "unknown" where Postfix does not know it."""
    client = client_address(_text(macro, "_"), "")
    return client if client != UNKNOWN else client_address("", _text(macro, "{client_addr}"))


def _text(macro: MacroLookup, name: str) -> str:
    """Return a macro that only the log needs; "" when it is absent or not UTF-8."""
    try:
        return macro(name) or ""
    except UnicodeDecodeError:
        return ""
