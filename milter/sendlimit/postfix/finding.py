"""One thing that is wrong, as `postfix status` and `doctor` print it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        code: stable word for programs, for example "not-last".
        severity: an error means that mail is not limited, or could be lost or held up.
        subject: where it was found, mostly a service: "submission/inet".
        problem: what is wrong.
        why: why it matters.
        remedy: the command or the change that fixes it.
    """

    code: str
    severity: Literal["error", "warning"]
    subject: str
    problem: str
    why: str
    remedy: str


def error(code: str, subject: str, problem: str, why: str, remedy: str) -> Finding:
    """Return a finding because of which mail is not limited, or could be lost or held up."""
    return Finding(
        code=code, severity="error", subject=subject, problem=problem, why=why, remedy=remedy
    )


def warning(code: str, subject: str, problem: str, why: str, remedy: str) -> Finding:
    """Return a finding in spite of which mail is limited."""
    return replace(error(code, subject, problem, why, remedy), severity="warning")
