"""Find what keeps a Postfix from asking sendlimit, why that matters and how to fix it. Pure.

`postfix status` prints the findings; `postfix attach` verifies a plan with them on a copy of the
configuration before it changes the real one.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sendlimit.errors import PostfixError
from sendlimit.postfix.attachment import plan_attach
from sendlimit.postfix.chain import (
    ENTRY_OPTIONS,
    MilterEntry,
    canonical,
    endpoint_of,
    is_outside_queue,
    parse_chain,
)
from sendlimit.postfix.finding import Finding, error, warning
from sendlimit.postfix.left_out import ATTACH, elsewhere, left_out, other_instances
from sendlimit.postfix.services import (
    Role,
    has_no_milters,
    is_own_reference,
    login_ways,
    role_of,
)

if TYPE_CHECKING:
    from sendlimit.postfix.snapshot import SmtpdService, Snapshot

ATTACHMENT_CODES = {"not-attached", "other-socket", "twice", "not-last", "options", "chroot"}
"""Findings that an attach must have removed."""

_FOR_ALL = re.compile(r"\bstatic:|\bcidr:.*[{,\s](?:0\.0\.0\.0|\[?::\]?)/0\b", re.DOTALL)
"""A table that has the same answer for all clients."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStatus:
    """Whether one smtpd service asks sendlimit.

    Attributes:
        key: "submission/inet".
        role: whether it has to be limited.
        chain: endpoints of the milters it asks, in order.
        position: which of them is sendlimit, from 1; 0: none.
    """

    key: str
    role: Role
    chain: tuple[str, ...]
    position: int

    @property
    def is_attached(self) -> bool:
        """Whether it asks sendlimit."""
        return self.position > 0


def service_statuses(snapshot: Snapshot, socket: str) -> tuple[ServiceStatus, ...]:
    """Tell for each smtpd service whether it asks sendlimit.

    Raises:
        PostfixError: the socket or a chain can't be read.
    """
    found: list[ServiceStatus] = []
    for service in snapshot.services:
        chain = parse_chain(service.effective["smtpd_milters"])
        positions = _positions(snapshot, service, socket)
        found.append(
            ServiceStatus(
                key=service.key,
                role=role_of(service),
                chain=tuple(entry.endpoint for entry in chain),
                position=positions[-1] + 1 if positions else 0,
            )
        )
    return tuple(found)


def is_attached(statuses: tuple[ServiceStatus, ...]) -> bool:
    """Tell whether there is a service to be limited, and all such services ask sendlimit."""
    limited = [status for status in statuses if status.role is Role.LIMITED]
    return bool(limited) and all(status.is_attached for status in limited)


def find_faults(snapshot: Snapshot, socket: str) -> tuple[Finding, ...]:
    """List what is wrong with the connection of Postfix and sendlimit.

    Args:
        snapshot: of Postfix as it is.
        socket: milter.socket of sendlimit's configuration.

    Raises:
        PostfixError: the socket or a chain can't be read.
    """
    found: list[Finding] = []
    for service in snapshot.services:
        role = role_of(service)
        if role is Role.LIMITED:
            found += _chain_faults(snapshot, service, socket)
            found += _uncounted_mail(service, endpoint_of(socket, snapshot.queue_directory))
        elif role is not Role.NO_AUTH:
            is_asked = bool(_positions(snapshot, service, socket)) and not has_no_milters(service)
            found += [] if is_asked else [left_out(service, role)]
    found += [elsewhere(key, other) for key, other in snapshot.elsewhere.items()]
    found += _plan_faults(snapshot, socket, found)
    if snapshot.is_chosen:
        found += other_instances(snapshot)
        found = [_with_directory(finding, snapshot) for finding in found]
    return tuple(found)


def _plan_faults(snapshot: Snapshot, socket: str, found: list[Finding]) -> list[Finding]:
    """Find what attach would refuse or change, beyond what has been found."""
    try:
        changes = plan_attach(snapshot, socket).changes
    except PostfixError as exc:
        return [
            error(
                "refused",
                str(snapshot.config_directory),
                str(exc),
                "attach can't connect Postfix to sendlimit like this",
                "do as the message says",
            )
        ]
    if not changes or any(finding.code in ATTACHMENT_CODES for finding in found):
        return []
    return [
        warning(
            "outdated",
            ", ".join(str(change.path) for change in changes),
            "attach would write something else today: smtpd_milters, the services or"
            " ISPConfig's file have changed since",
            "services may ask milters that are not in use any more, and hold up mail",
            ATTACH,
        )
    ]


def _with_directory(finding: Finding, snapshot: Snapshot) -> Finding:
    """Add the chosen configuration directory to the commands of a remedy."""
    directory = shlex.quote(str(snapshot.config_directory))
    remedy = finding.remedy.replace(ATTACH, f"{ATTACH} --config-directory {directory}")
    for command in ("postconf", "postfix"):
        remedy = re.sub(rf"\b{command} (?=-e|-P|reload)", f"{command} -c {directory} ", remedy)
    return replace(finding, remedy=remedy)


