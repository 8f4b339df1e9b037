"""Install on a copy of this system, limit mail with it, upgrade it, and take it off again."""

import secrets
import shutil
import socket
from pathlib import Path

import pytest

from sendlimit import __version__
from support.rig.configuration import calendar
from support.rig.installation import (
    ALICE,
    INSTALL,
    OFFLINE,
    RELEASE,
    ScratchServer,
    files_of,
    put_built,
    put_older,
    traces,
)
from support.rig.mariadb import PrivateMariaDB
from support.rig.process import accepts_connections
from support.rig.scratch_system import ScratchSystem

pytestmark = pytest.mark.timeout(300)  # the first test waits for the release to be built

_ROOT = Path(__file__).parents[2]
_CHOSEN = ("--limits", "mailbox=100,server=999")
_UNINSTALL_OF_RELEASE = f"{RELEASE}/script/uninstall"
_UNINSTALL = "/opt/sendlimit/script/uninstall"


def _mode(system: ScratchSystem, path: str) -> str:
    return system.run("stat", "--format=%U:%G %a", path).stdout.strip()


@pytest.mark.postfix
def test_mail_is_limited_across_an_upgrade_and_in_the_end_nothing_is_left(
    server: ScratchServer, built: Path, release: Path
) -> None:
    """Installed, it limits; upgraded, it still knows; uninstalled, all is as it was."""
    system = server.system
    before = files_of(system)
    put_older(system, built)

    installed = system.run(INSTALL, *_CHOSEN, env=OFFLINE).stdout

    assert "attach sendlimit to Postfix" in installed
    assert "start: no systemd runs here" in installed
    config = system.path("/etc/sendlimit/sendlimit.toml")
    start = calendar()["day_starts_at"]  # far from now, so that no day ends during the test
    config.write_text(
        config.read_text().replace("[calendar]", f'[calendar]\nday_starts_at = "{start}"')
    )
    server.start_postfix()
    with server.running_daemon():
        system.run("sendlimit", "limit", "set", ALICE, "mailbox.messages_per_day", "2")
        assert server.send(3) == [250, 250, 450]
    settings = config.read_bytes()

    assert system.run("sendlimit", "--version").stdout == "sendlimit 0.0.1\n"
    shutil.rmtree(system.path(RELEASE))
    shutil.copytree(release, system.path(RELEASE))
    put_built(system, built)
    upgraded = system.run(INSTALL, env=OFFLINE).stdout

    assert "keep /etc/sendlimit/sendlimit.toml" in upgraded
    assert system.run("sendlimit", "--version").stdout == f"sendlimit {__version__}\n"
    assert list(system.path("/opt/sendlimit").glob("0.0.1-*")) == []
    assert config.read_bytes() == settings
    with server.running_daemon():
        assert server.send(1) == [450]
    after_detach = system.run(_UNINSTALL).stdout

    assert "Postfix has read its configuration again" in after_detach
    assert server.send(1) == [250]
    kept = traces(before, files_of(system))
    own = ("/etc/sendlimit", "/var/lib/sendlimit")
    users = {f"/etc/{name}" for name in ("passwd", "group", "shadow", "gshadow")}
    assert {name for name in kept - users if not name.startswith(own)} == set()
    assert "/var/lib/sendlimit/sendlimit.db" in kept
    assert config.read_bytes() == settings

    # As an admin does who has uninstalled before: there is no installed uninstall any more.
    system.run(_UNINSTALL_OF_RELEASE, "--purge")

    assert traces(before, files_of(system)) == set()


def test_without_a_network_a_folder_of_wheels_is_enough(built: Path) -> None:
    """--wheels builds the release where no packet leaves the system, from what the locks name."""
    assert (built / "complete").exists()
    names = {path.name.split("-")[0].lower() for path in built.rglob("*.dist-info")}
    locked = (_ROOT / "requirements-run.lock").read_text().splitlines()
    assert {line.split("==")[0].replace("-", "_") for line in locked if "==" in line} < names


def test_systemd_hears_when_it_is_ready_and_that_it_lives(
    server: ScratchServer, built: Path
) -> None:
    """READY=1 comes when the socket answers, WATCHDOG=1 again and again, STOPPING=1 at the end."""
    put_built(server.system, built)
    server.system.run(INSTALL, "--no-attach", env=OFFLINE)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        address = f"sendlimit-test-{secrets.token_hex(8)}"
        systemd.bind(f"\0{address}")
        systemd.settimeout(20)
        daemon = server.daemon({"NOTIFY_SOCKET": f"@{address}", "WATCHDOG_USEC": "400000"})
        daemon.start()
        try:
            assert systemd.recv(100) == b"READY=1"
            assert accepts_connections(server.socket)
            assert [systemd.recv(100) for _ in range(3)] == [b"WATCHDOG=1"] * 3
            assert daemon.stop() == 0
            while (state := systemd.recv(100)) == b"WATCHDOG=1":
                pass
            assert state == b"STOPPING=1"
        finally:
            daemon.kill()


