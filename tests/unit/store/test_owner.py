"""Root takes the rights of another user before it works in that user's folder."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

from sendlimit.store.owner import as_owner, rights_of_owner
from support.command_samples import CONFIG, Commands

_NOBODY = 65534


@pytest.fixture
def theirs(folder: Path) -> Path:
    """A folder of another user, which anybody can reach."""
    folder.chmod(0o755)
    path = folder / "theirs"
    path.mkdir()
    os.chown(path, _NOBODY, _NOBODY)
    return path


def test_rights_for_a_while(theirs: Path) -> None:
    """In a folder of another user, and in those below it, root is that user until the end."""
    (theirs / "sub").mkdir()
    before = (os.geteuid(), os.getegid(), os.getgroups())
    for path in (theirs / "file", theirs / "sub" / "file"):
        with rights_of_owner(path):
            assert (os.geteuid(), os.getegid(), os.getgroups()) == (_NOBODY, _NOBODY, [_NOBODY])
        assert (os.geteuid(), os.getegid(), os.getgroups()) == before


def test_rights_come_back_after_an_error(theirs: Path) -> None:
    """Whatever is raised, root is root again."""
    with pytest.raises(ZeroDivisionError), rights_of_owner(theirs / "file"):
        raise ZeroDivisionError
    assert os.geteuid() == 0


def test_own_folder(folder: Path) -> None:
    """In folders of its own root stays root; a folder that is not there changes nothing."""
    for path in (folder / "file", folder / "gone" / "file"):
        with rights_of_owner(path):
            assert os.geteuid() == 0


def test_command_for_root(theirs: Path) -> None:
    """A printed command works on what the owner may change, and not on what the owner links to."""
    secret, socket = theirs.parent / "secret", theirs / "socket"
    secret.touch(0o600)
    for path, done in ((socket, True), (theirs / "link", False)):
        if done:
            path.touch(0o600)
            os.chown(path, _NOBODY, _NOBODY)
        else:
            path.symlink_to(secret)
        command = as_owner(path, f"chgrp postfix {path} && chmod 0660 {path}", "postfix")
        assert (subprocess.run(["bash", "-c", command], check=False).returncode == 0) is done
    assert stat.S_IMODE(socket.stat().st_mode) == 0o660
    assert socket.group() == "postfix"
    assert (secret.stat().st_gid, stat.S_IMODE(secret.stat().st_mode)) == (0, 0o600)


def test_command_for_a_file_of_roots(theirs: Path) -> None:
    """The owner of the folder could not change it: the command is for root itself."""
    password = theirs / "password"
    password.touch(0o644)
    command = as_owner(password, f"chmod o= {password}")
    subprocess.run(["bash", "-c", command], check=True)
    assert stat.S_IMODE(password.stat().st_mode) == 0o640


def test_command_in_a_folder_of_roots(folder: Path) -> None:
    """Where root owns all folders a command is printed as it is; a user without a name has a number."""
    assert as_owner(folder / "file", "chmod o= file") == "chmod o= file"
    os.chown(folder, 54321, 54321)
    assert as_owner(folder / "file", "chmod o= file") == (
        "setpriv --reuid=54321 --regid=54321 --clear-groups sh -c 'chmod o= file'"
    )


def _commands(theirs: Path, capsys: pytest.CaptureFixture[str]) -> Commands:
    config = theirs.parent / "sendlimit.toml"
    config.write_text(CONFIG.format(folder=theirs, url=f"sqlite:///{theirs}/sendlimit.db"))
    return Commands(config, capsys)


def test_commands_of_root(theirs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What commands of root make beside the database is the daemon's, which goes on to use it."""
    commands = _commands(theirs, capsys)
    assert commands("db", "init") == 0, commands.stderr
    assert commands("limit", "set", "a@b.org", "mailbox.messages_per_day", "7") == 0, (
        commands.stderr
    )
    assert {path.stat().st_uid for path in theirs.iterdir()} == {_NOBODY}


@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize("words", [("db", "init"), ("show",), ("db", "upgrade"), ("purge",)])
def test_link_of_the_daemons_user(
    theirs: Path,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    exists: bool,  # noqa: FBT001 - a column
) -> None:
    """A link in the place of the database leads no command of root to a file of root's."""
    secret = theirs.parent / "roots"
    secret.mkdir(0o700)
    target = secret / "file"
    if exists:
        target.write_bytes(b"")
    (theirs / "sendlimit.db").symlink_to(target)

    assert _commands(theirs, capsys)(*words) == 1
    assert target.exists() == exists
    assert not exists or target.read_bytes() == b""
    assert [path.name for path in secret.iterdir()] == ["file"] * exists
