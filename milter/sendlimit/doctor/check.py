"""The checks of the doctor with the codes of their findings. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sendlimit.postfix.finding import Finding

CODES: Mapping[str, tuple[str, ...]] = {
    "file": ("config",),
    "modes": ("config-mode", "secret-mode"),
    "mode": ("observe",),
    "logins": ("login-map",),
    "daemon": ("daemon",),
    "deciding": ("status", "undecided", "metered", "journal", "descriptors"),
    "database": ("database",),
    "encryption": ("unencrypted",),
    "latency": ("latency",),
    "clock": ("clock",),
    "tables": ("schema",),
    "rights": ("rights",),
    "rows": ("unreadable",),
    "limits": ("nothing-limited", "limit-of-no-one"),
    "reload": ("old-limits",),
    "mail": ("no-mail",),
    "canary": ("canary-lost", "canary-uncounted", "canary-refused", "canary-kept"),
    "postfix": ("postfix", "refused"),
    "attached": ("not-attached", "other-socket", "twice", "outdated", "instances"),
    "last": ("not-last",),
    "options": ("options",),
    "macros": ("macros",),
    "bypasses": ("bypass", "re-entry", "proxy-filter", "milter-maps"),
    "reachable": ("chroot", "unreachable"),
    "uncounted": ("login-uncounted",),
    "networks": ("open-network", "open-relay"),
    "exempt": ("exempt-proxy",),
    "external": ("rcpt-macros", "local-transports"),
    "webmail": ("webmail-login",),
}
"""Every check in the order of the report, with the codes of its findings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The outcome of one check.

    Attributes:
        name: a key of CODES.
        message: what is right; "" with findings.
        findings: what is wrong.
    """

    name: str
    message: str
    findings: tuple[Finding, ...] = ()

    @property
    def has_errors(self) -> bool:
        """Whether mail is not limited, or could be lost or held up."""
        return any(finding.severity == "error" for finding in self.findings)


def passed(name: str, message: str) -> Check:
    """Return a check without findings."""
    return Check(name=name, message=message)


def found(name: str, *findings: Finding) -> Check:
    """Return a check with findings."""
    return Check(name=name, message="", findings=findings)
