"""The words of a refusal: one line, 4yz, safe to send (webmail-proof). Pure.

Source: RFC 5321 4.2 (reply codes), RFC 3463 (enhanced status codes), Postfix and libmilter:
the caller of setreply doubles "%", a line of more than 980 bytes is not sent.
"""

from __future__ import annotations

import string
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from sendlimit.rules.limit import RECIPIENTS_PER_MESSAGE, SUSPENSION, Scope, Unit, subject_of
from sendlimit.rules.window import ROLLING_WINDOWS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sendlimit.rules.decision import LimitUsage
    from sendlimit.rules.mailbox import Sender
    from sendlimit.rules.window import Calendar

LINE_MAX = 980
PLACEHOLDERS = (
    "used", "limit", "remaining", "unit", "mailbox", "domain", "scope", "window", "resets_at", "resets_in",
)  # fmt: skip

_RESUMES = "sending works again from {resets_at}"
DEFAULT_TEXTS: Mapping[str, str] = {
    "mailbox": f"Sending limit reached: {{used}} of {{limit}} {{unit}} sent by {{mailbox}} this {{window}}, {_RESUMES}",
    "domain": f"Sending limit reached: {{used}} of {{limit}} {{unit}} sent by {{domain}} this {{window}}, {_RESUMES}",
    "global": f"Sending limit of this server reached: {{used}} of {{limit}} {{unit}} this {{window}}, {_RESUMES}",
    "message": "Too many recipients: one mail of {mailbox} may go to {limit} at most",
    "suspended": "Sending is suspended for {mailbox}, please ask your administrator",
}
"""By scope; "message" is for recipients_per_message. At most 160 characters filled in."""

SUSPENDED_PLACEHOLDERS = ("mailbox", "domain")
"""Those of the text "suspended": no number helps a thief to find out what is noticed (R17)."""

OFF_TEXTS: Mapping[str, str] = {
    "mailbox": "Sending is switched off for {mailbox}",
    "domain": "Sending is switched off for {domain}",
    "global": "Sending is switched off on this server",
    "message": DEFAULT_TEXTS["message"],
    "suspended": DEFAULT_TEXTS["suspended"],
}
"""Instead of texts that name a moment where the limit is 0: no new period helps."""

_ROLLING = (
    ("this {window}", "in any {window}"),
    ("The count starts again at {resets_at}", "The count begins to fall at {resets_at}"),
)
"""What is said of a period, and of a rolling window."""

FIXED_TEXT = "Sending limit reached, please try again later"
"""Sent when a configured text can't be filled in or sent."""

NEVER = "never"
"""For a moment that does not come: the limit is 0, or is about one mail."""

UNAVAILABLE_TEXT = "Sending limits can't be checked at the moment, please try again later"
"""Sent with on_failure = "tempfail"."""


class Reply(NamedTuple):
    """A temporary refusal: 4yz, 4.y.z, one line of text."""

    code: str
    enhanced_status: str
    text: str


@dataclass(frozen=True, slots=True)
class Wording:
    """How refusals are worded; lives as long as the configuration that it comes from.

    Attributes:
        code: 4yz.
        enhanced_status: 4.y.z.
        texts: by scope, and "message"; what is absent has its default.
        by_domain: texts that replace those for the mailboxes of a domain.
    """

    code: str = "450"
    enhanced_status: str = "4.7.1"
    texts: Mapping[str, str] = field(default_factory=dict)
    by_domain: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def refusal(self, exceeded: LimitUsage, sender: Sender, calendar: Calendar, at: int) -> Reply:
        """Word a refusal; never fails: a text that can't be used gives way to the fixed one."""
        kind = kind_of(exceeded)
        own = self.by_domain.get(sender.domain or "", {})
        template = own.get(kind) or self.texts.get(kind) or DEFAULT_TEXTS[kind]
        try:
            if exceeded.resets_at is None and names_a_moment(template):
                template = OFF_TEXTS[kind]
            template = for_window(template, exceeded)
            text = one_line(template.format_map(values(exceeded, sender, calendar, at)))
        except (ValueError, LookupError, AttributeError):
            text = ""
        if not text or len(text.encode()) > LINE_MAX:
            text = FIXED_TEXT
        return Reply(self.code, self.enhanced_status, text)

    def unavailable(self) -> Reply:
        """Word the refusal of on_failure = "tempfail" (RFC 3463: 4.3.0, other mail system status)."""
        return Reply("451", "4.3.0", UNAVAILABLE_TEXT)