def _positions(snapshot: Snapshot, service: SmtpdService, socket: str) -> list[int]:
    """Find sendlimit in the chain of a service."""
    wanted = canonical(endpoint_of(socket, snapshot.queue_directory), snapshot.queue_directory)
    return [
        number
        for number, entry in enumerate(parse_chain(service.effective["smtpd_milters"]))
        if canonical(entry.endpoint, snapshot.queue_directory) == wanted
    ]


def _chain_faults(snapshot: Snapshot, service: SmtpdService, socket: str) -> list[Finding]:
    chain = parse_chain(service.effective["smtpd_milters"])
    positions = _positions(snapshot, service, socket)
    if not positions:
        return [_not_attached(service, socket)]
    found: list[Finding] = []
    if len(positions) > 1:
        found.append(
            error(
                "twice",
                service.key,
                f"it asks sendlimit {len(positions)} times for each mail:"
                f" {service.effective['smtpd_milters']}",
                "each mail is counted as often",
                "take sendlimit's socket out of smtpd_milters (main.cf, or the service's"
                f" own -o smtpd_milters), then {ATTACH}",
            )
        )
    if positions[-1] != len(chain) - 1:
        found.append(
            error(
                "not-last",
                service.key,
                f"{chain[-1].endpoint} is asked after sendlimit",
                "mail that it refuses has been counted already and can't be given back",
                ATTACH,
            )
        )
    found += _option_faults(service, chain[positions[-1]])
    if service.is_chrooted and is_outside_queue(chain[positions[-1]].endpoint):
        found.append(
            error(
                "chroot",
                service.key,
                f"it is chrooted and can't reach {chain[positions[-1]].endpoint}",
                "without an answer Postfix lets all mail pass",
                f"{ATTACH}, with milter.socket inside of {snapshot.queue_directory}",
            )
        )
    return found


def _not_attached(service: SmtpdService, socket: str) -> Finding:
    if is_own_reference(service.options.get("smtpd_milters", "")):
        return error(
            "other-socket",
            service.key,
            f"it asks another socket than milter.socket = {socket}:"
            f" {service.effective['smtpd_milters'] or 'none'}",
            "the daemon is not asked, so mail sent there is not limited",
            ATTACH,
        )
    return error(
        "not-attached",
        service.key,
        f"it can have logins ({', '.join(login_ways(service))}) and does not ask sendlimit",
        "mail sent there is not limited",
        ATTACH,
    )


def _option_faults(service: SmtpdService, entry: MilterEntry) -> list[Finding]:
    options = dict(entry.options)
    wrong = [
        f"{name}={options.get(name, '(not set)')}, not {value}"
        for name, value in ENTRY_OPTIONS.items()
        if options.get(name) != value
    ]
    if not wrong:
        return []
    problem = f"sendlimit's entry has {'; '.join(wrong)}"
    if options.get("default_action") != "accept":
        why = "nobody could send while the daemon is down"
        return [error("options", service.key, problem, why, ATTACH)]
    why = "a daemon that hangs would hold up each mail for longer, or be given up too soon"
    return [warning("options", service.key, problem, why, ATTACH)]


def _uncounted_mail(service: SmtpdService, endpoint: str) -> list[Finding]:
    """Find settings of a limited service that let mail pass uncounted."""
    found: list[Finding] = []
    macros = service.effective["milter_mail_macros"]
    if "{auth_authen}" not in macros:
        found.append(
            error(
                "macros",
                service.key,
                f"milter_mail_macros lacks {{auth_authen}}: {macros or '(empty)'}",
                "the daemon may not be told who has logged in, and counts nothing then",
                "take milter_mail_macros out of the service's -o options in master.cf"
                if "milter_mail_macros" in service.options
                else f"postconf -e 'milter_mail_macros = {f'{macros} {{auth_authen}}'.strip()}'"
                " && postfix reload",
            )
        )
    if proxy := service.effective["smtpd_proxy_filter"]:
        found.append(
            error(
                "proxy-filter",
                service.key,
                f"smtpd_proxy_filter = {proxy}",
                "Postfix tells milters there that each mail was given up, so none stays counted",
                "use content_filter or a milter on this service instead",
            )
        )
    if maps := service.effective.get("smtpd_milter_maps"):
        finding = warning(
            "milter-maps",
            service.key,
            f"smtpd_milter_maps = {maps}",
            "clients found there get other milters, or none",
            "see that no client that logs in is found there",
        )
        if _FOR_ALL.search(maps) and endpoint not in maps:
            why = "no client's mail is limited: all have other milters, or none"
            finding = replace(finding, severity="error", why=why)
        found.append(finding)
    return found
