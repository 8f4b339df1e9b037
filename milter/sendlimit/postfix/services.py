"""Tell whether a smtpd service has to be limited, and which settings are sendlimit's. Pure."""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sendlimit.postfix.master_cf import ServiceOption
    from sendlimit.postfix.snapshot import SmtpdService

OWN_PARAMETER = "sendlimit_milters"

_OWN_REFERENCE = re.compile(rf"\$[{{(]?{OWN_PARAMETER}(?:_\w+)?[)}}]?")
_LOGIN_PARAMETERS = {
    "smtpd_sasl_auth_enable",
    "smtpd_authorized_xclient_hosts",
    "milter_macro_defaults",
}
_DEFAULT_LOGIN = re.compile(r"(?:^|[\s,{])\{?auth_authen\}?\s*=\s*[^\s,}]")
_SUBMISSION = {"25", "465", "587", "smtp", "smtps", "submission", "submissions"}
_LOOPBACK = re.compile(r"(?:127\.[\d.]+|localhost|\[::1\]|::1):")


class Role(Enum):
    """Whether a smtpd service has to be limited."""

    LIMITED = "limited"
    """It can have logins: mail sent through it must be counted."""
    RE_ENTRY = "re-entry"
    """A content filter on this host re-injects mail there; it can have logins all the same."""
    BYPASS = "not limited"
    """It can have logins, but the admin switched milters off there."""
    NO_AUTH = "no AUTH"
    """It can't have logins."""


def login_ways(service: SmtpdService) -> tuple[str, ...]:
    """Return the ways in which {auth_authen} can appear at a service.

    "AUTH"; "XCLIENT", whose LOGIN sets it also where AUTH is off: nginx and Dovecot's submission
    service send it; "milter_macro_defaults", which gives it to mail without a login. XFORWARD, the
    PROXY protocol and client certificates bring no login.
    Source: XCLIENT_README, "LOGIN"; postconf(5) milter_macro_defaults; smtpd_milter.c.
    """
    ways: list[str] = []
    if service.effective["smtpd_sasl_auth_enable"].lower() == "yes":
        ways.append("AUTH")
    if service.effective.get("smtpd_authorized_xclient_hosts"):
        ways.append("XCLIENT")
    if _DEFAULT_LOGIN.search(service.effective.get("milter_macro_defaults", "")):
        ways.append("milter_macro_defaults")
    return tuple(ways)


def has_no_milters(service: SmtpdService) -> bool:
    """Say whether receive_override_options switches milters off."""
    return "no_milters" in re.split(r"[,\s]+", service.effective["receive_override_options"])


def role_of(service: SmtpdService) -> Role:
    """Tell whether a smtpd service has to be limited.

    A service is taken for a re-injection port only when AUTH and XCLIENT come from main.cf alone,
    only this host reaches it, and it switches milters or the content filter off, as the ports that
    ISPConfig and amavis set up (10025, 10027) do: a wrong guess would leave mail uncounted.
    """
    if not login_ways(service):
        return Role.NO_AUTH
    port, kind = service.key.rpartition("/")[0].rpartition(":")[2], service.key.rpartition("/")[2]
    is_for_clients = (
        not _LOGIN_PARAMETERS.isdisjoint(service.options) or port in _SUBMISSION or kind == "pass"
    )
    is_local = _LOOPBACK.match(service.key) is not None
    options = {name: value.strip() for name, value in service.options.items()}
    if has_no_milters(service):
        return Role.RE_ENTRY if is_local and not is_for_clients else Role.BYPASS
    if is_for_clients:
        return Role.LIMITED
    if options.get("smtpd_milters") == "":
        return Role.RE_ENTRY if is_local else Role.BYPASS
    if is_local and options.get("content_filter") == "":
        return Role.RE_ENTRY
    return Role.LIMITED


def is_own_parameter(name: str) -> bool:
    """Tell by its name whether a parameter of main.cf is sendlimit's."""
    return name == OWN_PARAMETER or name.startswith(f"{OWN_PARAMETER}_")


def is_own_option(option: ServiceOption) -> bool:
    """Tell whether an -o option of master.cf is sendlimit's."""
    return option.name == "smtpd_milters" and is_own_reference(option.value)


def is_own_reference(value: str) -> bool:
    """Tell whether a value of smtpd_milters is a reference to a parameter of sendlimit's."""
    return _OWN_REFERENCE.fullmatch(value.strip()) is not None
