"""What is no file is an error at once; what a shell gives a command is read to its end."""

import errno
import os
import subprocess
from pathlib import Path

import pytest

from sendlimit.files import read_end, read_octets, replace_file


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


def test_far_too_large(tmp_path: Path) -> None:
    """A file of a gigabyte is refused before it takes memory; one of the size allowed is read."""
    (tmp_path / "large").touch()
    os.truncate(tmp_path / "large", 1 << 30)
    with pytest.raises(OSError, match="File too large"):
        read_octets(tmp_path / "large")
    (tmp_path / "small").write_bytes(b"12345")
    assert read_octets(tmp_path / "small", 5) == b"12345"
    with pytest.raises(OSError, match="File too large"):
        read_octets(tmp_path / "small", 4)


def test_end(tmp_path: Path) -> None:
    """The last octets of a file are read, all of a short one, and nothing of what is no file."""
    (tmp_path / "log").write_bytes(b"12345")
    assert read_end(tmp_path / "log", 2) == b"45"
    assert read_end(tmp_path / "log", 9) == b"12345"
    with pytest.raises(OSError, match="Is not a regular file"):
        read_end(Path("/dev/zero"), 2)


def test_stream_without_an_end() -> None:
    """What a shell gives has a bound as well: it is read no further."""
    with subprocess.Popen(["sh", "-c", "exec yes"], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        with pytest.raises(OSError, match="File too large"):
            read_octets(Path(f"/dev/fd/{writer.stdout.fileno()}"), 100_000)
        writer.kill()


def test_replaced(tmp_path: Path) -> None:
    """A file is written anew with the mode given; nothing else is left in the folder."""
    path = tmp_path / "file.json"
    path.write_bytes(b"old")
    replace_file(path, b"new", 0o600, sync=True)
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [*tmp_path.iterdir()] == [path]


def test_nothing_else_is_written_to(tmp_path: Path) -> None:
    """A link, a pipe or a half in the place of what is written first is replaced, not used."""
    elsewhere, path = tmp_path / "elsewhere", tmp_path / "file.json"
    elsewhere.write_bytes(b"kept")
    fresh = tmp_path / "file.new"
    for kind in ("link", "pipe", "half"):
        if kind == "link":
            fresh.symlink_to(elsewhere)
        elif kind == "pipe":
            os.mkfifo(fresh)
        else:
            fresh.touch()
        replace_file(path, b"new", 0o600)
        assert path.read_bytes() == b"new"
        assert not path.is_symlink()
    assert elsewhere.read_bytes() == b"kept"


def test_folder_in_the_way(tmp_path: Path) -> None:
    """A folder in its place is an error of the system, not a wait."""
    (tmp_path / "file.new").mkdir()
    with pytest.raises(OSError, match=r"directory|permitted"):
        replace_file(tmp_path / "file.json", b"new", 0o600)
