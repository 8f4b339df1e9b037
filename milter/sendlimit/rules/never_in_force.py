"""Rows of er_limit that count for no mail, as only SQL can write them. Pure.

Their subject is spelled in another way than what is counted, or does not have the limit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sendlimit.rules.limit import EVERYONE, Scope
from sendlimit.rules.subject import SERVER_SUBJECT, read_subject

if TYPE_CHECKING:
    from sendlimit.rules.limit import Setting


class NeverInForce(NamedTuple):
    """A stored limit that counts for no mail.

    Attributes:
        setting: the row.
        reason: why, as the end of a sentence.
        instead: the subject to set it for, as on the command line; None: no subject has it.
    """

    setting: Setting
    reason: str
    instead: str | None


def never_in_force(
    setting: Setting, default_domain: str, *, is_domain: bool
) -> NeverInForce | None:
    """Say why a stored limit counts for no mail; None: it may count.

    Args:
        setting: a row of er_limit.
        default_domain: appended to logins without a domain.
        is_domain: whether mail has been counted for a domain of this name: one without a dot
            can't be told from a login otherwise.
    """
    stored, scope = setting.subject, setting.name.scope
    try:
        subject = SERVER_SUBJECT if stored == EVERYONE else read_subject(stored, default_domain)
    except ValueError as error:
        return NeverInForce(setting, str(error), None)
    if stored != subject.key and not is_domain:
        return NeverInForce(setting, f"it is counted as {subject.key!r}", subject.word)
    if scope is Scope.GLOBAL and stored != EVERYONE:
        return NeverInForce(
            setting, f"a limit of the whole server is set for {EVERYONE!r}", EVERYONE
        )
    if scope is Scope.DOMAIN and "@" in stored:
        return NeverInForce(setting, "a mailbox has no limits of a domain", subject.sender.domain)
    return None
