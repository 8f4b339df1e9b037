"""What a machine lacks ends script/test-on with 75; what fails in a bare system ends it with 1."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from bare import preconditions
from bare.__main__ import Outcome, exit_code, outcome
from bare.base import bare_base
from bare.here import Mirrors, PipSettings
from bare.release import ROOT
from bare.report import CannotTryError, Report, TookTooLongError, TrialFailedError
from support.rig.small_disk import small_disk

_MIRRORS = Mirrors("http://deb.example.org/debian", "", "")
_SLEEP = f"sleep 4321.{os.getpid()}"  # no other run of this test has this one
_NO_RIGHTS = ("setpriv", "--bounding-set=-sys_admin")
_CHECK = "from bare import preconditions; preconditions.check_namespaces()"
# In a process of its own, whose children are those of this test alone.
_INTERRUPT = """
import pathlib, sys, threading, time
from bare.base import bare_base
from bare.here import Mirrors, PipSettings
from bare.release import ROOT
from bare.report import CannotTryError, Report
from support.rig.process import end_children, wait_for

folder = pathlib.Path(sys.argv[1])
report = Report("trixie", folder / "trixie.log")
report.path.touch()

def make():
    mirrors, pip = Mirrors("http://deb.example.org/debian", "", ""), PipSettings({}, {})
    try:
        with bare_base(report, ROOT, ["postfix"], mirrors, pip, cache=folder / "cache"):
            print("made")
    except CannotTryError as exc:
        print(type(exc.__cause__).__name__)

thread = threading.Thread(target=make)
thread.start()
wait_for((folder / "started").exists, 100, "start of debootstrap")
report.stop()
end_children()
thread.join()
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder at the front of PATH with stand-ins for what a machine may lack."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    for name in ("debootstrap", "git", "systemd-nspawn"):
        _put(folder, name, "exit 0")
    return folder


def _put(folder: Path, name: str, script: str) -> None:
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


@pytest.fixture
def report(tmp_path: Path) -> Report:
    """The report of a trial for which nothing is ready."""
    path = tmp_path / "trixie.log"
    path.touch()
    return Report("trixie", path, prepared_by=time.monotonic() + 100)


def _make_base(report: Report, cache: Path) -> None:
    with bare_base(report, ROOT, ["postfix"], _MIRRORS, PipSettings({}, {}), cache=cache):
        pytest.fail("a base was made from nothing")


def _python(code: str, folder: Path, begin: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*begin, sys.executable, "-c", code, folder],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
    )


def test_not_root(programs: Path) -> None:
    """A user who is not root reads so, before anything is tried."""
    _put(programs, "id", "echo 1000")

    done = subprocess.run(
        [ROOT / "script/test-on", "trixie"], capture_output=True, text=True, check=False
    )

    sentence = "run it as root, which makes bare systems and starts them"
    assert (done.returncode, done.stdout) == (75, f"test-on: can't be tried here: {sentence}\n")


def test_no_right_to_make_namespaces(programs: Path, tmp_path: Path) -> None:
    """Root without CAP_SYS_ADMIN, as in most containers, reads what the machine refuses."""
    del programs
    done = _python(_CHECK, tmp_path, begin=_NO_RIGHTS)

    assert "CannotTryError: " in done.stderr.splitlines()[-1]