def test_owners_and_modes_let_in_who_must_and_nobody_else(
    system: ScratchSystem, built: Path
) -> None:
    """The daemon's user makes its socket, Postfix's connects to it, others reach nothing."""
    put_built(system, built)

    system.run(INSTALL, "--no-attach", env=OFFLINE)

    modes = {
        "/etc/sendlimit": "root:sendlimit 750",
        "/etc/sendlimit/sendlimit.toml": "root:sendlimit 640",
        "/etc/sendlimit/store.password": "root:sendlimit 640",
        "/var/lib/sendlimit": "sendlimit:sendlimit 750",
        "/var/lib/sendlimit/sendlimit.db": "sendlimit:sendlimit 660",
        "/var/spool/postfix/sendlimit": "sendlimit:postfix 2750",
        "/opt/sendlimit/current/bin/sendlimit": "root:root 755",
    }
    assert {path: _mode(system, path) for path in modes} == modes
    names = ("sendlimit.service", "sendlimit-purge.timer", "sendlimit-doctor.timer")
    units = [*names, "sendlimit-purge.service", "sendlimit-doctor.service"]
    verdict = system.run("systemd-analyze", "verify", "--man=no", *units).stdout
    assert [line for line in verdict.splitlines() if "sendlimit" in line] == []
    assert system.run("systemctl", "is-enabled", *names).stdout == "enabled\n" * 3


@pytest.mark.mariadb
def test_mariadb_is_set_up_through_its_root_socket_and_dropped_on_demand(
    server: ScratchServer, built: Path, mariadb: PrivateMariaDB
) -> None:
    """--mariadb makes database, user and password; --purge --mariadb leaves none of them."""
    system = server.system
    put_built(system, built)
    system.bind(mariadb.socket, "/run/mysqld/mysqld.sock")
    try:
        installed = system.run(INSTALL, "--mariadb", "--no-attach", env=OFFLINE).stdout

        assert "can log in and has the rights it needs" in installed
        with server.running_daemon():
            assert "ERROR" not in system.run("sendlimit", "check").stdout
        upgraded = system.run(INSTALL, "--no-attach", env=OFFLINE).stdout
        assert "the tables are as this release needs them" in upgraded
    finally:
        removed = system.run(_UNINSTALL, "--purge", "--mariadb").stdout

    assert "drop the MariaDB database sendlimit, user sendlimit" in removed
    assert mariadb.query("SHOW DATABASES LIKE 'sendlimit'") == []
    assert mariadb.query("SELECT User FROM mysql.user WHERE User = 'sendlimit'") == []


def _set_in_file(system: ScratchSystem) -> dict[str, str]:
    """Return what the file sets, as `sendlimit config --changed` and the mode have it."""
    listed = system.run("sendlimit", "config", "--changed").stdout.splitlines()
    found = dict(line.split(" = ", 1) for line in listed)
    return {key: value for key, value in found.items() if key.startswith(("mode", "limits"))}


_USUAL = {"limits.global.messages_per_day": "999", "limits.mailbox.messages_per_day": "100"}


