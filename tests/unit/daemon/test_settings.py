"""What the parts of the daemon take from the config file."""

import os
import stat
from pathlib import Path

import pytest

from sendlimit.daemon.settings import (
    StorePassword,
    counting_settings,
    make_state_dir,
    make_store,
    session_settings,
)
from sendlimit.errors import ConfigError
from sendlimit.store.mariadb import MariaDBStore
from sendlimit.store.sqlite import SQLiteStore
from support.config_samples import config_of

_FILE = Path("/etc/sendlimit/sendlimit.toml")


def test_counting_settings() -> None:
    """Mode, limits, calendar and the threshold of warnings come from the file."""
    settings = counting_settings(
        config_of("""
mode = "observe"
calendar.timezone = "Asia/Kolkata"
limits.mailbox.messages_per_day = 3
notify = {mail_owner = true, warn_at_percent = 70}
""")
    )

    assert settings.observe
    assert settings.calendar.timezone.key == "Asia/Kolkata"
    assert settings.warn_at_percent == 70
    assert {str(name) for name in settings.file.names()} == {"mailbox.messages_per_day"}


def test_no_warnings_without_notices() -> None:
    """Without [notify] no warning is worked out."""
    assert counting_settings(config_of("")).warn_at_percent is None


def test_session_settings() -> None:
    """Answers and exempt logins come from the file."""
    settings = session_settings(
        config_of("""
identity = {default_domain = "example.org", exempt = ["Monitor"]}
reply.at = "end-of-message"
store.on_failure = "tempfail"
milter.socket = "inet:10040@127.0.0.1"
""")
    )

    assert settings.exempt == {"monitor@example.org"}
    assert (settings.refuse_at_end, settings.tempfail, settings.data_callback) == (True, True, True)


def test_observe_mode_refuses_nothing() -> None:
    """R12: in an outage neither, whatever is to be done with mail that can't be decided."""
    settings = session_settings(config_of('mode = "observe"\nstore.on_failure = "tempfail"'))

    assert (settings.observe, settings.tempfail) == (True, False)


def test_defaults_of_sessions() -> None:
    """An empty file enforces, refuses at MAIL, accepts on failure and asks for no `data`."""
    settings = session_settings(config_of(""))

    assert not settings.observe
    assert (settings.refuse_at_end, settings.tempfail, settings.data_callback) == (
        False, False, False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("url", "kind"),
    [("sqlite:////tmp/s.db", SQLiteStore), ("mariadb://u:p@127.0.0.1/d", MariaDBStore)],
)
def test_store(url: str, kind: type[object]) -> None:
    """The url says which store; it is not connected yet."""
    assert isinstance(make_store(config_of(f'store.url = "{url}"'), _FILE), kind)


def test_store_without_its_password() -> None:
    """A password file that can't be read is named."""
    config = config_of('store = {url = "mariadb://u@h/d", password_file = "/no/file"}')

    with pytest.raises(ConfigError, match=r"store\.password_file: /no/file can't be read"):
        make_store(config, _FILE)


def test_state_dir_is_made(tmp_path: Path) -> None:
    """A directory that is missing is made, closed to other users; one that is there is taken."""
    config = config_of(f'state_dir = "{tmp_path}/a/state"')
    before = os.umask(0)
    try:
        folder = make_state_dir(config, _FILE)
    finally:
        os.umask(before)

    assert folder == tmp_path / "a" / "state"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o750
    assert make_state_dir(config, _FILE) == folder


def test_state_dir_that_cannot_be_made(tmp_path: Path) -> None:
    """A file in the way is an error that names key and path."""
    (tmp_path / "state").write_text("")
    with pytest.raises(ConfigError) as caught:
        make_state_dir(config_of(f'state_dir = "{tmp_path}/state"'), _FILE)

    assert caught.value.problems == [
        f"{_FILE}: state_dir: {tmp_path}/state can't be made: File exists"
    ]


def test_password_that_is_changed(tmp_path: Path) -> None:
    """The file is read each time; what can't be read, or is empty for a moment, changes nothing."""
    file = tmp_path / "password"
    file.write_text("first\n")
    file.chmod(0o600)
    config = config_of(f'store = {{url = "mariadb://u@h/d", password_file = "{file}"}}')
    password = StorePassword(config, _FILE)
    assert password() == "first"

    file.write_text("")
    assert password() == "first"
    file.write_text("second\n")
    assert password() == "second"
    file.chmod(0o644)
    assert password() == "second"
    file.unlink()
    assert password() == "second"
    with pytest.raises(ConfigError, match=r"store\.password_file"):
        StorePassword(config, _FILE)


def test_certificate_that_is_missing(tmp_path: Path) -> None:
    """A daemon does not start with a file for TLS that it can't use; key, option and file are named."""
    config = config_of(f'store.url = "mariadb://u@h/d?tls_ca={tmp_path}/ca.pem"')

    with pytest.raises(
        ConfigError, match=r"store\.url: tls_ca can't be used: .*/ca\.pem: No such file"
    ):
        make_store(config, _FILE)
