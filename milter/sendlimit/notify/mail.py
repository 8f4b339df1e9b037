"""The mails to admins and to owners of mailboxes, given to the local Postfix.

They are not counted, because no login sends them (R1). They can't loop: the envelope sender is <>
and Auto-Submitted says that a program wrote them.
Source: RFC 3834 (Auto-Submitted), RFC 5321 4.5.5 (null reverse-path).
"""

from __future__ import annotations

import smtplib
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate
from typing import TYPE_CHECKING

from sendlimit.config.notify import is_address
from sendlimit.notify.host import host_name
from sendlimit.notify.notices import Event
from sendlimit.notify.outbox import DeliveryError, Route
from sendlimit.notify.texts import admin_mail, owner_mail
from sendlimit.rules.limit import Scope

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sendlimit.config.notify_texts import NotifyTexts
    from sendlimit.notify.notices import Notice
    from sendlimit.notify.texts import Mail
    from sendlimit.rules.window import Calendar

TIMEOUT_S = 30.0
"""For each answer of the mail server; a healthy Postfix answers at once."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """The server that takes the mails, and their sender; lives as long as the configuration.

    Attributes:
        address: host and port.
        mail_from: address in From; None: sendlimit@ this host's name.
        return_path: envelope sender; "" is <>.
    """

    address: tuple[str, int]
    mail_from: str | None
    return_path: str

    def send(self, mail: Mail, recipients: Sequence[str], notice: Notice) -> None:
        """Send a mail to all recipients.

        Raises:
            DeliveryError: the server did not take it for at least one recipient.
        """
        message = self._message(mail, recipients, notice)
        try:
            with smtplib.SMTP(*self.address, host_name(), TIMEOUT_S) as server:
                refused = server.send_message(message, self.return_path, list(recipients))
        except smtplib.SMTPRecipientsRefused as error:
            raise _refusal(code for code, _ in error.recipients.values()) from error
        except smtplib.SMTPResponseException as error:
            raise _refusal([error.smtp_code]) from error
        except smtplib.SMTPNotSupportedError as error:
            raise DeliveryError("no SMTPUTF8 for this address", is_permanent=True) from error
        except (OSError, smtplib.SMTPException) as error:
            raise DeliveryError(getattr(error, "strerror", None) or type(error).__name__) from error
        if refused:
            # The other recipients have the mail: another try would send it to them twice.
            code = next(iter(refused.values()))[0]
            raise DeliveryError(f"SMTP reply {code} for some recipients", is_permanent=True)

    def _message(self, mail: Mail, recipients: Sequence[str], notice: Notice) -> EmailMessage:
        message = EmailMessage()
        message["From"] = f"sendlimit <{self.mail_from or f'sendlimit@{host_name()}'}>"
        message["To"] = ", ".join(recipients)
        message["Subject"] = mail.subject
        message["Date"] = formatdate(notice.at)
        message["Message-ID"] = f"<{notice.id}@{host_name()}>"
        message["Auto-Submitted"] = "auto-generated"
        message["X-Auto-Response-Suppress"] = "All"  # the same, for Exchange
        message.set_content(mail.body, cte="quoted-printable")  # no 8BITMIME needed
        return message


def _refusal(codes: Iterable[int]) -> DeliveryError:
    """Return the error for replies that refuse every recipient."""
    different = sorted(set(codes))
    return DeliveryError(
        f"SMTP reply {' '.join(map(str, different))}",
        is_permanent=all(code >= 500 for code in different),  # noqa: PLR2004 - RFC 5321 4.2.1
    )


@dataclass(frozen=True)
class AdminRoute(Route):
    """Sends every notice to the addresses of mail_to, in one mail."""

    name = "mail"

    server: MailServer
    recipients: Sequence[str]
    texts: NotifyTexts
    calendar: Calendar

    def deliver(self, notice: Notice) -> None:
        """Send a notice to all admins.

        Raises:
            DeliveryError: it was not taken.
        """
        mail = admin_mail(notice, self.texts, self.calendar, host_name())
        self.server.send(mail, self.recipients, notice)


@dataclass(frozen=True)
class OwnerRoute(Route):
    """Sends the notices about a mailbox to that mailbox."""

    name = "owner"

    server: MailServer
    texts: NotifyTexts
    calendar: Calendar

    def takes(self, notice: Notice) -> bool:
        """Take notices about limits of the mailbox, if they are enforced, and tests.

        A login that is no address gets no mail.
        """
        if notice.sender is None or not is_address(notice.sender.mailbox):
            return False
        if notice.event is Event.TEST:
            return True
        if notice.event is Event.SUSPENDED:
            return not notice.observe
        return (
            notice.exceeded is not None
            and notice.exceeded.key.scope is Scope.MAILBOX
            and not notice.observe
        )

    def deliver(self, notice: Notice) -> None:
        """Send a notice to the mailbox.

        Raises:
            DeliveryError: it was not taken.
        """
        if notice.sender is not None:
            mail = owner_mail(notice, self.texts, self.calendar)
            self.server.send(mail, [notice.sender.mailbox], notice)
