r"""Other spellings of a login: aliases, alias domains, realms of Windows and the like (R2). Pure.

| spelling | mailbox | means |
|---|---|---|
| `sales` | `alice@example.org` | this login is that mailbox |
| `alice@old.example` | `alice@example.org` | the same |
| `@alias.example` | `@example.org` | every login of this domain is the one of that domain |
| `corp\` | `@example.org` | every login with this in front, `corp\alice`, is one of that domain |

A mailbox may in turn be a spelling of another one. Capitals make no difference.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from sendlimit.rules.mailbox import Sender, domain_key, sender_of

if TYPE_CHECKING:
    from collections.abc import Iterable

_REALM = "\\"
_KNOWN_MAX = 20_000
"""Logins whose mailbox is kept at hand."""
_STEPS_MAX = 20
"""Spellings that lead from one to the next."""


class LoginMap:
    """Which mailbox a login is; never changes, and any thread may use it.

    Args:
        entries: a spelling and its mailbox each.
        default_domain: appended to logins without a domain.

    Raises:
        ValueError: an entry is none, contradicts another one, or leads back to itself.
    """

    def __init__(self, entries: Iterable[tuple[str, str]], default_domain: str = "") -> None:
        self._default_domain = default_domain
        self._logins: dict[str, str] = {}
        self._domains: dict[str, str] = {}
        self._realms: dict[str, str] = {}
        self._known: dict[str, Sender] = {}
        for spelling, mailbox in entries:
            self._add(_folded(spelling), _folded(mailbox))
        self._refuse_cycles()

    def __len__(self) -> int:
        """Return the number of entries."""
        return len(self._logins) + len(self._domains) + len(self._realms)

    def sender_of(self, login: str) -> Sender:
        """Return whose mail the login's is."""
        known = self._known.get(login)
        if known is not None:
            return known
        name = _folded(login)
        for _ in range(_STEPS_MAX):
            further = self._step(name)
            if further is None:
                break
            name = further
        if len(self._known) >= _KNOWN_MAX:
            self._known = {}
        found = self._known[login] = sender_of(name, self._default_domain)
        return found

    def __eq__(self, other: object) -> bool:
        """Return whether another map says the same of every login."""
        return isinstance(other, LoginMap) and self._tables == other._tables

    __hash__ = object.__hash__

    @property
    def _tables(self) -> tuple[object, ...]:
        return self._default_domain, self._logins, self._domains, self._realms

    def _add(self, spelling: str, mailbox: str) -> None:
        for name in (spelling, mailbox):
            if not name.isprintable():
                raise ValueError(f"{name!r} has a control character")
            if "*" in name or "?" in name:
                raise ValueError(
                    f"{name!r} has a wildcard, and there are none: '@example.org' is a whole domain"
                )
        if spelling.startswith("@") or spelling.endswith(_REALM):
            domain = mailbox.removeprefix("@")
            if "@" in domain or domain == mailbox or len(spelling) == 1:
                raise ValueError(
                    f"{spelling!r} must stand before a domain, such as '@example.org', not {mailbox!r}"
                )
            if spelling.startswith("@"):
                table, key = self._domains, domain_key(spelling[1:])
            else:
                table, key = self._realms, spelling[:-1]
            value = domain_key(domain)
            is_itself = table is self._domains and key == value
        else:
            if not spelling or not mailbox.strip("@") or mailbox.startswith("@"):
                raise ValueError(f"{spelling!r} must stand before a mailbox, not {mailbox!r}")
            table, key, value = self._logins, self._key(spelling), self._key(mailbox)
            is_itself = key == value
        if table.get(key, value) != value:
            raise ValueError(f"{spelling!r} has two mailboxes: {table[key]!r} and {value!r}")
        if not is_itself:
            table[key] = value

    def _key(self, name: str) -> str:
        """Return a login without a realm as it is counted; one with a realm as it is."""
        return name if _REALM in name else sender_of(name, self._default_domain).mailbox

    def _step(self, name: str) -> str | None:
        """Return the mailbox that a folded login stands for; None: it is one itself."""
        key = self._key(name)
        if key in self._logins:
            return self._logins[key]
        realm, has_realm, user = name.partition(_REALM)
        if has_realm and realm in self._realms:
            return f"{user}@{self._realms[realm]}"
        local, _, domain = key.rpartition("@")
        return f"{local}@{self._domains[domain]}" if domain in self._domains else None

    def _refuse_cycles(self) -> None:
        starts = [*self._logins, *(f"x@{domain}" for domain in self._domains)]
        for start in starts:
            seen, name = [start], start
            while (further := self._step(name)) is not None:
                if further in seen or len(seen) > _STEPS_MAX:
                    way = " -> ".join([*seen[:5], further])
                    raise ValueError(f"{start!r} leads in a circle, or too far: {way}")
                seen.append(further)
                name = further


def _folded(login: str) -> str:
    return unicodedata.normalize("NFC", login.strip().lower())