def test_a_program_is_missing(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is named, with the command that installs it."""
    (programs / "debootstrap").unlink()
    monkeypatch.setenv("PATH", str(programs))

    with pytest.raises(CannotTryError, match=r"debootstrap.* can't be found: run script/bootstrap"):
        preconditions.check(tmp_path, ["trixie"])


def test_little_disk(programs: Path, tmp_path: Path) -> None:
    """A disk that is too small is named with what is free and what is needed."""
    del programs
    with (
        small_disk(tmp_path / "disk", 8) as disk,
        pytest.raises(CannotTryError, match=r"disk/cache has \d MiB free, and needs 3000"),
    ):
        preconditions.check_disk(disk / "cache", ["bookworm", "trixie"])


def test_no_network(programs: Path, report: Report, tmp_path: Path) -> None:
    """A download that fails is tried once more; its last words are in the sentence."""
    _put(programs, "debootstrap", f"echo once >>{tmp_path}/asked; echo E: no such host; exit 1")

    with pytest.raises(CannotTryError, match=r"^debootstrap failed: E: no such host$"):
        _make_base(report, tmp_path / "cache")

    assert (tmp_path / "asked").read_text() == "once\nonce\n"


def test_a_mirror_that_recovers(programs: Path, report: Report, tmp_path: Path) -> None:
    """The second attempt is enough, and finds nothing of the first."""
    _put(
        programs,
        "debootstrap",
        f'[ -e {tmp_path}/asked ] || {{ touch {tmp_path}/asked; mkdir "$4"; exit 1; }}\n'
        'mkdir "$4" && mkdir -p "$4/etc/apt/apt.conf.d"',
    )
    _put(programs, "systemd-nspawn", "echo nspawn is reached; exit 1")

    with pytest.raises(CannotTryError, match=r"^apt-get update failed: nspawn is reached$"):
        _make_base(report, tmp_path / "cache")


def test_a_package_that_debian_does_not_have(
    programs: Path, report: Report, tmp_path: Path
) -> None:
    """The names of packages are ours: a wrong one fails, it is no fault of the machine."""
    _put(programs, "debootstrap", 'mkdir -p "$4/etc/apt/apt.conf.d"')
    _put(programs, "systemd-nspawn", 'case "$*" in *--simulate*) exit 100;; esac')

    assert outcome(report, lambda report: _make_base(report, tmp_path / "c")) is Outcome.FAILED


def test_a_mirror_that_hangs(programs: Path, report: Report, tmp_path: Path) -> None:
    """Its time is over, what it mounted and started is gone, and it is not tried again."""
    _put(
        programs,
        "debootstrap",
        f'mkdir -p "$4"; mount -t tmpfs none "$4"; echo once >>{tmp_path}/asked; exec {_SLEEP}',
    )
    (tmp_path / "asked").touch()
    report.prepared_by = time.monotonic() + 2

    with pytest.raises(CannotTryError, match=r"debootstrap did not end in time"):
        _make_base(report, tmp_path / "cache")

    # On a very busy machine the time is over before it starts.
    assert (tmp_path / "asked").read_text() in {"", "once\n"}
    assert str(tmp_path) not in Path("/proc/mounts").read_text()
    assert not _sleeps()


def test_interrupted(programs: Path, tmp_path: Path) -> None:
    """A program that was ended from outside counts as such, though its exit code is lost."""
    _put(programs, "debootstrap", f"touch {tmp_path}/started; exec {_SLEEP}")

    done = _python(_INTERRUPT, tmp_path)

    assert (done.stdout, done.stderr) == ("TookTooLongError\n", "")
    assert not _sleeps()


def _sleeps() -> bool:
    return subprocess.run(["pgrep", "-fx", _SLEEP], check=False).returncode == 0


@pytest.mark.parametrize(
    ("began", "error", "expected"),
    [
        pytest.param(False, CannotTryError("no cgroup2"), Outcome.CANNOT, id="nothing-started"),
        pytest.param(False, OSError("disk full"), Outcome.CANNOT, id="this-machine-fails"),
        pytest.param(False, TrialFailedError("build"), Outcome.FAILED, id="a-build-fails"),
        pytest.param(True, CannotTryError("second start"), Outcome.FAILED, id="started-before"),
        pytest.param(True, TookTooLongError("hangs"), Outcome.FAILED, id="a-trial-hangs"),
        pytest.param(True, OSError("lost"), Outcome.FAILED, id="started-before-and-lost"),
    ],
)
def test_whose_fault(report: Report, *, began: bool, error: Exception, expected: Outcome) -> None:
    """Once a bare system has started, every failure is one of sendlimit's."""
    report.began = began

    def trial(_: Report) -> None:
        raise error

    assert outcome(report, trial) is expected


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ((Outcome.PASSED, Outcome.PASSED), 0),
        ((Outcome.PASSED, Outcome.CANNOT), 75),
        ((Outcome.CANNOT, Outcome.FAILED), 1),
    ],
)
def test_exit_code(outcomes: tuple[Outcome, ...], expected: int) -> None:
    """A failure goes before what could not be tried, and this before what passed."""
    assert exit_code(outcomes) == expected


@pytest.mark.parametrize(("code", "expected"), [(0, 0), (1, 1), (75, 0), (2, 2)])
def test_continuous_integration(tmp_path: Path, code: int, expected: int) -> None:
    """It passes, and says so, where bare systems can't be tried; every other failure is one."""
    (tmp_path / ".ci").mkdir()
    (tmp_path / "script").mkdir()
    shutil.copy(ROOT / ".ci/run", tmp_path / ".ci")
    _put(tmp_path / "script", "test", "")
    _put(tmp_path / "script", "test-on", f"exit {code}")

    done = subprocess.run([tmp_path / ".ci/run"], capture_output=True, text=True, check=False)

    assert done.returncode == expected
    assert ("can't be tried" in done.stdout) == (code == 75)
