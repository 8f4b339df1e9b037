"""Make a bare Debian once, with all packages that the trials install lying ready in it.

Afterwards nothing is fetched: the trials run without a network.
"""

import contextlib
import datetime as dt
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bare.here import Mirrors, PipSettings
from bare.machine import nspawn
from bare.report import Report

CACHE = Path("/var/cache/sendlimit-test-on")
"""Bare systems of earlier runs; it may be removed at any time."""

AS_A_COMMAND = ("--pipe", "--as-pid2")
"""Options of systemd-nspawn for one program instead of a system that is started."""

_LOCKS = "requirements*.lock"
_OPTIONS = ("-qq", "--yes", "-o", "APT::Keep-Downloaded-Packages=true")


@dataclass(frozen=True)
class Base:
    """A bare system.

    Attributes:
        root: its files; a machine sees them and writes elsewhere.
        distributions: the Python packages that the lock files name, for its Python.
    """

    root: Path
    distributions: Path


@contextlib.contextmanager
def bare_base(
    report: Report, release: Path, packages: list[str], mirrors: Mirrors, pip: PipSettings
) -> Iterator[Base]:
    """Make a bare system, or take the one of an earlier run in the same week; others may, too.

    Args:
        report: names the suite.
        release: an unpacked release; its lock files are read.
        packages: of Debian, that the trials will install.
        mirrors: where they come from.
        pip: where the Python packages come from.
    """
    year, week, _ = dt.datetime.now(dt.UTC).isocalendar()
    sources = mirrors.sources(report.suite)
    root = CACHE / f"{report.suite}-{_digest(sources, *packages, f'{year}-{week}')}"
    locked = [file.read_text() for file in sorted(release.glob(_LOCKS))]
    distributions = root.with_name(f"{root.name}-python-{_digest(*locked)}")
    CACHE.mkdir(parents=True, exist_ok=True)
    lock = CACHE / f"{report.suite}.lock"
    lock.touch()
    with contextlib.ExitStack() as in_use, _locked(lock, fcntl.LOCK_EX):
        for old in {*CACHE.glob(f"{report.suite}-*")} - {root, distributions}:
            with contextlib.suppress(BlockingIOError), _locked(old, fcntl.LOCK_EX | fcntl.LOCK_NB):
                shutil.rmtree(old)
        if not root.exists():
            report.timed(
                "made the bare system", lambda: _debootstrap(report, root, mirrors, packages)
            )
        if not distributions.exists():
            report.timed(
                "downloaded the Python packages",
                lambda: _download(report, Base(root, distributions), release, pip),
            )
        for folder in (root, distributions):
            in_use.enter_context(_locked(folder, fcntl.LOCK_SH))
        kept = in_use.pop_all()
    with kept:
        yield Base(root, distributions)


@contextlib.contextmanager
def _locked(path: Path, operation: int) -> Iterator[None]:
    """Hold a flock(2) on a file or folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, operation)
        yield
    finally:
        os.close(descriptor)


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:12]


def _debootstrap(report: Report, root: Path, mirrors: Mirrors, packages: list[str]) -> None:
    unfinished = root.with_name(f"{root.name}.new")
    bare = ("debootstrap", "--variant=minbase", "--include=systemd-sysv")
    report.run(*bare, report.suite, unfinished, mirrors.debian)
    (unfinished / "etc/apt/sources.list").write_text(mirrors.sources(report.suite))
    (unfinished / "etc/apt/apt.conf.d/90mirrors").write_text(mirrors.options)
    # As the installer leaves it; debootstrap takes this machine's name.
    (unfinished / "etc/hostname").write_text("mail\n")
    (unfinished / "etc/hosts").write_text("127.0.0.1 localhost\n127.0.1.1 mail.example.org mail\n")
    within = (*nspawn(unfinished, network=True), *AS_A_COMMAND)
    # A mirror of what changes every day may lag behind.
    report.run(*within, "apt-get", "-qq", "-o", "Acquire::Check-Valid-Until=no", "update")
    report.run(*within, "apt-get", *_OPTIONS, "dist-upgrade")
    report.run(*within, "apt-get", *_OPTIONS, "--download-only", "install", *packages)
    unfinished.rename(root)


def _download(report: Report, base: Base, release: Path, pip: PipSettings) -> None:
    """Let the system's own Python choose; pip has to ask source packages what they need."""
    unfinished = base.distributions.with_name(f"{base.distributions.name}.new")
    unfinished.mkdir(exist_ok=True)
    within = nspawn(
        base.root,
        network=True,
        changes_stay=False,
        env={**pip.env, "DEBIAN_FRONTEND": "noninteractive"},
        binds={release: "/srv/release", **pip.paths},
        writable={unfinished: "/srv/distributions"},
    )
    lines = [
        "apt-get -qq --yes --no-install-recommends install python3-venv",
        "python3 -m venv /srv/venv",
        *(
            "/srv/venv/bin/pip --quiet download --require-hashes --no-deps"
            f" --requirement /srv/release/{file.name} --dest /srv/distributions"
            for file in sorted(release.glob(_LOCKS))
        ),
    ]
    report.run(*within, *AS_A_COMMAND, "sh", "-ec", "\n".join(lines))
    unfinished.rename(base.distributions)
