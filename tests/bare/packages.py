"""Debian packages of sendlimit: what they need, and how they are built in a bare system."""

import re
from pathlib import Path

from bare.base import AS_A_COMMAND, Base
from bare.machine import nspawn
from bare.report import Report

_FOLDER = Path("deploy/debian")
_BUNDLED = {"bookworm"}
"""Suites with Python libraries that are too old: theirs come along with the package."""

_ALWAYS = {"build-essential", "lintian"}
_VIRTUAL = re.compile(r"debhelper-compat|dh-sequence-.*|sendlimit.*")


def control(release: Path, suite: str) -> str:
    """Return the control file for a suite."""
    name = "control.bundled" if suite in _BUNDLED else "control"
    return (release / _FOLDER / name).read_text()


def dependencies(text: str) -> dict[str, dict[str, str]]:
    """Return what a control file depends on.

    Returns:
        For each paragraph, by the name in its first field, the packages with the version that
        they need at least, "" without one. The source's are what it is built with.
    """
    found: dict[str, dict[str, str]] = {}
    for paragraph in text.split("\n\n"):
        kind, name = re.findall(r"^(\w+): (\S+)", paragraph)[0]
        needed = re.search(r"^(?:Build-)?Depends:\n((?: .*\n?)+)", paragraph, re.MULTILINE)
        lines = re.findall(
            r"^ ([a-z][\w.+-]*)(?: \(>?= (.+)\))?,$", needed[1] if needed else "", re.MULTILINE
        )
        found["source" if kind == "Source" else name] = dict(lines)
    return found


def needed(release: Path, suite: str) -> set[str]:
    """Return the packages of Debian that building and installing takes."""
    names = {name for needs in dependencies(control(release, suite)).values() for name in needs}
    return _ALWAYS | {name for name in names if not _VIRTUAL.fullmatch(name)} | {"debhelper"}


def build(report: Report, base: Base, release: Path, target: Path) -> None:
    """Build the packages of a release into a folder, without a network; lintian finds no error.

    Args:
        report: names the suite.
        base: has all that building needs.
        release: unpacked.
        target: is made if it is missing.

    Raises:
        TrialFailedError: a build or lintian failed.
    """
    target.mkdir(parents=True, exist_ok=True)
    for old in target.glob("*.deb"):
        old.unlink()
    within = nspawn(
        base.root,
        network=False,
        changes_stay=False,
        env={"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/srv/distributions"},
        binds={release: "/srv/sendlimit", base.distributions: "/srv/distributions"},
        writable={target.resolve(): "/srv/packages"},
    )
    words = ("/srv/packages", *(("bundled",) if report.suite in _BUNDLED else ()))
    report.run(*within, *AS_A_COMMAND, f"/srv/sendlimit/{_FOLDER}/build", *words)
