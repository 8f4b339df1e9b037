"""Read smtpd's restriction lists: what lets a client relay that has not logged in. Pure.

Source: postconf(5), "smtpd_relay_restrictions"; access(5). A client relays when no list refuses it,
so of the lists that refuse by themselves the one that lets the fewest pass decides. What a table,
a policy server or a class of the admin answers is not known here: it may be OK.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from sendlimit.postfix.snapshot import SmtpdService

LISTS = (
    "smtpd_client_restrictions",
    "smtpd_helo_restrictions",
    "smtpd_sender_restrictions",
    "smtpd_relay_restrictions",
    "smtpd_recipient_restrictions",
)
"""Parameters in the order in which smtpd evaluates them at RCPT."""

OWN_DOMAINS = (
    "mydestination",
    "relay_domains",
    "virtual_alias_domains",
    "virtual_mailbox_domains",
)
"""Parameters that name the domains that mail may be sent to without a login."""

_ANY = re.compile(r"\bstatic:|\b(?:regexp|pcre):\s*\{\s*\{?\s*/\^?\.?[*+]?\$?/")
"""A table that has an answer for every name, or whose first pattern has."""
_ENDS = {
    "check_relay_domains", "defer", "defer_if_permit", "defer_unauth_destination", "reject",
    "reject_unauth_destination",
}  # fmt: skip
_WITH_ARGUMENT = re.compile(
    r"check_|permit_(?:dnswl|rhswl)_client|reject_rbl_client|reject_rhsbl_|sleep"
)
_NEVER_RELAYS = re.compile(
    r"(?:reject|defer)(?:_|$)|sleep$|warn_if_reject$"
    r"|permit_(?:sasl_authenticated|auth_destination|inet_interfaces)$"
)
"""What refuses, waits, asks for a login, is about mail for this server, or about this host."""


def permits_without_login(service: SmtpdService, harmless: Collection[str] = ()) -> tuple[str, ...]:
    """Return what may let a client relay without a login.

    Args:
        service: one of smtpd.
        harmless: restrictions that let no other host pass here, as "permit_mynetworks".

    Returns:
        Names of restrictions: "check_client_access"; "permit" where no list refuses anything.
    """
    lists = [_permits(service.effective.get(name, ""), harmless) for name in LISTS]
    closed = sorted((permits for permits in lists if permits is not None), key=len)
    return tuple(dict.fromkeys(closed[0])) if closed else ("permit",)


def trusts_networks(service: SmtpdService) -> bool:
    """Say whether a list lets pass what comes from mynetworks."""
    return any(
        "permit_mynetworks" in _restrictions(service.effective.get(name, "")) for name in LISTS
    )


def own_domains_are_all(service: SmtpdService) -> tuple[str, ...]:
    """Return the parameters that name every domain as one of this server's.

    A client without a login may send to these, also behind reject_unauth_destination.
    """
    return tuple(name for name in OWN_DOMAINS if _ANY.search(service.effective.get(name, "")))


def is_for_trusted_only(service: SmtpdService) -> bool:
    """Say whether only mynetworks may send there, so that a login opens nothing."""
    for name in LISTS:
        restrictions = list(_restrictions(service.effective.get(name, "")))
        if "reject" in restrictions:
            before = restrictions[: restrictions.index("reject")]
            if set(before) <= {"permit_mynetworks"}:
                return True
    return False


def _permits(value: str, harmless: Collection[str]) -> list[str] | None:
    """Return what a list lets pass before it refuses the rest; None: it refuses nothing."""
    found: list[str] = []
    only_warns = False
    for restriction in _restrictions(value):
        if restriction in _ENDS and not only_warns:
            return found
        only_warns = restriction == "warn_if_reject"
        if not (restriction in harmless or _NEVER_RELAYS.match(restriction)):
            found.append(restriction)
    return None


def _restrictions(value: str) -> Iterator[str]:
    """Yield the restrictions of a list in order, in small letters, without their arguments."""
    words = _words(value)
    for word in words:
        name = word.lower()
        yield name
        if _WITH_ARGUMENT.match(name):
            next(words, None)


def _words(value: str) -> Iterator[str]:
    """Split at blanks and commas, but not inside of braces: "inline:{ { a = OK } }" is one word."""
    word, depth = "", 0
    for character in f"{value} ":
        depth += {"{": 1, "}": -1}.get(character, 0)
        if depth or not (character.isspace() or character == ","):
            word += character
        elif word:
            yield word
            word = ""
