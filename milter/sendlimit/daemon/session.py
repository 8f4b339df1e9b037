"""The milter session: one SMTP connection of Postfix. The only file that imports pymilter.

Callbacks: envfrom, envrcpt, eom, abort, close; `data` on an inet socket only, where it saves
Postfix 40 ms a mail. State: no mail, a reservation, or a refusal that is held until
end-of-message. abort may come twice or without a mail, close without abort, and nothing comes
after end-of-message (rule R8). Nothing is ever refused in `data`: a client that repeats DATA
would get through.

FAILURE: every callback has one roof; whatever raises, the answer is CONTINUE (R11).
LIMITS: libmilter calls from a few worker threads, one callback a session at a time.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import Milter

from sendlimit import maillog
from sendlimit.rules.episode import Episode
from sendlimit.rules.limit import RECIPIENTS_PER_MESSAGE
from sendlimit.rules.mailbox import Sender, sender_of
from sendlimit.rules.policy import recipient_beyond
from sendlimit.rules.reply import FIXED_TEXT, Reply, one_line

if TYPE_CHECKING:
    from sendlimit.counting.ledger import Reservation
    from sendlimit.daemon.server_state import ServerState
    from sendlimit.rules.decision import LimitUsage

CONTINUE, ACCEPT, TEMPFAIL, NOREPLY = (
    Milter.CONTINUE,
    Milter.ACCEPT,
    Milter.TEMPFAIL,
    Milter.NOREPLY,
)

_NOT_ASKED_FOR = (
    Milter.P_NOCONNECT
    | Milter.P_NOHELO
    | Milter.P_NOBODY
    | Milter.P_NOHDRS
    | Milter.P_NOEOH
    | Milter.P_NOUNKNOWN
    | Milter.P_SKIP
)
_CLIENT = re.compile(r"\[(?:IPv6:)?([^\]]*)\]")


class Session(Milter.Base):
    """One connection; lives from negotiate to close."""

    def __init__(self, desk: ServerState) -> None:
        """Begin without a mail."""
        self._desk = desk
        self._reservation: Reservation | None = None
        self._held: Reply | None = None
        self._reverse_path = b""
        self._recipients = 0
        self._noted = False
        self._after_rcpt = CONTINUE

    # libmilter's callbacks, by their names

    def negotiate(self, opts: list[int]) -> int:
        """Ask for the callbacks that are needed.

        RCPT is answered while a limit on recipients is in force. Otherwise it is only counted,
        without an answer that Postfix would wait for: so a limit that is set in the database
        holds for the next mail of a connection that is open already.
        """
        try:
            offered = opts[1]
            wanted = _NOT_ASKED_FOR
            if not self._desk.conduct.data_callback:
                wanted |= Milter.P_NODATA
            if not self._desk.ledger.limits_recipients and offered & Milter.P_NR_RCPT:
                wanted |= Milter.P_NR_RCPT
                self._after_rcpt = NOREPLY
            opts[1:] = [offered & wanted, 0, 0]
        except Exception:  # noqa: BLE001 - the roof
            self._fault("negotiate")
        return CONTINUE

    def envfrom_bytes(self, reverse_path: bytes, *_parameters: bytes) -> int:
        """MAIL: reserve the message, or refuse."""
        desk = self._desk
        desk.busy.add(self)
        try:
            return self._envfrom(reverse_path)
        except Exception:  # noqa: BLE001 - the roof
            return self._fault("envfrom")
        finally:
            desk.busy.discard(self)

    def envrcpt_bytes(self, _forward_path: bytes, *_parameters: bytes) -> int:
        """RCPT that Postfix accepted: count it, or refuse it."""
        try:
            return self._envrcpt()
        except Exception:  # noqa: BLE001 - the roof
            self._fault("envrcpt")
            return self._after_rcpt

    def data(self) -> int:
        """DATA: nothing, and never a refusal."""
        return CONTINUE

    def eom(self) -> int:
        """End-of-message: make the reservation final, or refuse."""
        desk = self._desk
        desk.busy.add(self)
        try:
            return self._eom()
        except Exception:  # noqa: BLE001 - the roof
            return self._fault("eom")
        finally:
            desk.busy.discard(self)

    def abort(self) -> int:
        """The mail ended without being sent, or there was none: give back what is reserved."""
        try:
            self._drop()
        except Exception:  # noqa: BLE001 - the roof
            self._fault("abort")
        return CONTINUE

    def close(self) -> int:
        """The connection is gone, perhaps without an abort."""
        return self.abort()

    # what they do

    def _envfrom(self, reverse_path: bytes) -> int:
        self._drop()
        desk, conduct = self._desk, self._desk.conduct
        try:
            login = self.getsymval("{auth_authen}")
        except UnicodeDecodeError:
            maillog.accepted_on_failure("?", "the login is not UTF-8")
            return ACCEPT
        if not login:
            desk.events.uncounted(exempt=False)
            return ACCEPT
        sender = sender_of(login, conduct.default_domain)
        if conduct.is_exempt(sender):
            desk.events.uncounted(exempt=True)
            return ACCEPT
        self._reverse_path = reverse_path
        started = time.monotonic()
        reservation = desk.ledger.reserve(sender, int(desk.clock()))
        decision = reservation.decision
        if decision is None:
            return self._undecided(reservation, time.monotonic() - started)
        desk.events.decided(sender, decision, time.monotonic() - started)
        if decision.exceeded is not None:
            self._note(decision.exceeded, sender, refused=decision.refused)
            if decision.refused:
                return self._refuse(self._refusal(decision.exceeded, sender))
        self._reserved(reservation)
        return CONTINUE

    def _undecided(self, reservation: Reservation, seconds: float) -> int:
        """Accept or refuse at MAIL what the ledger could not decide."""
        conduct = self._desk.conduct
        self._desk.events.undecided(accepted=not conduct.tempfail, seconds=seconds)
        if conduct.tempfail:
            maillog.refused_on_failure(reservation.sender.mailbox, "store")
            return self._refuse(conduct.wording.unavailable())
        maillog.accepted_on_failure(reservation.sender.mailbox, "store")
        self._reserved(reservation)
        return CONTINUE

    def _reserved(self, reservation: Reservation) -> None:
        self._reservation = reservation
        self._desk.events.opened()

    def _envrcpt(self) -> int:
        reservation = self._reservation
        if reservation is None or self._held is not None:
            return self._after_rcpt
        hit = self._beyond(reservation, self._recipients + 1)
        if hit is not None and self._after_rcpt != NOREPLY:
            observe = self._desk.ledger.settings.observe
            if not (observe and self._noted):
                self._note(hit, reservation.sender, refused=not observe)
                self._noted = True
            if not observe:
                return self._refuse(self._refusal(hit, reservation.sender))
        self._recipients += 1
        return self._after_rcpt

    def _eom(self) -> int:
        reservation, held, recipients = self._reservation, self._held, self._recipients
        if held is not None:
            self._drop()
            return self._answer(held)
        if reservation is None:
            return CONTINUE
        self._forget()
        hit = self._unanswered(reservation, recipients)
        if hit is not None:
            observe = self._desk.ledger.settings.observe
            self._note(hit, reservation.sender, refused=not observe)
            if not observe:
                self._desk.ledger.release(reservation)
                return self._answer(self._refusal(hit, reservation.sender))
        return self._settle(reservation, recipients)

    def _settle(self, reservation: Reservation, recipients: int) -> int:
        """Make the reservation final; charge the recipients where they are counted (R9)."""
        desk, sender = self._desk, reservation.sender
        at = int(desk.clock())
        if reservation.decision is None:
            desk.ledger.book(reservation, recipients, at)
        elif reservation.decision.counts_recipients and recipients:
            started = time.monotonic()
            decision = desk.ledger.settle(reservation, recipients, at)
            if decision is None:
                desk.events.undecided(
                    accepted=not desk.conduct.tempfail, seconds=time.monotonic() - started
                )
                if desk.conduct.tempfail:
                    desk.ledger.release(reservation)
                    maillog.refused_on_failure(sender.mailbox, "store")
                    return self._answer(desk.conduct.wording.unavailable())
                desk.ledger.book(reservation, recipients, at)
                maillog.accepted_on_failure(sender.mailbox, "store")
            else:
                desk.events.decided(sender, decision, time.monotonic() - started)
                if decision.exceeded is not None:
                    self._note(decision.exceeded, sender, refused=decision.refused)
                    if decision.refused:
                        return self._answer(self._refusal(decision.exceeded, sender))
        if maillog.accepts_debug():
            maillog.accepted(
                sender.mailbox,
                self._client_addr(),
                self._sender_text(),
                self._macro("i"),
                recipients,
            )
        return CONTINUE

    @staticmethod
    def _beyond(reservation: Reservation, recipients: int) -> LimitUsage | None:
        """Return the limit that this many recipients would pass, as of MAIL."""
        if reservation.decision is None or not reservation.decision.recipient_usage:
            return None
        return recipient_beyond(reservation.decision.recipient_usage, recipients)

    def _unanswered(self, reservation: Reservation, recipients: int) -> LimitUsage | None:
        """Return the limit of one mail that RCPT, left without answers, could not refuse at."""
        if self._after_rcpt != NOREPLY or reservation.decision is None:
            return None
        recipient_usage = [
            room
            for room in reservation.decision.recipient_usage
            if room.limit.name == RECIPIENTS_PER_MESSAGE
        ]
        return recipient_beyond(recipient_usage, recipients)

    def _drop(self) -> None:
        """Give back what is reserved and forget the mail; harmless without one."""
        if self._reservation is not None:
            reservation = self._reservation
            self._forget()
            self._desk.ledger.release(reservation)
        self._held = None

    def _forget(self) -> None:
        """Leave the mail; its reservation is final or somebody else's to give back."""
        self._reservation = None
        self._held = None
        self._recipients = 0
        self._noted = False
        self._desk.events.ended()

    def _refuse(self, reply: Reply) -> int:
        """Refuse now, or hold the refusal until end-of-message."""
        if self._desk.conduct.refuse_at_end:
            self._held = reply
            return CONTINUE
        return self._answer(reply)

    def _answer(self, reply: Reply) -> int:
        """Set the reply that TEMPFAIL sends; a text that can't be set gives way to the fixed one."""
        try:
            self.setreply(reply.code, reply.enhanced_status, reply.text.replace("%", "%%"))
        except (ValueError, Milter.error):
            self.setreply(reply.code, reply.enhanced_status, FIXED_TEXT)
        return TEMPFAIL

    def _refusal(self, hit: LimitUsage, sender: Sender) -> Reply:
        conduct = self._desk.conduct
        return conduct.wording.refusal(hit, sender, conduct.calendar, int(self._desk.clock()))

    def _note(self, hit: LimitUsage, sender: Sender, *, refused: bool) -> None:
        """Log and record a refusal (R13), or in observe mode what would have been one."""
        desk = self._desk
        client, reverse_path = self._client_addr(), self._sender_text()
        line = maillog.refused if refused else maillog.would_refuse
        line(hit, sender.mailbox, client, reverse_path, desk.conduct.calendar.local(hit.period.end))
        at = int(desk.clock())
        desk.ledger.record(
            Episode(
                hit.key,
                hit.limit.max,
                at,
                at,
                1,
                one_line(client),
                one_line(reverse_path),
                sender.mailbox,
            )
        )
        desk.events.refused(sender, hit)

    def _client_addr(self) -> str:
        """Return the client's address: {client_addr} where Postfix sends it, else out of `_`."""
        address = self._macro("{client_addr}")
        if address:
            return address
        found = _CLIENT.search(self._macro("_"))
        return found[1] if found else "unknown"

    def _macro(self, name: str) -> str:
        """Return a macro that only the log needs; "" when it is absent or not UTF-8."""
        try:
            return self.getsymval(name) or ""
        except UnicodeDecodeError:
            return ""

    def _sender_text(self) -> str:
        """Return the reverse path as text, without the angle brackets."""
        text = self._reverse_path.decode("utf-8", "backslashreplace")
        return text.removeprefix("<").removesuffix(">")

    def _fault(self, where: str) -> int:
        """Tell what raised, go on (R11)."""
        self._desk.events.fault(where)
        return CONTINUE
