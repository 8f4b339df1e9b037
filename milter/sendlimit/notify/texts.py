"""The texts of notices: a sentence for the webhook, subject and body of the mails. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sendlimit.notify.notices import Event
from sendlimit.rules.reply import for_window, names_a_moment, one_line, values

if TYPE_CHECKING:
    from sendlimit.config.notify_texts import MailText, NotifyTexts, SuspendedText
    from sendlimit.notify.notices import Notice
    from sendlimit.rules.window import Calendar

_OBSERVING = 'Mode "observe": nothing is refused.'
_SENTENCES = {
    Event.WARNING: "{mailbox} is close to the {scope} limit: {used} of {limit} {unit} per {window}",
    Event.LIMIT_REACHED: "{mailbox} has reached the {scope} limit: {used} of {limit} {unit} per {window}",
}


_FOUND = {
    Event.FINDING: "sendlimit doctor has found an error: {error}",
    Event.FINDING_OVER: "sendlimit doctor does not find this error any more: {error}",
}
_SUSPENDED = "{mailbox} is suspended until {until}: {reason}, from {clients}"
_WOULD_SUSPEND = (
    "{mailbox} would be suspended until {until}: {reason}, from {clients} (observe mode)"
)


class Mail(NamedTuple):
    """A mail without its addresses; the subject is one line."""

    subject: str
    body: str


_OFF_OWNER = Mail(
    "Sending is switched off for {mailbox}",
    "A mail of {mailbox} was refused: the limit is 0 {unit} per {window}.\n"
    "Ask your administrator.\n",
)
_OFF_ADMIN = Mail(
    "sendlimit: mail of {mailbox} is refused: the {scope} limit is 0 {unit} per {window}",
    "A mail of {mailbox} was refused: the {scope} limit is 0 {unit} per {window}.\n\n"
    "See 'sendlimit show {mailbox}'.\n",
)
"""Instead of texts that name a moment where the limit is 0: no new period helps."""
_WATCHED_ADMIN = Mail(
    "sendlimit: {mailbox} would be suspended: {reason}",
    "{mailbox} would be suspended until {until}: {reason}.\n"
    "Clients, the last first: {clients}.\n\n"
    "Are these not its own, change its password.\n",
)
"""Instead of admin_suspended in observe mode, whose words say that it is suspended."""


def sentence(notice: Notice, calendar: Calendar) -> str:
    """Return a notice in one line, as chat programs show it."""
    match notice.event:
        case Event.STORE_DOWN:
            return "Nothing is decided: sending limits do not hold"
        case Event.STORE_BACK:
            return f"Sending limits hold again, mails accepted meanwhile and counted now: {notice.bookings}"
        case Event.FINDING | Event.FINDING_OVER:
            return _FOUND[notice.event].format(error=one_line(notice.error))
        case Event.TEST:
            return "This is a test: notices of sendlimit arrive here"
        case Event.SUSPENDED:
            text = _WOULD_SUSPEND if notice.observe else _SUSPENDED
            return text.format_map(_values(notice, calendar))
        case event:
            text = _SENTENCES[event].format_map(_values(notice, calendar))
            return f"{text} (observe mode)" if notice.observe else text


def admin_mail(notice: Notice, texts: NotifyTexts, calendar: Calendar, host: str) -> Mail:
    """Return the mail to admins; its body ends with the host and the time."""
    when = calendar.local(notice.at).strftime("%Y-%m-%d %H:%M:%S %Z").rstrip()
    footer = f"-- \nsendlimit on {host}, {when}\n"
    match notice.event:
        case Event.STORE_DOWN:
            body = (
                f"{notice.error}\n\nMail that can't be counted is treated as store.on_failure says."
                "\nSee 'sendlimit check'.\n"
            )
        case Event.STORE_BACK:
            body = f"Limits hold again. Mails accepted meanwhile: {notice.bookings}, all counted.\n"
        case Event.FINDING | Event.FINDING_OVER:
            body = "See 'sendlimit doctor': it says why it matters and what mends it.\n"
        case Event.TEST:
            body = "Sent by 'sendlimit notify test'.\n"
        case Event.SUSPENDED:
            template = _WATCHED_ADMIN if notice.observe else texts.admin_suspended
            filled = _filled(template, _OFF_ADMIN, notice, calendar)
            observing = f"\n{_OBSERVING}\n" if notice.observe else ""
            return Mail(filled.subject, f"{filled.body}{observing}\n{footer}")
        case event:
            chosen = texts.admin_warning if event is Event.WARNING else texts.admin_reached
            mail = _filled(chosen, _OFF_ADMIN, notice, calendar)
            observing = f"\n{_OBSERVING}\n" if notice.observe else ""
            return Mail(mail.subject, f"{mail.body}{observing}\n{footer}")
    return Mail(f"sendlimit: {sentence(notice, calendar)}", f"{body}\n{footer}")


def owner_mail(notice: Notice, texts: NotifyTexts, calendar: Calendar) -> Mail:
    """Return the mail to the owner of a mailbox about a limit, or a test."""
    if notice.event is Event.TEST:
        return Mail("A test of sendlimit", f"{sentence(notice, calendar)}\n")
    if notice.event is Event.SUSPENDED:
        return _filled(texts.owner_suspended, _OFF_OWNER, notice, calendar)
    is_warning = notice.event is Event.WARNING
    template = texts.owner_warning if is_warning else texts.owner_reached
    return _filled(template, _OFF_OWNER, notice, calendar)


def _filled(
    template: MailText | SuspendedText | Mail, off: Mail, notice: Notice, calendar: Calendar
) -> Mail:
    if notice.exceeded is not None and notice.exceeded.resets_at is None:
        promises = names_a_moment(template.subject) or names_a_moment(template.body)
        template = off if promises else template
    subject, body = template.subject, template.body
    if notice.exceeded is not None:
        subject, body = for_window(subject, notice.exceeded), for_window(body, notice.exceeded)
    filling = _values(notice, calendar)
    return Mail(one_line(subject.format_map(filling)), body.format_map(filling))


def _values(notice: Notice, calendar: Calendar) -> dict[str, str]:
    """Return the values of the placeholders, each in one line: a login may hold line breaks."""
    if notice.suspension is not None:
        suspension, until = notice.suspension, notice.suspension.until
        return {
            "mailbox": one_line(suspension.sender.mailbox),
            "domain": one_line(suspension.sender.domain or suspension.sender.mailbox),
            "reason": suspension.cause,
            "number": str(suspension.number),
            "clients": one_line(" ".join(suspension.clients)),
            "until": "released" if until is None else calendar.local_text_with_zone(until),
        }
    if notice.exceeded is None or notice.sender is None:
        return {}
    found = values(notice.exceeded, notice.sender, calendar, notice.at)
    return {name: one_line(value) for name, value in found.items()}
