"""The findings of `postfix status` as checks of the doctor. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendlimit.doctor.check import CODES, Check, found, passed
from sendlimit.postfix.finding import error

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sendlimit.errors import PostfixError
    from sendlimit.postfix.finding import Finding
    from sendlimit.postfix.findings import ServiceStatus
    from sendlimit.postfix.snapshot import Snapshot

_PASSED = {
    "attached": "these services ask sendlimit",
    "last": "no milter is asked after sendlimit",
    "options": "mail passes when the daemon is away",
    "macros": "{auth_authen} is passed on",
    "bypasses": "no service that can have logins has milters switched off",
}


def unreadable(failure: PostfixError, directory: str) -> Check:
    """Return the check of a Postfix whose configuration can't be read."""
    return found(
        "postfix",
        error(
            "postfix",
            directory,
            str(failure),
            "whether it asks sendlimit can't be told",
            "mend it as the message says, or name Postfix's directory with --config-directory",
        ),
    )


def checks(
    snapshot: Snapshot, statuses: Sequence[ServiceStatus], faults: Sequence[Finding]
) -> Iterator[Check]:
    """Yield a check for each kind of fault; "reachable" only when the chroot excludes it.

    Args:
        snapshot: of Postfix as it is.
        statuses: by service_statuses.
        faults: by find_faults.
    """
    refused = _faults_of("postfix", faults)
    name = f"{snapshot.version} in {snapshot.config_directory}"
    panel = ", with ISPConfig" if snapshot.ispconfig_custom is not None else ""
    yield found("postfix", *refused) if refused else passed("postfix", f"{name}{panel}")
    services = ", ".join(status.key for status in statuses if status.is_attached)
    for check, words in _PASSED.items():
        if own := _faults_of(check, faults):
            yield found(check, *own)
        elif services:
            yield passed(check, f"{words}: {services}" if check == "attached" else words)
    if chroot := _faults_of("reachable", faults):
        yield found("reachable", *chroot)


def _faults_of(check: str, faults: Sequence[Finding]) -> list[Finding]:
    return [fault for fault in faults if fault.code in CODES[check]]
