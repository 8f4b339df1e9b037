"""Whom a limit is for, as people write it: one reading for file, commands and API (R2). Pure.

| written | means |
|---|---|
| `*`, `global`, `everyone` | the server, and limits for everyone |
| `alice@example.org` | a mailbox |
| `@example.org` | a domain |
| a name with a dot, without "@" | a domain |
| a name without dot and "@" | a mailbox, with `identity.default_domain` appended |

Capitals, the dot at the end of a domain and its A-labels ("xn--...") make no difference.
Wildcards are refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sendlimit.rules.limit import EVERYONE, Scope, levels
from sendlimit.rules.mailbox import Sender, domain_key, sender_of

if TYPE_CHECKING:
    from collections.abc import Container

    from sendlimit.rules.limit import LimitName

SERVER = "global"
_SERVER_WORDS = frozenset({EVERYONE, SERVER, "everyone"})
_WILDCARDS = "*?"


class Subject(NamedTuple):
    """Whom a limit is for.

    Attributes:
        scope: mailbox, domain, or global.
        key: as in the tables: the mailbox, the domain, or "*".
        sender: what limits are looked up with; of a domain, the mailbox is "".
    """

    scope: Scope
    key: str
    sender: Sender

    @property
    def title(self) -> str:
        """How people read it."""
        return "the server" if self.scope is Scope.GLOBAL else f"{self.scope} {self.key}"

    @property
    def word(self) -> str:
        """How to write it on the command line, whatever has been counted until then."""
        is_plain = self.scope is not Scope.DOMAIN or "." in self.key
        return self.key if is_plain else f"@{self.key}"

    @property
    def levels(self) -> tuple[str, ...]:
        """The subjects whose settings count for it."""
        return tuple(level for level in levels(Scope.MAILBOX, self.sender) if level)


SERVER_SUBJECT = Subject(Scope.GLOBAL, EVERYONE, Sender("", None))


def read_subject(text: str, default_domain: str = "") -> Subject:
    """Understand a subject.

    Args:
        text: as written; blanks around it are dropped.
        default_domain: appended to a login without a domain.

    Raises:
        ValueError: it names none, has a wildcard, or is no domain after its "@"; says what is allowed.
    """
    name = text.strip().lower()
    if not name.strip("@."):
        raise ValueError(
            f"{text!r} names no one; allowed: a mailbox, a domain, or {SERVER!r} for the server"
        )
    if name in _SERVER_WORDS:
        return SERVER_SUBJECT
    if any(sign in name for sign in _WILDCARDS):
        domain = name.rpartition("@")[2].lstrip("*?.")
        instead = f', such as "@{domain}" for all mailboxes of a domain' if domain else ""
        raise ValueError(f"{text!r} has a wildcard; allowed: one mailbox or one domain{instead}")
    if name.startswith("@"):
        if "@" in name[1:]:
            raise ValueError(f"{text!r} is neither a mailbox nor a domain: it begins with '@'")
        return domain_subject(name[1:])
    if "@" not in name and "." in name.strip("."):
        return domain_subject(name)
    return mailbox_subject(name, default_domain)


def domain_subject(name: str) -> Subject:
    """Return the subject of a domain."""
    domain = domain_key(name)
    return Subject(Scope.DOMAIN, domain, Sender("", domain))


def mailbox_subject(login: str, default_domain: str = "") -> Subject:
    """Return the subject of a login."""
    sender = sender_of(login, default_domain)
    return Subject(Scope.MAILBOX, sender.mailbox, sender)


def is_exempt(sender: Sender, exempt: Container[str]) -> bool:
    """Say whether a sender's mail is never counted.

    Args:
        sender: the mailbox and its domain; of a domain, the mailbox is "".
        exempt: mailboxes as they are counted, and domains with "@" before them.
    """
    return sender.mailbox in exempt or f"@{sender.domain}" in exempt


def check_scope(subject: Subject, name: LimitName) -> None:
    """Refuse a limit that could never count for a subject.

    Raises:
        ValueError: says what the subject must be.
    """
    if name.scope is Scope.GLOBAL and subject.scope is not Scope.GLOBAL:
        raise ValueError(
            f"{name} is a limit of the whole server: the subject must be '{EVERYONE}', not {subject.key!r}"
        )
    if name.scope is Scope.DOMAIN and subject.scope is Scope.MAILBOX:
        domain = f"'{subject.sender.domain}' or " if subject.sender.domain else ""
        raise ValueError(
            f"{name} is a limit of a domain: the subject must be {domain}'{EVERYONE}', not {subject.key!r}"
        )
