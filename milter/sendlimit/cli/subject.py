"""SUBJECT on the command line: a mailbox, a domain, or the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sendlimit.errors import SendlimitError
from sendlimit.rules.limit import EVERYONE, Scope, levels
from sendlimit.rules.mailbox import Sender, domain_key, sender_of
from sendlimit.store.usage import scopes_of

if TYPE_CHECKING:
    from sendlimit.store.connection import Connection

SERVER = "global"


class Subject(NamedTuple):
    """Who is meant.

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
        """How to name it to people."""
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


def subject_from(text: str, connection: Connection, default_domain: str) -> Subject:
    """Understand a SUBJECT; letters are made small.

    "*" and "global" are the server, with "@" it is a mailbox, "@example.org" and
    "example.org" are the domain. A name without "@" that has been counted is what it was
    counted as; else it is a login when it has no dot.

    Raises:
        SendlimitError: it is empty.
    """
    name = text.strip().lower()
    if not name or name == "@":
        raise SendlimitError("SUBJECT is empty; allowed: a mailbox, a domain, or 'global'")
    if name in {EVERYONE, SERVER}:
        return Subject(Scope.GLOBAL, EVERYONE, Sender("", None))
    if name.startswith("@") or ("@" not in name and _is_domain(name, connection)):
        domain = domain_key(name.removeprefix("@"))
        return Subject(Scope.DOMAIN, domain, Sender("", domain))
    sender = sender_of(name, default_domain)
    return Subject(Scope.MAILBOX, sender.mailbox, sender)


def _is_domain(name: str, connection: Connection) -> bool:
    scopes = scopes_of(connection, domain_key(name))
    return Scope.DOMAIN in scopes if scopes else "." in name
