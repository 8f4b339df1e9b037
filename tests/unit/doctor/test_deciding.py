"""What the running daemon says of itself becomes a finding when it does not decide."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from sendlimit.counting.daemon_status import NAME, OLD_S, write_status
from sendlimit.doctor.deciding import deciding
from support.command_samples import NOW
from support.daemon_status_samples import STATUS


@pytest.mark.parametrize(
    ("how", "words"), [("memory", "from memory"), ("batches", "from the database")]
)
def test_decides(tmp_path: Path, how: str, words: str) -> None:
    """A daemon that decides is well, and says from where."""
    write_status(tmp_path, replace(STATUS, how=how))

    check = deciding(tmp_path, NOW + OLD_S)

    assert check.message == f"the daemon decides, {words}"
    assert check.findings == ()


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("loading", "has not reached the database yet"),
        ("away", "its database is away: gone; unbooked mails: 3"),
        ("stuck", "a transaction of it does not end"),
        ("fault", "an error of sendlimit"),
        ("waiting", "another daemon on the same database decides"),
        ("melancholy", "nothing is decided, melancholy"),
    ],
)
def test_undecided(tmp_path: Path, state: str, words: str) -> None:
    """Each cause is an error of its own words; one of a later release, too."""
    write_status(tmp_path, replace(STATUS, state=state, error="gone", unbooked=3))

    (finding,) = deciding(tmp_path, NOW).findings

    assert (finding.code, finding.severity) == ("undecided", "error")
    assert words in finding.problem


@pytest.mark.parametrize(
    ("how", "words"),
    [("memory", "the limits hold on from memory"), ("batches", "without the database mail passes")],
)
def test_decides_and_meters(tmp_path: Path, how: str, words: str) -> None:
    """With store.on_failure = "meter" it says what an outage will mean."""
    write_status(tmp_path, replace(STATUS, how=how))

    check = deciding(tmp_path, NOW, meters=True)

    assert words in check.message
    assert check.findings == ()


def test_metered(tmp_path: Path) -> None:
    """An outage in which the limits hold on is a warning with its cause: mail is limited."""
    write_status(tmp_path, replace(STATUS, state="away", how="metered", error="gone", unbooked=3))

    (finding,) = deciding(tmp_path, NOW).findings

    assert (finding.code, finding.severity) == ("metered", "warning")
    assert finding.problem == (
        "the limits hold on from memory: its database is away: gone; unbooked mails: 3"
    )
    assert "what the daemon knew last" in finding.why


def test_journal(tmp_path: Path) -> None:
    """A crash journal that is missing or full is a warning that names the place."""
    write_status(tmp_path, replace(STATUS, journal="/var/lib/sendlimit: no space"))

    (finding,) = deciding(tmp_path, NOW).findings

    assert (finding.code, finding.severity) == ("journal", "warning")
    assert finding.problem == "/var/lib/sendlimit: no space"
    assert "may be lost if the daemon is killed" in finding.why


@pytest.mark.parametrize(
    ("used", "limit", "codes"), [(89, 100, []), (90, 100, ["descriptors"]), (90, -1, [])]
)
def test_descriptors(tmp_path: Path, used: int, limit: int, codes: list[str]) -> None:
    """Near the limit is a warning; without a limit there is none."""
    write_status(tmp_path, replace(STATUS, descriptors=used, descriptors_max=limit))

    assert [finding.code for finding in deciding(tmp_path, NOW).findings] == codes


def test_untold(tmp_path: Path) -> None:
    """A daemon that answers and writes nothing is an error: it hangs, or is another one."""
    (missing,) = deciding(tmp_path, NOW).findings
    assert "has not written it" in missing.problem

    write_status(tmp_path, STATUS)
    (old,) = deciding(tmp_path, NOW + OLD_S + 1).findings
    assert old.problem == "it is 16 s old"

    (tmp_path / NAME).unlink()
    (tmp_path / NAME).symlink_to("/")
    (link,) = deciding(tmp_path, NOW).findings
    assert link.problem.startswith("it can't be read: ")
    assert {finding.severity for finding in (missing, old, link)} == {"error"}


def test_not_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user who may not read it gets a warning that says who may."""

    def denied(*_words: object) -> int:
        raise PermissionError

    monkeypatch.setattr(os, "open", denied)

    (finding,) = deciding(tmp_path, NOW).findings

    assert (finding.code, finding.severity) == ("status", "warning")
    assert "as root" in finding.remedy
