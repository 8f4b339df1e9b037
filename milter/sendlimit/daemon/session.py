"""The milter session: one SMTP connection of Postfix, as a speaker of the milter protocol tells it.

A session decides whose mail is counted (R1, R2) and keeps the mail that has not ended;
`transaction` does the rest. It knows no libmilter: `callbacks` is the speaker that does.
abort may come twice or without a mail, the connection may end without abort, and nothing comes
after end-of-message (rule R8). Nothing is ever refused at DATA, which is why a session has no such
step: a client that repeats DATA would get through.

FAILURE: what raises goes to the speaker, which tells it and lets the mail pass (R11).
LIMITS: one step at a time; steps may come from any thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sendlimit import maillog
from sendlimit.daemon.transaction import MailTransaction, client_addr
from sendlimit.daemon.verdict import ACCEPT, CONTINUE, NOREPLY
from sendlimit.rules.mailbox import sender_of

if TYPE_CHECKING:
    from sendlimit.daemon.server_state import ServerState
    from sendlimit.daemon.verdict import Answer, MacroLookup


class Wanted(NamedTuple):
    """What a session wants to be sent, besides MAIL, RCPT, end-of-message and abort.

    Attributes:
        data: DATA, too.
        rcpt_answered: Postfix waits for an answer to RCPT.
        rcpt_mailer: RCPT comes with the macro {rcpt_mailer}, whatever main.cf says.
    """

    data: bool
    rcpt_answered: bool
    rcpt_mailer: bool


class Session:
    """One connection; lives from its first step to its end.

    Attributes:
        after_rcpt: the answer to a RCPT that passes, as negotiated; also that after a fault.
    """

    __slots__ = ("_mail", "_server", "after_rcpt")

    def __init__(self, server: ServerState) -> None:
        self._server = server
        self._mail: MailTransaction | None = None
        self.after_rcpt = CONTINUE

    def negotiate(self, *, noreply_offered: bool) -> Wanted:
        """Return what to ask for.

        RCPT is answered while a limit on recipients is in force. Otherwise it is only counted,
        without an answer that Postfix would wait for: so a limit that is set in the database
        holds for the next mail of a connection that is open already.

        {rcpt_mailer} is in Postfix's own list of macros. It is asked for only after it was missing,
        because asking costs a quarter of the rate where each mail has a connection of its own.

        Args:
            noreply_offered: Postfix can send RCPT without waiting for an answer.
        """
        server = self._server
        rcpt_answered = server.ledger.limits_recipients or not noreply_offered
        self.after_rcpt = CONTINUE if rcpt_answered else NOREPLY
        return Wanted(
            server.settings.data_callback,
            rcpt_answered,
            server.lacks_rcpt_mailer and server.ledger.limits_external,
        )

    def mail(self, reverse_path: bytes, macro: MacroLookup) -> Answer:
        """MAIL: reserve the message, or refuse.

        Args:
            reverse_path: as the client wrote it, usually in angle brackets.
            macro: looks up {auth_authen}, and for the log {client_addr} and `_`.
        """
        if self._mail is not None:
            self.abort()
        server = self._server
        try:
            login = macro("{auth_authen}")
        except UnicodeDecodeError:
            maillog.accepted_on_failure("?", "the login is not UTF-8")
            return ACCEPT
        if not login:
            server.events.uncounted(exempt=False)
            return ACCEPT
        settings = server.settings
        spellings = server.login_map
        if spellings is None:
            sender = sender_of(login, settings.default_domain)
        else:
            sender = spellings.sender_of(login)
        client = client_addr(macro) if settings.exempt_clients else ""
        if (settings.exempt and settings.is_exempt(sender)) or (
            client and settings.is_exempt_client(client)
        ):
            server.events.uncounted(exempt=True)
            return ACCEPT
        mail = MailTransaction(
            server, sender, reverse_path, rcpt_answered=self.after_rcpt is CONTINUE
        )
        suspender = server.suspender
        if suspender is not None and sender.mailbox in suspender.waiting:
            answer = mail.suspended(macro)
            if answer is CONTINUE:
                self._mail = mail
            return answer
        answer = mail.reserve(macro)
        if answer is CONTINUE:
            self._mail = mail
            if suspender is not None and suspender.watches_clients:
                suspender.sent(sender, client or client_addr(macro))
        return answer

    def rcpt(self, macro: MacroLookup) -> Answer:
        """RCPT that Postfix accepted: count it, or refuse it."""
        mail = self._mail
        if mail is not None:
            reply = mail.rcpt(macro)
            if reply is not None:
                return reply
        return self.after_rcpt

    def end_of_message(self, macro: MacroLookup) -> Answer:
        """End-of-message: make the reservation final, or refuse."""
        mail = self._mail
        self._mail = None
        return CONTINUE if mail is None else mail.end(macro)

    def abort(self) -> None:
        """Give back what is reserved: the mail ended without being sent; harmless without one."""
        mail = self._mail
        self._mail = None
        if mail is not None:
            mail.release()
