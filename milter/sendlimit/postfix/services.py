"""Tell what a smtpd service is to us, and which settings of it are ours. Pure."""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sendlimit.postfix.master_cf import Override
    from sendlimit.postfix.snapshot import Service

OWN_PARAMETER = "sendlimit_milters"

_OWN_REFERENCE = re.compile(rf"\$[{{(]?{OWN_PARAMETER}(?:_\w+)?[)}}]?")
_SUBMISSION = {"25", "465", "587", "smtp", "smtps", "submission", "submissions"}
_LOOPBACK = re.compile(r"(?:127\.[\d.]+|localhost|\[::1\]|::1):")


class Role(Enum):
    """What a smtpd service is to us."""

    LIMITED = "limited"
    """It offers AUTH: mail sent through it must be counted."""
    RE_ENTRY = "re-entry"
    """It takes mail back from a content filter on this host: counted before."""
    BYPASS = "not limited"
    """It offers AUTH, but the admin switched milters off there."""
    NO_AUTH = "no AUTH"
    """Nobody can log in there."""


def role_of(service: Service) -> Role:
    """Tell what a smtpd service is to us.

    A service is taken for a re-entry port only when AUTH comes from main.cf alone, nobody but
    this host reaches it, and it switches milters or the content filter off, as the ports that
    ISPConfig and amavis set up (10025, 10027) do: a wrong guess would leave mail uncounted.
    """
    if service.effective["smtpd_sasl_auth_enable"].lower() != "yes":
        return Role.NO_AUTH
    port, kind = service.key.rpartition("/")[0].rpartition(":")[2], service.key.rpartition("/")[2]
    is_for_clients = (
        "smtpd_sasl_auth_enable" in service.overrides or port in _SUBMISSION or kind == "pass"
    )
    is_local = _LOOPBACK.match(service.key) is not None
    overrides = {name: value.strip() for name, value in service.overrides.items()}
    if "no_milters" in re.split(r"[,\s]+", service.effective["receive_override_options"]):
        return Role.RE_ENTRY if is_local and not is_for_clients else Role.BYPASS
    if is_for_clients:
        return Role.LIMITED
    if overrides.get("smtpd_milters") == "":
        return Role.RE_ENTRY if is_local else Role.BYPASS
    if is_local and overrides.get("content_filter") == "":
        return Role.RE_ENTRY
    return Role.LIMITED


def is_own_parameter(name: str) -> bool:
    """Tell whether a parameter of main.cf is ours by its name."""
    return name == OWN_PARAMETER or name.startswith(f"{OWN_PARAMETER}_")


def is_own_override(override: Override) -> bool:
    """Tell whether an -o of master.cf is ours."""
    return override.name == "smtpd_milters" and is_own_reference(override.value)


def is_own_reference(value: str) -> bool:
    """Tell whether a value of smtpd_milters is a reference to a parameter of ours."""
    return _OWN_REFERENCE.fullmatch(value.strip()) is not None
