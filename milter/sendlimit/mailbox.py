"""From SASL login to the keys that are counted (rule R2). Pure.

Source: RFC 4954 (the login of AUTH), Postfix's {auth_authen} macro.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

# The width of every subject column in sql/: a longer key would be refused by the database.
KEY_MAX = 255
_DIGEST = 40


class Sender(NamedTuple):
    """Whose mail it is.

    Attributes:
        mailbox: the normalised login, the key of scope mailbox, 1 to 255 characters.
        domain: what follows its last "@", the key of scope domain; None when it has none.
    """

    mailbox: str
    domain: str | None


def sender_of(sasl_login: str, default_domain: str = "") -> Sender:
    """Normalise a SASL login; doing it twice changes nothing.

    Args:
        sasl_login: as in {auth_authen}, not empty.
        default_domain: appended to a login without a domain; "" appends nothing.
    """
    login = sasl_login.lower()
    local, _, domain = login.rpartition("@")
    if not (local and domain) and default_domain:
        domain = default_domain.lower()
        login = f"{login.rstrip('@')}@{domain}"
    elif not local:
        domain = ""
    return Sender(shortened(login), shortened(domain) if domain else None)


def shortened(key: str) -> str:
    """Fit a key into its column and keep it unique: its start, then a digest of the whole."""
    if len(key) <= KEY_MAX:
        return key
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST]
    return f"{key[: KEY_MAX - _DIGEST - 1]}~{digest}"
