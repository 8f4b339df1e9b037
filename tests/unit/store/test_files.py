"""What is no file is an error at once; what a shell gives a command is read to its end."""

import errno
import os
import subprocess
from pathlib import Path

import pytest

from sendlimit.store.files import read_octets


def test_file(tmp_path: Path) -> None:
    """A file is read whole, also through a link; a missing one is an error of the system."""
    (tmp_path / "file").write_bytes(b"\xff\x00text")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    assert read_octets(tmp_path / "link") == b"\xff\x00text"
    with pytest.raises(FileNotFoundError):
        read_octets(tmp_path / "none")


def test_no_file(tmp_path: Path) -> None:
    """A pipe without a writer, a folder and a device are not waited for, and nothing stays open."""
    os.mkfifo(tmp_path / "pipe")
    before = len([*Path("/proc/self/fd").iterdir()])
    for path, code in ((tmp_path / "pipe", errno.EINVAL), (tmp_path, errno.EISDIR), (Path("/dev/zero"), errno.EINVAL)):  # fmt: skip
        with pytest.raises(OSError, match=r"regular|directory") as refused:
            read_octets(path)
        assert refused.value.errno == code
        assert refused.value.filename == str(path)
    assert len([*Path("/proc/self/fd").iterdir()]) == before


def test_given_by_a_shell() -> None:
    """`--config <(command)` is a pipe that ends."""
    with subprocess.Popen(["sh", "-c", "sleep 0.2; echo text"], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert read_octets(Path(f"/dev/fd/{writer.stdout.fileno()}")) == b"text\n"
