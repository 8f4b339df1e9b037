"""What a run of the doctor leaves for later, and what is new in it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sendlimit.store.findings import KeptFinding

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sendlimit.doctor.check import Check
    from sendlimit.store.findings import Findings


class Run(NamedTuple):
    """One run beside the one before.

    Attributes:
        found: to be kept: what was found, and what was found before by a check that could not be
            made now.
        began: errors that were not there before.
        ended: errors that are not there any more; a warning in its place ends an error.
    """

    found: list[KeptFinding]
    began: list[KeptFinding]
    ended: list[KeptFinding]


def compared(checks: Sequence[Check], before: Findings, now: int) -> Run:
    """Compare a run with the one before.

    Args:
        checks: that were made.
        before: what is kept of the run before.
        now: seconds since 1970.
    """
    looked_at = {check.name for check in checks}
    found = [
        KeptFinding(
            check.name, one.code, one.subject, one.severity, f"{one.problem}; {one.remedy}", now
        )
        for check in checks
        for one in check.findings
    ]
    found += [one for one in before.found if one.check not in looked_at]
    old, new = _errors(before.found), _errors(found)
    return Run(
        found,
        [one for key, one in new.items() if key not in old],
        [one for key, one in old.items() if key not in new],
    )


def in_words(errors: Iterable[KeptFinding]) -> str:
    """Return errors in one line."""
    return ", ".join(
        one.check if one.subject in {"", one.check} else f"{one.check} ({one.subject})"
        for one in errors
    )


def _errors(found: Iterable[KeptFinding]) -> dict[tuple[str, str, str], KeptFinding]:
    return {(one.check, one.code, one.subject): one for one in found if one.level == "error"}