@pytest.mark.parametrize(
    ("options", "traces_of_mail", "expected", "in_force"),
    [
        pytest.param([], {}, _USUAL, "enforce: mail is refused beyond 999 messages", id="new-server"),
        pytest.param(
            [], {"/var/spool/postfix/deferred/A/A1B2": ""}, _USUAL | {"mode": '"observe"'},
            "observe: nothing is refused", id="queued-mail",
        ),
        pytest.param(
            [], {"/var/log/mail.log": "Nov 22 12:00:00 mx postfix/qmgr[7]: A1B2: from=<a@example.org>, size=9\n"},
            _USUAL | {"mode": '"observe"'}, "observe: nothing is refused", id="logged-mail",
        ),
        pytest.param(
            ["--limits", "mailbox=7,server=unlimited"], {"/var/spool/postfix/active/A1B2": ""},
            {"limits.global.messages_per_day": '"unlimited"', "limits.mailbox.messages_per_day": "7"},
            "enforce: mail is refused beyond 7 messages per day of each mailbox", id="chosen",
        ),
        pytest.param(
            ["--observe", "--limits", "domain=50"], {},
            {"limits.domain.messages_per_day": "50", "mode": '"observe"'},
            "observe: nothing is refused, what would be is recorded; limits: 50 messages per day of each domain",
            id="chosen-and-observed",
        ),
    ],
)  # fmt: skip
def test_no_number_that_was_not_chosen_refuses_mail_of_a_server_in_use(  # noqa: PLR0913, PLR0917 - the columns
    system: ScratchSystem,
    built: Path,
    options: list[str],
    traces_of_mail: dict[str, str],
    expected: dict[str, str],
    in_force: str,
) -> None:
    """Where Postfix has had mail it observes, unless limits are chosen; the end says what will hold."""
    put_built(system, built)
    for path, text in traces_of_mail.items():
        place = system.path(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)

    installed = system.run(INSTALL, "--no-attach", *options, env=OFFLINE).stdout

    assert _set_in_file(system) == expected
    assert f"\nIn force once Postfix is attached: {in_force}" in installed
    assert ("'sendlimit suggest' proposes limits" in installed) == ("mode" in expected)


def test_a_running_daemon_keeps_the_release_that_it_runs(
    server: ScratchServer, built: Path
) -> None:
    """Where the daemon can't be restarted, its files stay until the next installation."""
    system = server.system
    put_older(system, built)
    system.run(INSTALL, "--no-attach", env=OFFLINE)
    older = system.path("/opt/sendlimit/current").readlink()
    version = system.path(f"{RELEASE}/milter/sendlimit/__init__.py")
    version.write_text(version.read_text().replace('"0.0.1"', f'"{__version__}"'))
    put_built(system, built)
    with server.running_daemon():
        upgraded = system.run(INSTALL, "--no-attach", env=OFFLINE).stdout

        assert "the daemon that runs is of an older release" in upgraded
        assert system.path(f"/opt/sendlimit/{older}").exists()
    system.run(INSTALL, "--no-attach", env=OFFLINE)

    assert not system.path(f"/opt/sendlimit/{older}").exists()


def test_a_system_without_systemd_gets_its_user_from_adduser(
    system: ScratchSystem, built: Path
) -> None:
    """No systemd-sysusers, no systemctl: the user is made, and services are left out."""
    put_built(system, built)
    for program in ("systemd-sysusers", "systemctl"):
        system.path(f"/usr/bin/{program}").unlink()

    system.run(INSTALL, "--no-attach", env=OFFLINE)

    assert _mode(system, "/var/lib/sendlimit") == "sendlimit:sendlimit 750"
    assert system.run("sendlimit", "db", "status", "--json").stdout.startswith("{")
    system.run(_UNINSTALL, "--purge")
    assert "sendlimit:" not in system.path("/etc/passwd").read_text()


def test_a_bare_tree_is_filled_and_emptied_again(system: ScratchSystem, built: Path) -> None:
    """--root writes below a folder that has no more than the names of users and groups."""
    put_built(system, built)  # what stands in the tree starts from there
    tree = system.path("/srv/tree")
    (tree / "etc").mkdir(parents=True)
    (tree / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (tree / "etc/group").write_text("root:x:0:\npostfix:x:4242:\n")
    shutil.copytree(built, tree / "opt/sendlimit" / built.name, symlinks=True)
    (tree / "opt/sendlimit/current/bin").mkdir(parents=True)  # as an installation by hand has it

    said = system.run(INSTALL, "--root", "/srv/tree", env=OFFLINE).stdout

    assert "database: run 'sendlimit db init' in it" in said
    assert (tree / "etc/sendlimit/sendlimit.toml").read_bytes() == (
        _ROOT / "etc/sendlimit.toml"
    ).read_bytes()
    assert (tree / "var/spool/postfix/sendlimit").stat().st_gid == 4242
    assert (tree / "usr/local/bin/sendlimit").readlink() == Path(
        "/opt/sendlimit/current/bin/sendlimit"
    )
    assert (tree / "opt/sendlimit/current").readlink() == Path(built.name)
    assert not (tree / "opt/sendlimit/0-by-hand").exists()
    assert not system.path("/etc/sendlimit").exists()
    system.run(_UNINSTALL_OF_RELEASE, "--root", "/srv/tree", "--purge")
    names = {path.name for path in tree.rglob("*") if not path.is_dir()}
    assert {name for name in names if not name.endswith("-")} - {".pwd.lock"} == {
        *("passwd", "group", "shadow", "gshadow")
    }
