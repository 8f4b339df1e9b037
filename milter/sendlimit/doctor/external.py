"""Find what makes mail for this server count as external (R18). Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendlimit.doctor.check import Check, found, passed
from sendlimit.postfix.finding import warning
from sendlimit.postfix.services import Role, role_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from sendlimit.postfix.finding import Finding
    from sendlimit.postfix.snapshot import SmtpdService, Snapshot

_MACRO = "{rcpt_mailer}"


def external(snapshot: Snapshot, local_transports: Collection[str]) -> Check:
    """Find services that do not say which recipients are external, and mailboxes that would be.

    Args:
        snapshot: of Postfix as it is; a limit on external mail is in force.
        local_transports: of the configuration.
    """
    findings = [
        *(
            _without_macro(service)
            for service in snapshot.services
            if role_of(service) is Role.LIMITED
            and _MACRO not in service.effective.get("milter_rcpt_macros", _MACRO)
        ),
        *(
            _not_local(name, value, local_transports)
            for name, value in snapshot.mailbox_transports.items()
            if value and value.partition(":")[0] not in local_transports
        ),
    ]
    if findings:
        return found("external", *findings)
    return passed("external", f"{_MACRO} is passed on, and mailboxes are not external")


def _without_macro(service: SmtpdService) -> Finding:
    macros = service.effective["milter_rcpt_macros"]
    problem = f"milter_rcpt_macros lacks {_MACRO}: {macros or '(empty)'}"
    remedy = (
        "take milter_rcpt_macros out of the service's -o options in master.cf"
        if "milter_rcpt_macros" in service.options
        else f"postconf -e 'milter_rcpt_macros = {f'{macros} {_MACRO}'.strip()}' && postfix reload"
    )
    why = (
        "the daemon asks each connection for it, which costs time where each mail has its own; until"
        " it has noticed, recipients of this server count as external"
    )
    return warning("rcpt-macros", service.key, problem, why, remedy)


def _not_local(name: str, value: str, local_transports: Collection[str]) -> Finding:
    transport = value.partition(":")[0]
    own = ", ".join(f'"{one}"' for one in [*local_transports, transport])
    return warning(
        "local-transports",
        name,
        f"{name} = {value}, and {transport!r} is not in counting.local_transports",
        "mail to those mailboxes counts as external",
        f"counting.local_transports = [{own}], systemctl reload sendlimit",
    )
