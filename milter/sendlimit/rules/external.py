"""Which recipients are external: Postfix does not deliver them on this server (R18). Pure."""

from __future__ import annotations

import re

LOCAL_TRANSPORTS = ("local", "virtual", "lmtp")
"""Transports whose recipients are not external, unless the file names others.

Postfix's macro {rcpt_mailer} has the name of a line of master.cf (MILTER_README). A list of those
that deliver here, not of those that send: pipes can send, too, a copy of smtp has any name, and a
recipient of an alias domain has "error".
"""

_NAME = re.compile(r"[^\s:/=,\[\]{}()]+")


def read_transport(text: str) -> str:
    """Return the name of a transport.

    Raises:
        ValueError: it is none; says what is allowed.
    """
    if not _NAME.fullmatch(text):
        raise ValueError(
            f"{text!r} is not a transport; allowed: the first word of a line in master.cf, such as"
            " 'dovecot', without what follows a colon in main.cf"
        )
    return text
