"""Find mail of logins that has flowed past sendlimit: in Postfix's log, and in no counter.

Pure. FAILURE: what can't be known is no finding: a log that can't be read, mail on connections
from before the daemon's start or of which the log has no beginning, logins that are exempt or that
were renamed or forgotten.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from sendlimit.doctor.check import Check, found, passed
from sendlimit.postfix.finding import error
from sendlimit.rules.client import address_of, is_in

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from sendlimit.postfix.mail_log import QueuedMail
    from sendlimit.rules.client import Network
    from sendlimit.rules.mailbox import Sender
    from sendlimit.rules.window import Calendar

SETTLES_S = 10
"""Mail that is newer may not be in the counters yet."""
_NAMED = 5


def senders_in_log(
    mails: Iterable[QueuedMail],
    span: tuple[int, int],
    sender_of: Callable[[str], Sender],
    is_exempt: Callable[[Sender], bool],
    exempt_clients: Collection[Network],
) -> dict[str, dict[str, int]]:
    """Return the mailboxes whose mail has to be in the counters.

    Args:
        mails: of Postfix's log.
        span: the connection began after the first moment, the mail was queued before the second.
        sender_of: whose mail a login's is.
        is_exempt: whether a sender's mail is not counted.
        exempt_clients: whose mail is not counted either.

    Returns:
        By the program that took it, the mailboxes, each with the moment of its last mail.
    """
    since, until = span
    last: dict[str, dict[str, int]] = defaultdict(dict)
    for mail in mails:
        is_told = mail.connected_at is not None and mail.connected_at > since
        if not is_told or mail.at >= until or not _is_whole(mail.login):
            continue
        if exempt_clients and is_in(address_of(mail.client), exempt_clients):
            continue
        sender = sender_of(mail.login)
        if not is_exempt(sender):
            last[mail.program][sender.mailbox] = mail.at
    return dict(last)


def uncounted(
    log: str, logged: Mapping[str, Mapping[str, int]], seen: Collection[str], calendar: Calendar
) -> Check:
    """Compare the mailboxes of the log with those of the counters.

    Args:
        log: the file or the journal, to be named.
        logged: by senders_in_log.
        seen: mailboxes that the counters know.
        calendar: for the times.
    """
    findings = []
    for program, mailboxes in sorted(logged.items()):
        missing = sorted(mailboxes.keys() - seen)
        if not missing:
            continue
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        at = calendar.local_text(max(mailboxes[mailbox] for mailbox in missing))
        findings.append(
            error(
                "login-uncounted",
                program,
                f"it took mail of {', '.join(missing[:_NAMED])}{more}, the last at {at} ({log}),"
                " and no counter has seen these logins",
                "mail of logins flows past sendlimit there and is not limited",
                "sendlimit postfix status shows which service does not ask; sendlimit postfix"
                " attach, then: postfix reload",
            )
        )
    if findings:
        return found("uncounted", *findings)
    number = len({mailbox for mailboxes in logged.values() for mailbox in mailboxes})
    return passed("uncounted", f"logins of {log} since the daemon's start: {number}, all counted")


def not_told(reason: str) -> Check:
    """Return the check that could not be made."""
    return passed("uncounted", f"not looked at: {reason}")


def _is_whole(login: str) -> bool:
    """Say whether a login is in the log as Postfix passes it on."""
    return login.isprintable() and "?" not in login and "\N{REPLACEMENT CHARACTER}" not in login
