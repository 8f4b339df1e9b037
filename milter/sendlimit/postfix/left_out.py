"""Findings of services and instances that attach leaves out and whose mail is not limited. Pure."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from sendlimit.postfix.finding import error, warning
from sendlimit.postfix.restrictions import is_for_trusted_only
from sendlimit.postfix.services import Role, login_ways

if TYPE_CHECKING:
    from sendlimit.postfix.finding import Finding
    from sendlimit.postfix.snapshot import SmtpdService, Snapshot

ATTACH = "sendlimit postfix attach"


def left_out(service: SmtpdService, role: Role) -> Finding:
    """Return the finding of a service that can have logins and that attach leaves out."""
    ways = login_ways(service)
    logins = f"it can have logins ({', '.join(ways)})"
    off = {
        "AUTH": "smtpd_sasl_auth_enable=no",
        "XCLIENT": "smtpd_authorized_xclient_hosts=",
        "milter_macro_defaults": "milter_macro_defaults=",
    }
    without_logins = " ".join(f"'{service.key}/{off[way]}'" for way in ways)
    if role is Role.BYPASS:
        return error(
            "bypass",
            service.key,
            f"{logins}, and milters are switched off there",
            "mail sent there is not limited",
            f"postconf -P {without_logins} && postfix reload, if it takes mail back from a content"
            f" filter; else take no_milters or the empty smtpd_milters out, then {ATTACH}",
        )
    remedy = (
        f"postconf -P {without_logins} && postfix reload; if programs have to log in there: take"
        f" these switches out and set -o smtpd_sasl_auth_enable=yes on it, then {ATTACH}"
    )
    problem = f"{logins}, but is left out as the way back from a content filter"
    why = "a program on this host that logs in there is not limited"
    if is_for_trusted_only(service):
        return warning("re-entry", service.key, problem, f"{why}; it needs no login there", remedy)
    return error("re-entry", service.key, problem, why, remedy)


def elsewhere(key: str, directory: str) -> Finding:
    """Return the finding of a service that reads another configuration directory."""
    return error(
        "bypass",
        key,
        f"it has another configuration (-c {directory}), which is not looked at",
        "mail of logins sent there is limited only if that configuration asks sendlimit",
        f"sendlimit postfix status --config-directory {shlex.quote(directory)} tells whether it does;"
        " or take the -c out of master.cf",
    )


def other_instances(snapshot: Snapshot) -> list[Finding]:
    """Return the finding of instances that the default one manages, if there are any."""
    others = snapshot.multi_instance_directories
    problem = f"further Postfix instances are not looked at: {others}"
    why = "mail sent there is limited only if they ask sendlimit, too"
    remedy = "run this command for each of them, with --config-directory"
    where = str(snapshot.config_directory)
    return [warning("instances", where, problem, why, remedy)] if others else []
