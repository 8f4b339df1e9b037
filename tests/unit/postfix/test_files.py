"""Single files are changed under Postfix's own lock."""

import fcntl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sendlimit.errors import PostfixError
from sendlimit.postfix import files
from sendlimit.postfix.attachment import FileChange


@pytest.fixture
def change(folder: Path) -> Iterator[FileChange]:
    """A change of one file."""
    path = folder / "main.cf"
    path.write_text("before\n")
    yield FileChange(path=path, before="before\n", after="after\n", without_sendlimit="before\n")
    assert list(folder.iterdir()) in ([path], [])


def test_waits_for_postconf(change: FileChange) -> None:
    """While another editor holds main.cf.tmp, we wait; then we see what it wrote."""
    new = change.path.with_name("main.cf.tmp")
    errors: list[PostfixError] = []

    def write() -> None:
        try:
            files.write_change(change)
        except PostfixError as exc:
            errors.append(exc)

    with new.open("w") as editor:
        fcntl.flock(editor, fcntl.LOCK_EX)
        thread = threading.Thread(target=write)
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
        editor.write("theirs\n")
        editor.flush()
        new.rename(change.path)
    thread.join()

    assert "changed by somebody else" in str(errors[0])
    assert change.path.read_text() == "theirs\n"


def test_editor_that_never_ends(change: FileChange, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock that is held for too long is reported."""
    monkeypatch.setattr(files, "_LOCK_WAIT_S", 0.1)
    new = change.path.with_name("main.cf.tmp")
    with new.open("w") as editor:
        fcntl.flock(editor, fcntl.LOCK_EX)

        with pytest.raises(PostfixError, match="stays locked"):
            files.write_change(change)
    new.unlink()


def test_postconf_waits_for_us(change: FileChange) -> None:
    """`postconf -e` does not get between our reading and our writing."""
    change.path.write_text("compatibility_level = 3.6\n")
    with files._new_content(change.path):
        editor = subprocess.Popen(["postconf", "-c", change.path.parent, "-e", "x=y"])
        with pytest.raises(subprocess.TimeoutExpired):
            editor.wait(0.5)
    assert editor.wait(10) == 0
    assert change.path.read_text() == "compatibility_level = 3.6\nx = y\n"


def test_left_over_of_a_crash(change: FileChange) -> None:
    """What a killed editor left in main.cf.tmp does not get into the file."""
    change.path.with_name("main.cf.tmp").write_text("long left over of somebody\n")

    files.write_change(change)

    assert change.path.read_text() == "after\n"


def test_removed(change: FileChange) -> None:
    """A file that is to go goes."""
    files.write_change(replace(change, after=None))

    assert not change.path.exists()


def test_folder_that_is_gone(change: FileChange) -> None:
    """An error of the system is told with the file's name."""
    gone = replace(change, path=change.path.parent / "gone" / "main.cf")

    with pytest.raises(PostfixError, match=r"gone/main.cf can't be changed: No such file"):
        files.write_change(gone)
