"""Root works in a folder that it has opened and looked at, whatever becomes of its name."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from sendlimit.errors import PostfixError
from sendlimit.postfix.private_folder import PrivateFolder, opened

_NOBODY = 65534


def _link(path: Path) -> None:
    (path.parent / "elsewhere").mkdir(0o700)
    path.symlink_to("elsewhere")


def _of_another_user(path: Path) -> None:
    path.mkdir(0o700)
    os.chown(path, _NOBODY, _NOBODY)


def _writable_for_all(path: Path) -> None:
    path.mkdir()
    path.chmod(0o777)


@pytest.mark.parametrize(
    "make",
    [_link, _of_another_user, _writable_for_all, Path.touch, os.mkfifo],
    ids=["link", "of-another-user", "writable-for-all", "file", "fifo"],
)
def test_not_trusted(tmp_path: Path, make: Callable[[Path], object]) -> None:
    """What is no folder of root's alone is not used, and nothing is written through it."""
    make(tmp_path / "backup")

    with (
        pytest.raises(PostfixError, match="not a folder that only root may write to"),
        opened(tmp_path / "backup", make=True) as folder,
    ):
        folder.write("main.cf", "text")
    assert not [*tmp_path.glob("*/main.cf")]


def test_missing(tmp_path: Path) -> None:
    """A folder that is not there is made only when that is asked for, for root alone."""
    with pytest.raises(FileNotFoundError), opened(tmp_path / "backup"):
        pass
    with opened(tmp_path / "backup", make=True):
        assert (tmp_path / "backup").stat().st_mode & 0o777 == 0o700


def test_swapped_while_it_is_open(tmp_path: Path) -> None:
    """A folder that gets the name afterwards is neither read nor written."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "record").write_text("forged")
    with opened(tmp_path / "backup", make=True) as folder:
        folder.write("record", "true")
        (tmp_path / "backup").rename(tmp_path / "moved")
        other.rename(tmp_path / "backup")

        assert folder.read("record") == "true"
        folder.write("main.cf", "text")
        with folder.subfolder("sub", make=True) as inner:
            inner.write("deep", "text")

    assert sorted(path.name for path in (tmp_path / "backup").iterdir()) == ["record"]
    assert (tmp_path / "moved" / "sub" / "deep").read_text() == "text"


def _read(folder: PrivateFolder) -> None:
    folder.read("record")


def _write(folder: PrivateFolder) -> None:
    folder.write("record", "text")


def _lock(folder: PrivateFolder) -> None:
    with folder.locked("x"):
        pass


@pytest.mark.parametrize(
    ("name", "act"), [("record", _read), ("record.new", _write), ("lock", _lock)]
)
def test_links_are_not_followed(
    tmp_path: Path, name: str, act: Callable[[PrivateFolder], None]
) -> None:
    """A link in the place of a file is an error, and its target stays as it is."""
    target = tmp_path / "target"
    target.write_text("precious")
    with opened(tmp_path / "backup", make=True) as folder:
        (tmp_path / "backup" / name).symlink_to(target)
        with pytest.raises(OSError, match="symbolic link"):
            act(folder)

    assert target.read_text() == "precious"


def test_lock(tmp_path: Path) -> None:
    """One process at a time has the lock."""
    with opened(tmp_path / "backup", make=True) as folder:
        with (
            folder.locked("the first"),
            opened(tmp_path / "backup") as again,
            pytest.raises(PostfixError, match="the second runs already"),
            again.locked("the second"),
        ):
            pass
        with folder.locked("the third"):
            pass


def test_rename(tmp_path: Path) -> None:
    """A folder takes the place of one of the same name."""
    with opened(tmp_path / "backup", make=True) as folder:
        for name in ("new", "old"):
            with folder.subfolder(name, make=True) as inner:
                inner.write("which", name)
        folder.rename("new", "old")

    assert (tmp_path / "backup" / "old" / "which").read_text() == "new"
    assert not (tmp_path / "backup" / "new").exists()
