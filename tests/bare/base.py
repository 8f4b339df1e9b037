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
from bare.report import CannotTryError, Report, TookTooLongError, TrialFailedError
from support.rig.process import wait_for

CACHE = Path("/var/cache/sendlimit-test-on")
"""Bare systems of earlier runs; it may be removed at any time."""

AS_A_COMMAND = ("--pipe", "--as-pid2")
"""Options of systemd-nspawn for one program instead of a system that is started."""

NAMESPACES = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
"""Begins a command whose mounts and processes end with it, however it ends."""

_FETCH_S = 300
_DEBOOTSTRAP = """\
rm --recursive --force --one-file-system "$1"
exec debootstrap --variant=minbase --include=systemd-sysv "$0" "$1" "$2"
"""
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
def bare_base(  # noqa: PLR0913 - what bare systems differ in
    report: Report,
    release: Path,
    packages: list[str],
    mirrors: Mirrors,
    pip: PipSettings,
    *,
    cache: Path = CACHE,
) -> Iterator[Base]:
    """Make a bare system, or take the one of an earlier run in the same week; others may, too.

    Args:
        report: names the suite.
        release: an unpacked release; its lock files are read.
        packages: of Debian, that the trials will install.
        mirrors: where they come from.
        pip: where the Python packages come from.
        cache: where bare systems stay.

    Raises:
        CannotTryError: something can't be fetched.
        TrialFailedError: Debian has no package of one of these names.
    """
    year, week, _ = dt.datetime.now(dt.UTC).isocalendar()
    sources = mirrors.sources(report.suite)
    root = cache / f"{report.suite}-{_digest(sources, *packages, f'{year}-{week}')}"
    locked = [file.read_text() for file in sorted(release.glob(_LOCKS))]
    distributions = root.with_name(f"{root.name}-python-{_digest(*locked)}")
    cache.mkdir(parents=True, exist_ok=True)
    lock = cache / f"{report.suite}.lock"
    lock.touch()
    with contextlib.ExitStack() as in_use, _locked(lock, fcntl.LOCK_EX, report.left_s()):
        for old in {*cache.glob(f"{report.suite}-*")} - {root, distributions}:
            with contextlib.suppress(TimeoutError), _locked(old, fcntl.LOCK_EX):
                shutil.rmtree(old)
        if not root.exists():
            report.timed("made the bare system", lambda: _make(report, root, mirrors, packages))
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
def _locked(path: Path, operation: int, wait_s: float = 0) -> Iterator[None]:
    """Hold a flock(2) on a file or folder.

    Raises:
        TimeoutError: others have held it for all the time.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        wait_for(lambda: _is_taken(descriptor, operation), wait_s, f"the lock of {path}")
        yield
    finally:
        os.close(descriptor)


def _is_taken(descriptor: int, operation: int) -> bool:
    try:
        fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:12]


def _make(report: Report, root: Path, mirrors: Mirrors, packages: list[str]) -> None:
    unfinished = root.with_name(f"{root.name}.new")
    words = ("sh", "-c", _DEBOOTSTRAP, report.suite, unfinished, mirrors.debian)
    _fetch(report, "debootstrap", *NAMESPACES, *words)
    (unfinished / "etc/apt/sources.list").write_text(mirrors.sources(report.suite))
    (unfinished / "etc/apt/apt.conf.d/90mirrors").write_text(mirrors.options)
    # As the installer leaves it; debootstrap takes this machine's name.
    (unfinished / "etc/hostname").write_text("mail\n")
    (unfinished / "etc/hosts").write_text("127.0.0.1 localhost\n127.0.1.1 mail.example.org mail\n")
    within = (*nspawn(unfinished, network=True), *AS_A_COMMAND)
    # A mirror of what changes every day may lag behind; without "any" a list may be missing.
    lists = ("-o", "Acquire::Check-Valid-Until=no", "-o", "APT::Update::Error-Mode=any")
    _fetch(report, "apt-get update", *within, "apt-get", "-qq", *lists, "update")
    apt = (*within, "apt-get", *_OPTIONS)
    _fetch(report, "apt-get dist-upgrade", *apt, "dist-upgrade")
    # The names are this repository's: one that Debian does not have is its fault.
    report.run(*apt, "--simulate", "install", *packages)
    _fetch(report, "apt-get install", *apt, "--download-only", "install", *packages)
    unfinished.rename(root)


def _fetch(report: Report, what: str, *argv: str | Path) -> None:
    """Run what needs the network; once more if it fails, as a mirror may be out of order for once.

    Raises:
        CannotTryError: it failed twice, or takes too long.
    """
    for failed_before in (False, True):
        try:
            report.run(*argv, timeout_s=_FETCH_S)
        except TookTooLongError as exc:
            msg = f"{what} did not end in time: is there a network, and a mirror that answers?"
            raise CannotTryError(msg) from exc
        except TrialFailedError as exc:
            msg = f"{what} failed: {report.last_words() or exc}"
            if failed_before:
                raise CannotTryError(msg) from exc
            report.say(f"{msg}; once more")
        else:
            return


def _download(report: Report, base: Base, release: Path, pip: PipSettings) -> None:
    """Let the system's own Python choose; pip has to ask source packages what they need."""
    unfinished = base.distributions.with_name(f"{base.distributions.name}.new")
    unfinished.mkdir()
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
    shell = ("sh", "-ec", "\n".join(lines))
    _fetch(report, "pip download", *within, *AS_A_COMMAND, *shell)
    unfinished.rename(base.distributions)
