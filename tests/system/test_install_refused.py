"""What script/install refuses, and what it leaves as it was then."""

from pathlib import Path

import pytest

from support.rig.installation import (
    INSTALL,
    OFFLINE,
    RELEASE,
    ScratchServer,
    files_of,
    put_built,
    traces,
)
from support.rig.scratch_system import ScratchSystem

pytestmark = pytest.mark.timeout(300)  # the first test waits for the release to be built

_UNINSTALL_OF_RELEASE = f"{RELEASE}/script/uninstall"


@pytest.mark.parametrize(
    "limits", ["", "100", "mailbox=-1", "mailbox=1,", "host=5", "mailbox=1;ls"]
)
def test_limits_that_are_none_are_refused(system: ScratchSystem, limits: str) -> None:
    """What --limits does not understand is exit code 2, and nothing is done."""
    done = system.run(INSTALL, "--limits", limits, env=OFFLINE, check=False)

    assert done.returncode == 2
    assert "--limits needs numbers, such as mailbox=100,server=999" in done.stdout
    assert not system.path("/etc/sendlimit").exists()


def test_a_dry_run_says_what_would_be_done_and_does_nothing(system: ScratchSystem) -> None:
    """Not one file is different afterwards."""
    before = files_of(system)

    said = (
        system.run(INSTALL, "--dry-run").stdout
        + system.run(_UNINSTALL_OF_RELEASE, "--dry-run", "--purge").stdout
    )

    for words in ("build ", "write /etc/sendlimit/sendlimit.toml", "make or upgrade the tables"):
        assert f"would {words}" in said
    assert traces(before, files_of(system)) == set()


@pytest.mark.parametrize(
    ("preparation", "command", "exit_code", "words"),
    [
        ("true", f"{INSTALL} --mariadb", 1, "no MariaDB listens on /run/mysqld/mysqld.sock"),
        ("sed -i /^postfix:/d /etc/group", INSTALL, 1, "install Postfix first"),
        ("rm /etc/postfix/main.cf", INSTALL, 1, "let 'dpkg-reconfigure postfix' write it"),
        ("echo '?' >/etc/postfix/main.cf", INSTALL, 1, "Postfix can't read its configuration"),
        ("postconf -e queue_directory=/srv/q", INSTALL, 1, "queue_directory is /srv/q"),
        ("chmod 755 /srv", f"setpriv --reuid=nobody {INSTALL}", 1, "run it as root"),
        ("true", f"{INSTALL} --attach", 2, "usage: script/install"),
        ("true", f"{INSTALL} --wheels /srv/none", 2, "--wheels needs a folder that exists"),
        ("true", f"{_UNINSTALL_OF_RELEASE} --root", 1, "--root needs a folder"),
    ],
)
def test_what_it_cannot_do_is_refused_before_anything_is_changed(
    server: ScratchServer, preparation: str, command: str, exit_code: int, words: str
) -> None:
    """The reason is said, and no file is different."""
    server.system.run("sh", "-c", preparation)
    before = files_of(server.system)

    done = server.system.run(*command.split(), check=False)

    assert done.returncode == exit_code
    assert words in done.stdout
    assert traces(before, files_of(server.system)) == set()


def test_settings_that_the_new_release_refuses_stop_the_upgrade(
    system: ScratchSystem, built: Path
) -> None:
    """The installed release stays in use; the words say what is wrong in the file."""
    put_built(system, built)
    system.run(INSTALL, "--no-attach", env=OFFLINE)
    config = system.path("/etc/sendlimit/sendlimit.toml")
    config.write_text(config.read_text().replace('mode = "enforce"', 'mode = "enforced"'))

    done = system.run(INSTALL, "--no-attach", env=OFFLINE, check=False)

    assert done.returncode == 1
    assert "mode: is not one of the values allowed" in done.stdout
    assert system.path("/opt/sendlimit/current").readlink() == Path(built.name)


@pytest.mark.postfix
def test_a_postfix_that_cannot_be_attached_is_reported_and_all_else_is_installed(
    server: ScratchServer, built: Path
) -> None:
    """Without AUTH on any service there is nothing to limit: exit code 1 and the remedy."""
    put_built(server.system, built)
    master_cf = server.system.path("/etc/postfix/master.cf")
    master_cf.write_text(
        master_cf.read_text().replace("smtpd_sasl_auth_enable=yes", "syslog_name=x")
    )

    done = server.system.run(INSTALL, env=OFFLINE, check=False)

    assert done.returncode == 1
    assert "no smtpd service offers AUTH" in done.stdout
    assert "Postfix is not attached: see above; then run 'sendlimit postfix attach'" in done.stdout
    with server.running_daemon():
        pass