def names_a_moment(template: str) -> bool:
    """Return whether a text says when sending works again."""
    names = {name for _, name, _, _ in string.Formatter().parse(template)}
    return not names.isdisjoint({"resets_at", "resets_in"})


def for_window(template: str, exceeded: LimitUsage) -> str:
    """Return a text as it reads for the window of a limit: a rolling one has no periods (R19)."""
    if exceeded.limit.name.window in ROLLING_WINDOWS:
        for of_a_period, rolling in _ROLLING:
            template = template.replace(of_a_period, rolling)
    return template


def kind_of(exceeded: LimitUsage) -> str:
    """Return which of the texts a refusal has."""
    if exceeded.limit.name == SUSPENSION:
        return "suspended"
    return (
        "message"
        if exceeded.limit.name == RECIPIENTS_PER_MESSAGE
        else str(exceeded.limit.name.scope)
    )


def values(exceeded: LimitUsage, sender: Sender, calendar: Calendar, at: int) -> dict[str, str]:
    """Return what the placeholders stand for."""
    resets_at = exceeded.resets_at
    return {
        "used": str(exceeded.used),
        "limit": str(exceeded.limit.max),
        "remaining": str(max(0, exceeded.limit.max - exceeded.used)),
        "unit": exceeded.limit.name.unit.words,
        "mailbox": sender.mailbox,
        "domain": subject_of(Scope.DOMAIN, sender) or sender.mailbox,
        "scope": "server"
        if exceeded.limit.name.scope is Scope.GLOBAL
        else str(exceeded.limit.name.scope),
        "window": exceeded.limit.name.window.words,
        "resets_at": NEVER if resets_at is None else calendar.local_text_with_zone(resets_at),
        "resets_in": NEVER if resets_at is None else duration(resets_at - at),
    }


def duration(seconds: int) -> str:
    """Write a time span in its two largest units, rounded up to a minute above one minute."""
    if seconds < 60:  # noqa: PLR2004 - seconds of a minute
        return _count(max(seconds, 0), "second")
    minutes = -(-seconds // 60)
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [
        _count(n, word) for n, word in ((days, "day"), (hours, "hour"), (minutes, "minute")) if n
    ]
    return " ".join(parts[:2])


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def one_line(text: str) -> str:
    """Make a text safe for an SMTP reply: printable, one line, no lone surrogates."""
    printable = "".join(char if char.isprintable() else "?" for char in " ".join(text.split()))
    return printable.encode("utf-8", "replace").decode()


_LONGEST: Mapping[str, str] = {
    **dict.fromkeys(PLACEHOLDERS, "0" * 10),
    "unit": Unit.EXTERNAL_RECIPIENTS.words,
    "mailbox": "m" * 254,
    "domain": "d" * 253,
    "resets_at": "2026-12-31 00:00 +0000",
    "resets_in": "30 days 23 hours",
}


def problem_with(template: str, names: Sequence[str] = PLACEHOLDERS) -> str | None:
    """Return what is wrong with the configured text of a reply, None when nothing is.

    Filled in with an address of the greatest length (RFC 5321 4.5.3.1: 254 octets).

    Args:
        template: the text.
        names: of the placeholders that it may have.
    """
    if problem := problem_with_placeholders(template, names):
        return problem
    if not template.isprintable():
        return "has a line break or a control character; a reply is one line"
    length = len(template.format_map(_LONGEST).encode())
    if length > LINE_MAX:
        return f"is too long: {length} bytes once filled in, at most {LINE_MAX} can be sent"
    return None


def problem_with_placeholders(template: str, names: Sequence[str] = PLACEHOLDERS) -> str | None:
    """Return what keeps a configured text from being filled in, None when nothing does.

    Args:
        template: the text.
        names: of the placeholders that it may have.
    """
    allowed = "allowed: " + " ".join(f"{{{name}}}" for name in names)
    try:
        parsed = list(string.Formatter().parse(template))
    except ValueError as error:
        return f"has a brace that stands alone ({error}); write {{{{ or }}}} for a brace; {allowed}"
    for _, name, spec, conversion in parsed:
        if name is None:
            continue
        if name not in names:
            return f"has an unknown placeholder {{{name}}}; {allowed}"
        if spec or conversion:
            return f"has a placeholder {{{name}}} with a format; write {{{name}}} alone"
    if not template.strip():
        return "is empty; leave the key out for the default text"
    return None
