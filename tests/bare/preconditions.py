"""Whether bare systems can be made and started here, asked before anything is fetched."""

import os
import secrets
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from bare.base import NAMESPACES
from bare.machine import control_group, control_group_path
from bare.report import CannotTryError

_PROGRAMS = ("apt-get", "debootstrap", "git", "nsenter", "systemd-nspawn", "unshare")
_MIB = 1024**2
_DISK_MIB = 1500
"""A bare system and the Python packages take 900."""

_MEMORY_MIB = 10_000
"""A system may write a quarter of it (systemd-nspawn's --volatile); with --quick it writes 2000."""

_PROBE_S = 20
_PROBE = """\
echo 0 >"$0/cgroup.procs"
mount -t tmpfs none /mnt
cd /mnt
mkdir lower upper work all
mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work none all
"""


def check(cache: Path, suites: Sequence[str]) -> None:
    """Look whether this machine has and allows what is needed.

    Args:
        cache: where bare systems are kept; it is made.
        suites: which are made.

    Raises:
        CannotTryError: it has not, or does not.
    """
    if missing := [name for name in _PROGRAMS if shutil.which(name) is None]:
        msg = f"{', '.join(missing)} can't be found: run script/bootstrap --bare"
        raise CannotTryError(msg)
    check_namespaces()
    check_memory()
    check_disk(cache, suites)


def check_namespaces() -> None:
    """Do what a bare system begins with. Raises: CannotTryError."""
    group = control_group_path(f"sendlimit-probe-{secrets.token_hex(3)}")
    argv: list[str | Path] = [*NAMESPACES, "--net", "--uts", "--ipc", "sh", "-ec", _PROBE, group]
    try:
        with control_group(group):
            subprocess.run(argv, check=True, capture_output=True, text=True, timeout=_PROBE_S)
    except (subprocess.SubprocessError, OSError) as exc:
        words = str(getattr(exc, "stderr", "") or exc).strip()
        msg = f"this machine does not let it make namespaces and mount in them ({words})"
        raise CannotTryError(msg) from exc


def check_memory() -> None:
    """Look for what bare systems write to. Raises: CannotTryError."""
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    if pages * size < _MEMORY_MIB * _MIB:
        msg = f"a bare system writes to memory, of which there should be {_MEMORY_MIB} MiB"
        raise CannotTryError(msg)


def check_disk(cache: Path, suites: Sequence[str]) -> None:
    """Look for space for the suites of which nothing is there yet. Raises: CannotTryError."""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        new = sum(not any(cache.glob(f"{suite}-*-python-*")) for suite in suites)
        free = shutil.disk_usage(cache).free
    except OSError as exc:
        msg = f"{cache} can't be used ({exc.strerror})"
        raise CannotTryError(msg) from exc
    needed = new * _DISK_MIB
    if free < needed * _MIB:
        msg = f"{cache} has {free // _MIB} MiB free, and needs {needed}"
        raise CannotTryError(msg)
