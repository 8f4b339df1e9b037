"""The findings of `postfix status` are the doctor's, each under its check."""

from dataclasses import replace
from pathlib import Path

import pytest

from sendlimit.doctor import postfix
from sendlimit.errors import PostfixError
from sendlimit.postfix.finding import error
from sendlimit.postfix.findings import ServiceStatus
from sendlimit.postfix.services import Role
from sendlimit.postfix.snapshot import Snapshot, TextFile
from support.postfix_samples import snapshot_of


@pytest.fixture
def snapshot() -> Snapshot:
    """A Postfix beside an ISPConfig."""
    custom = TextFile(path=Path("/usr/local/ispconfig"), text="")
    return replace(snapshot_of(), ispconfig_custom=custom)


def status(place: int) -> ServiceStatus:
    """A submission service; place 0: it does not ask sendlimit."""
    return ServiceStatus(
        key="submission/inet", role=Role.LIMITED, chain=("unix:s",), position=place
    )


def test_all_is_well(snapshot: Snapshot) -> None:
    """Without faults each check says what is fine."""
    checks = {check.name: check for check in postfix.checks(snapshot, [status(1)], [])}

    assert list(checks) == ["postfix", "attached", "last", "options", "macros", "bypasses"]
    assert not any(check.findings for check in checks.values())
    assert checks["postfix"].message == "3.7.11 in /etc/postfix, with ISPConfig"
    assert checks["attached"].message.endswith(": submission/inet")


@pytest.mark.parametrize(
    ("code", "check"),
    [
        ("refused", "postfix"),
        ("outdated", "attached"),
        ("not-last", "last"),
        ("options", "options"),
        ("macros", "macros"),
        ("proxy-filter", "bypasses"),
        ("chroot", "reachable"),
    ],
)
def test_faults(snapshot: Snapshot, code: str, check: str) -> None:
    """A fault is found by the check that it belongs to, and by no other."""
    fault = error(code, "submission/inet", "wrong", "it matters", "mend it")

    found = {
        each.name: each.findings
        for each in postfix.checks(snapshot, [status(1)], [fault])
        if each.findings
    }

    assert found == {check: (fault,)}


def test_not_attached(snapshot: Snapshot) -> None:
    """Of services that do not ask sendlimit nothing is called fine."""
    fault = error("not-attached", "submission/inet", "wrong", "it matters", "attach")

    checks = list(postfix.checks(snapshot, [status(0)], [fault]))

    assert [check.name for check in checks] == ["postfix", "attached"]


def test_unreadable() -> None:
    """A Postfix that can't be read is an error with its own words."""
    (finding,) = postfix.unreadable(PostfixError("there is no main.cf"), "/etc/postfix").findings

    assert (finding.code, finding.problem) == ("postfix", "there is no main.cf")
