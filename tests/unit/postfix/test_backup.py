"""What Postfix's files were is kept, and only root can have a say in it."""

import os

import pytest

from sendlimit.errors import PostfixError
from sendlimit.postfix.backup import Backup
from support.postfix_samples import Instance

pytestmark = [pytest.mark.postfix, pytest.mark.usefixtures("aged_files")]


def test_copies(debian: Instance) -> None:
    """The files as they were lie in state_dir, for root only; after detach as well."""
    before = debian.main_cf.read_bytes()
    debian.attach()
    backup = Backup(debian.state_dir, debian.config_directory)

    assert (backup.folder / "main.cf").read_bytes() == before
    assert backup.folder.stat().st_mode & 0o777 == 0o700
    debian.detach()
    (kept,) = backup.folder.parent.glob("*.detached")
    assert (kept / "main.cf").read_bytes() == before
    assert Backup(debian.state_dir, debian.config_directory).files == {}


def test_folder_of_somebody_else(debian: Instance) -> None:
    """A backup that another user could have written is not trusted."""
    debian.attach()
    os.chown(debian.state_dir / "postfix-backup", 65534, 65534)

    with pytest.raises(PostfixError, match="not a folder that only root may write to"):
        debian.detach()


def test_missing_state_dir(debian: Instance) -> None:
    """A state_dir that is missing is made."""
    debian.state_dir.rmdir()

    debian.attach()

    assert Backup(debian.state_dir, debian.config_directory).files


def test_broken_record(debian: Instance) -> None:
    """A record that can't be read is named, with the way out."""
    debian.attach()
    backup = Backup(debian.state_dir, debian.config_directory)
    (backup.folder / "record.json").write_text("{")

    with pytest.raises(PostfixError, match=r"record.json can't be read.*move the folder"):
        debian.detach()
