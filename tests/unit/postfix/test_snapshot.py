"""A Postfix configuration as it is read."""

from pathlib import Path

import pytest

from sendlimit.errors import PostfixError
from sendlimit.postfix.snapshot import read_text_file
from support.postfix_samples import AUTH, make_instance

pytestmark = [pytest.mark.postfix, pytest.mark.usefixtures("aged_files")]

_MASTER = """\
smtp inet n - y - - smtpd
submission inet n - n - - smtpd
  -o smtpd_milters=$one,inet:b:2
pickup unix n - y 60 1 pickup
"""


def test_services(folder: Path) -> None:
    """Only smtpd services are read: with options as written, and values with references resolved."""
    main = f"{AUTH}one = inet:a:1\nsmtpd_milters = $one\n"
    instance = make_instance(folder, main, _MASTER, ispconfig=False)

    snapshot = instance.snapshot()

    smtp, submission = snapshot.services
    assert (smtp.key, smtp.is_chrooted, smtp.options) == ("smtp/inet", True, {})
    assert (submission.key, submission.is_chrooted) == ("submission/inet", False)
    assert submission.options == {"smtpd_milters": "$one,inet:b:2"}
    assert smtp.effective["smtpd_milters"] == "inet:a:1"
    assert submission.effective["smtpd_milters"] == "inet:a:1,inet:b:2"
    assert (snapshot.smtpd_milters, snapshot.main_chain) == ("$one", "inet:a:1")
    assert snapshot.queue_directory == folder / "queue"
    assert snapshot.ispconfig_custom is None


def test_ispconfig(folder: Path) -> None:
    """Where ISPConfig is, its file for the admin's settings is part of it, there or not."""
    snapshot = make_instance(folder, AUTH, _MASTER, ispconfig=True).snapshot()

    assert snapshot.ispconfig_custom is not None
    assert snapshot.ispconfig_custom.text is None


def test_no_configuration(folder: Path) -> None:
    """A directory without main.cf is named."""
    instance = make_instance(folder, "", "", ispconfig=False)
    instance.main_cf.unlink()

    with pytest.raises(PostfixError, match=r"there is no .*/main.cf"):
        instance.snapshot()


def test_bytes(tmp_path: Path) -> None:
    """Bytes that are no text are kept; a link is followed to its file."""
    path, link = tmp_path / "main.cf", tmp_path / "link"
    path.write_bytes(b"# \xfc\r\n")
    link.symlink_to(path)

    file = read_text_file(link)

    assert file.path == path
    assert (file.text or "").encode(errors="surrogateescape") == b"# \xfc\r\n"


def test_file_that_cannot_be_read(tmp_path: Path) -> None:
    """A folder in place of the file is an error with its name."""
    with pytest.raises(PostfixError, match="can't be read: Is a directory"):
        read_text_file(tmp_path)
