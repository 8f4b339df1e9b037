"""A bare system that is started with its own systemd, processes and network: systemd-nspawn(1).

It sees the files of a base and writes to memory; its network is its own loopback interface.
"""

import secrets
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from bare.report import CannotTryError, Report, TrialFailedError
from support.rig.process import Process, wait_for

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_CGROUPS = (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup"))
_START_S = 60
_READ_S = 120
RELEASE = "/srv/sendlimit"
"""The release in a system, where commands run."""
_WAIT = """\
until systemctl is-system-running --wait | grep -E 'running|degraded'; do sleep 0.1; done
systemctl --failed
"""


def nspawn(  # noqa: PLR0913 - what differs between the programs that are run
    root: Path,
    *,
    network: bool,
    changes_stay: bool = True,
    env: Mapping[str, str] | None = None,
    binds: Mapping[Path, str] | None = None,
    writable: Mapping[Path, str] | None = None,
) -> list[str]:
    """Return the command for systemd-nspawn, without what it is to run.

    Args:
        root: files of the system.
        network: whether it uses this machine's.
        changes_stay: whether what is written goes into root; else it is forgotten.
        env: variables.
        binds: files of this machine that can be read, with their place in the system.
        writable: the same, to be written to.
    """
    return [
        *("systemd-nspawn", "--quiet", f"--directory={root}"),
        *("--register=no", "--keep-unit", "--timezone=off", "--link-journal=no"),
        *(() if changes_stay else ("--volatile=overlay",)),
        *(("--resolv-conf=bind-host",) if network else ("--private-network",)),
        *(f"--setenv={name}={value}" for name, value in (env or {}).items()),
        *(f"--bind-ro={path}:{place}" for path, place in (binds or {}).items()),
        *(f"--bind={path}:{place}" for path, place in (writable or {}).items()),
    ]


class Machine:
    """A system that runs."""

    def __init__(self, report: Report, leader: int) -> None:
        """Take the report and the process id of the system's systemd."""
        self._report = report
        self._leader = leader

    def run(
        self,
        script: str,
        *,
        env: Mapping[str, str] | None = None,
        expected: Sequence[int] = (0,),
        timeout_s: float = 1800,
    ) -> str:
        """Run shell commands as root in the folder of the release; the first that fails ends them.

        Args:
            script: the commands.
            env: variables on top of a short list.
            expected: exit codes that are not a failure.
            timeout_s: how long they may take.

        Returns:
            What they printed.

        Raises:
            TrialFailedError: they ended in another way.
        """
        variables = {
            "PATH": _PATH,
            "HOME": "/root",
            "LANG": "C.UTF-8",
            "DEBIAN_FRONTEND": "noninteractive",
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": "/srv/distributions",
            **(env or {}),
        }
        return self._report.run(
            *(*self._enter, f"--wdns={RELEASE}", "env", "-i"),
            *(f"{name}={value}" for name, value in variables.items()),
            *("bash", "-euxc", script),
            expected=expected,
            timeout_s=timeout_s,
        )

    def read(self, script: str) -> str:
        """Return what shell commands print to stdout, without a line in the log."""
        return subprocess.run(
            [*self._enter, "sh", "-c", script],
            capture_output=True,
            text=True,
            check=True,
            timeout=_READ_S,
        ).stdout

    @property
    def _enter(self) -> tuple[str, ...]:
        return ("nsenter", f"--target={self._leader}", "--all")


@contextmanager
def machine(
    report: Report,
    root: Path,
    release: Path,
    distributions: Path,
    binds: Mapping[Path, str] | None = None,
) -> Iterator[Machine]:
    """Start a system, and end it with everything that runs in it.

    Args:
        report: for the log.
        root: files of a bare system; they stay as they are.
        release: an unpacked release, copied to /srv/sendlimit.
        distributions: what pip takes instead of going to an index.
        binds: further files of this machine that can be read, with their place in the system.

    Raises:
        CannotTryError: this machine has no control groups for it, or does not let it start.
    """
    name = f"sendlimit-{report.suite}-{secrets.token_hex(3)}"
    seen = {release: "/srv/release", distributions: "/srv/distributions", **(binds or {})}
    argv: list[str | Path] = [
        # systemd keeps to the control group in which it finds itself.
        *("sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', control_group_path(name)),
        *nspawn(root, network=False, changes_stay=False, binds=seen),
        *("--boot", "--console=pipe", f"--machine={name}", "--hostname=mail"),
    ]
    nspawn_process = Process(
        "systemd-nspawn", argv, report.path, env={"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
    )
    with control_group(control_group_path(name)):
        try:
            started = _started(report, nspawn_process)
            report.began = True
            yield started
        finally:
            nspawn_process.kill()


def _started(report: Report, nspawn_process: Process) -> Machine:
    """Start a system, and wait until it is up; nothing of the release has run in it."""
    try:
        nspawn_process.start()
        leader = nspawn_process.wait_until(
            lambda: _leader(nspawn_process.pid), _START_S, "starts systemd"
        )
        started = Machine(report, leader)
        started.read(f"cp -r /srv/release {RELEASE} && chmod 755 {RELEASE}")
        started.run(_WAIT, timeout_s=_START_S)
    except (OSError, TrialFailedError, subprocess.SubprocessError) as exc:
        report.log(f"{exc}\n")
        msg = f"the bare system does not start ({report.last_words()})"
        raise CannotTryError(msg) from exc
    return started


def control_group_path(name: str) -> Path:
    """Return where a control group of a name would be.

    Raises:
        CannotTryError: this machine has no cgroup2.
    """
    top = next((path for path in _CGROUPS if (path / "cgroup.controllers").exists()), None)
    if top is None:
        msg = "no cgroup2 is mounted on this machine, and systemd does not start without one"
        raise CannotTryError(msg)
    return top / name


@contextmanager
def control_group(cgroup: Path) -> Iterator[None]:
    """Make a control group for a system's services; whatever is in it ends with it.

    Raises:
        CannotTryError: this machine does not let it.
    """
    try:
        cgroup.mkdir()
    except OSError as exc:
        msg = f"{cgroup} can't be made ({exc.strerror}): run this as root, outside of a container"
        raise CannotTryError(msg) from exc
    try:
        yield
    finally:
        (cgroup / "cgroup.kill").write_text("1")
        wait_for(
            lambda: "populated 0" in (cgroup / "cgroup.events").read_text(), 20, "end of the system"
        )
        for folder in sorted((path for path in cgroup.rglob("*") if path.is_dir()), reverse=True):
            folder.rmdir()
        cgroup.rmdir()


def _leader(nspawn_pid: int) -> int:
    """Return the process id of systemd in the system that nspawn starts, 0 if there is none yet."""
    children = Path(f"/proc/{nspawn_pid}/task/{nspawn_pid}/children").read_text().split()
    for child in map(int, children):
        if Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
            return child
    return 0
