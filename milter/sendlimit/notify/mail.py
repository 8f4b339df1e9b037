"""The mails to admins and to owners of mailboxes, given to the local Postfix.

They can't be counted or limited by ourselves: no login (R1). They can't loop: the envelope
sender is <> and Auto-Submitted says that a program wrote them.
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
from sendlimit.notify.outbox import DeliveryError
from sendlimit.notify.texts import admin_letter, owner_letter
from sendlimit.rules.limit import Scope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sendlimit.config.notify import NotifyTexts
    from sendlimit.notify.notices import Notice
    from sendlimit.notify.texts import Letter
    from sendlimit.rules.window import Calendar

TIMEOUT_S = 30.0
"""For each answer of the mail server; Postfix answers at once when it is well."""


@dataclass(frozen=True, slots=True)
class Post:
    """How mails leave; lives as long as the configuration.

    Attributes:
        smtp_address: host and port.
        sender: address in From; None: sendlimit@ this host's name.
        return_path: envelope sender; "" is <>.
    """

    smtp_address: tuple[str, int]
    sender: str | None
    return_path: str

    def send(self, letter: Letter, recipients: Sequence[str], notice: Notice) -> None:
        """Give a mail to the mail server.

        Raises:
            DeliveryError: it was not taken for at least one recipient.
        """
        message = self._message(letter, recipients, notice)
        try:
            with smtplib.SMTP(*self.smtp_address, host_name(), TIMEOUT_S) as server:
                refused = server.send_message(message, self.return_path, list(recipients))
        except smtplib.SMTPRecipientsRefused as error:
            raise _not_taken(error.recipients) from error
        except smtplib.SMTPResponseException as error:
            raise DeliveryError(
                f"SMTP reply {error.smtp_code}", is_lasting=_is_lasting(error.smtp_code)
            ) from error
        except smtplib.SMTPNotSupportedError as error:
            raise DeliveryError("no SMTPUTF8 for this address", is_lasting=True) from error
        except (OSError, smtplib.SMTPException) as error:
            raise DeliveryError(getattr(error, "strerror", None) or type(error).__name__) from error
        if refused:
            # The others have it: a repetition would reach them twice.
            code = next(iter(refused.values()))[0]
            raise DeliveryError(f"SMTP reply {code} for some recipients", is_lasting=True)

    def _message(self, letter: Letter, recipients: Sequence[str], notice: Notice) -> EmailMessage:
        message = EmailMessage()
        message["From"] = f"sendlimit <{self.sender or f'sendlimit@{host_name()}'}>"
        message["To"] = ", ".join(recipients)
        message["Subject"] = letter.subject
        message["Date"] = formatdate(notice.at)
        message["Message-ID"] = f"<{notice.id}@{host_name()}>"
        message["Auto-Submitted"] = "auto-generated"
        message["X-Auto-Response-Suppress"] = "All"  # the same, for Exchange
        message.set_content(letter.body, cte="quoted-printable")  # no 8BITMIME needed
        return message


class AdminRoute:
    """The way to mail_to."""

    name = "mail"

    def __init__(
        self, post: Post, recipients: Sequence[str], texts: NotifyTexts, calendar: Calendar
    ) -> None:
        """Take the settings."""
        self._post = post
        self._recipients = recipients
        self._texts = texts
        self._calendar = calendar

    def takes(self, notice: Notice) -> bool:
        """Take every notice."""
        del notice
        return True

    def deliver(self, notice: Notice) -> None:
        """Send a notice to all admins in one mail.

        Raises:
            DeliveryError: it was not taken.
        """
        letter = admin_letter(notice, self._texts, self._calendar, host_name())
        self._post.send(letter, self._recipients, notice)


class OwnerRoute:
    """The way to the mailbox whose limit it is."""

    name = "owner"

    def __init__(self, post: Post, texts: NotifyTexts, calendar: Calendar) -> None:
        """Take the settings."""
        self._post = post
        self._texts = texts
        self._calendar = calendar

    def takes(self, notice: Notice) -> bool:
        """Take what concerns the owner: limits of the mailbox, when they hold.

        A login that is no address can't be written to.
        """
        return (
            notice.exceeded is not None
            and notice.sender is not None
            and notice.exceeded.key.scope is Scope.MAILBOX
            and not notice.observe
            and is_address(notice.sender.mailbox)
        )

    def deliver(self, notice: Notice) -> None:
        """Send a notice to the mailbox.

        Raises:
            DeliveryError: it was not taken.
        """
        if notice.sender is not None:
            letter = owner_letter(notice, self._texts, self._calendar)
            self._post.send(letter, [notice.sender.mailbox], notice)


def _not_taken(replies: dict[str, tuple[int, bytes]]) -> DeliveryError:
    """Return the error for replies that refused every recipient."""
    codes = sorted({code for code, _ in replies.values()})
    return DeliveryError(
        f"SMTP reply {' '.join(map(str, codes))}", is_lasting=all(map(_is_lasting, codes))
    )


def _is_lasting(code: int) -> bool:
    return code >= 500  # noqa: PLR2004 - RFC 5321 4.2.1: 5yz is permanent
