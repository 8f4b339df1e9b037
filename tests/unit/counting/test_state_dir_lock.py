"""One daemon to a state_dir."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sendlimit.counting.state_dir_lock import lock_folder
from sendlimit.errors import SendlimitError, StateDirInUse


def test_second_daemon(tmp_path: Path) -> None:
    """A second daemon with the same state_dir gets an error that names key and path."""
    lock = lock_folder(tmp_path, "state_dir")

    with pytest.raises(StateDirInUse, match=rf"state_dir: {tmp_path}: .*set another state_dir"):
        lock_folder(tmp_path, "state_dir")

    os.close(lock)
    os.close(lock_folder(tmp_path, "state_dir"))


def test_killed_daemon(tmp_path: Path) -> None:
    """A daemon that was killed leaves neither lock nor file."""
    code = (
        "import sys; from pathlib import Path;"
        "from sendlimit.counting.state_dir_lock import lock_folder;"
        "lock_folder(Path(sys.argv[1]), 'state_dir'); print('locked', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"locked\n"
        with pytest.raises(StateDirInUse):
            lock_folder(tmp_path, "state_dir")
        process.kill()

    os.close(lock_folder(tmp_path, "state_dir"))
    assert list(tmp_path.iterdir()) == []


def test_missing(tmp_path: Path) -> None:
    """A state_dir that is not there is an error that names the key."""
    with pytest.raises(SendlimitError, match=r"state_dir: .*/missing: No such file or directory"):
        lock_folder(tmp_path / "missing", "state_dir")
