"""From SASL login to the keys that are counted (rule R2). Pure.

Source: RFC 4954 (the login of AUTH), Postfix's {auth_authen} macro; RFC 5890 (A-labels and
U-labels of a domain), UTS 46 (its other letters and dots), RFC 1034 3.1 (the dot at its end).
"""

from __future__ import annotations

import hashlib
import unicodedata
from functools import lru_cache
from typing import NamedTuple

import idna

# The width of every subject column in sql/: a longer key would be refused by the database.
KEY_MAX = 255
LOGINS_KEPT = 10_000
"""Logins whose mailbox is kept: the same one sends again; some 4 MB."""
_DIGEST = 40
_A_LABEL = "xn--"
# So that a shortened local part and its "@" still fit before the domain (a DNS name has 253).
_DOMAIN_MAX = KEY_MAX - len("~@") - _DIGEST


class Sender(NamedTuple):
    """Whose mail it is.

    Attributes:
        mailbox: the normalised login, the key of scope mailbox, 1 to 255 characters.
        domain: what follows its last "@", the key of scope domain; None when it has none.
    """

    mailbox: str
    domain: str | None


@lru_cache(LOGINS_KEPT)
def sender_of(sasl_login: str, default_domain: str = "") -> Sender:
    """Normalise a SASL login; doing it twice changes nothing.

    Args:
        sasl_login: as in {auth_authen}, not empty. Blanks around it and an "@" at its end are
            ignored: a database that compares "alice " with "alice" lets both log in.
        default_domain: appended to a login without a domain; "" appends nothing.
    """
    login = unicodedata.normalize("NFC", sasl_login.lower()).strip()
    while login.endswith("@"):
        login = login[:-1].rstrip()
    local, at, domain = login.rpartition("@")
    if not at:
        local, domain = login, default_domain
    domain = domain_key(domain)
    if not domain:
        return Sender(_shortened(local, KEY_MAX) or "@", None)
    return Sender(f"{_shortened(local, KEY_MAX - len(domain) - 1)}@{domain}", domain)


def domain_key(domain: str) -> str:
    """Return the key that a domain is counted under; doing it twice changes nothing.

    Lower case, without the dot at its end and blanks around it, umlauts and the like as themselves
    (U-labels), so that all spellings of a domain are one. What is not valid stays as it is.
    """
    name = _mapped(unicodedata.normalize("NFC", domain.lower()).strip())
    while name.endswith(".") and name.strip("."):
        name = name[:-1].rstrip()
    if _A_LABEL in name:
        name = ".".join(_u_label(label) for label in name.split("."))
    return _shortened(name, _DOMAIN_MAX)


def _mapped(name: str) -> str:
    """Replace other forms of letters and dots, such as the wide ones, by the usual ones (UTS 46)."""
    if name.isascii():
        return name
    try:
        return idna.uts46_remap(name, std3_rules=False, transitional=False).strip() or name
    except (UnicodeError, ValueError):
        return name


def _u_label(label: str) -> str:
    if not label.startswith(_A_LABEL):
        return label
    try:
        return idna.ulabel(label)
    except (UnicodeError, ValueError):
        return label


def _shortened(text: str, longest: int) -> str:
    """Fit a text into its part of the key and keep it unique: its start, then a digest of it all."""
    if len(text) <= longest:
        return text
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST]
    return f"{text[: longest - _DIGEST - 1]}~{digest}"
