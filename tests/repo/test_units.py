"""The files that script/install puts on a system: units, user, folders."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_UNITS = _ROOT / "systemd"
_SERVICES = ("sendlimit.service", "sendlimit-purge.service")
_WEB = "sendlimit-web.service"
_DOCTOR = "sendlimit-doctor.service"
_FOR_ATTEMPTS = (
    "CapabilityBoundingSet=CAP_CHOWN CAP_DAC_OVERRIDE CAP_SETGID CAP_SETUID CAP_SYS_CHROOT",
    "SystemCallFilter=@chown @setuid chroot",
)


def _run(*words: str | Path) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A file tree with nothing but the users and groups that Postfix brings along."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    (tmp_path / "etc/group").write_text("root:x:0:\npostfix:x:4242:\n")
    return tmp_path


@pytest.mark.parametrize("service", [*_SERVICES, _WEB])
def test_a_service_is_sandboxed(service: str) -> None:
    """systemd-analyze security gives 2.0 or less, on its scale from 0 (best) to 10."""
    unit = _UNITS / service
    _run("systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold=20", unit)


def test_both_services_have_the_same_sandbox() -> None:
    """Units can't include each other, so what is written twice is compared."""
    service, purge = (_sandbox(_UNITS / name) for name in _SERVICES)
    assert service == purge
    assert "NoNewPrivileges=yes" in service


def test_doctor_has_the_same_sandbox_but_for_its_attempts() -> None:
    """It tries the socket as Postfix's user and in its chroot, so it is root, with what that takes."""
    _run(
        "systemd-analyze",
        "security",
        "--no-pager",
        "--offline=true",
        "--threshold=26",
        _UNITS / _DOCTOR,
    )
    service, doctor = _sandbox(_UNITS / _SERVICES[0]), _sandbox(_UNITS / _DOCTOR)
    assert [line for line in doctor if line not in service] == list(_FOR_ATTEMPTS)
    assert [line for line in service if line not in doctor] == [
        "CapabilityBoundingSet=",
        "SystemCallFilter=@chown",
    ]


def test_the_web_pages_have_the_same_but_for_their_sockets() -> None:
    """sendlimit-web.service may give files to other users, and give that right up; nothing more."""
    service, web = ({*_sandbox(_UNITS / name)} for name in (_SERVICES[0], _WEB))
    assert service - web == {
        "CapabilityBoundingSet=",
        "AmbientCapabilities=",
        "SystemCallFilter=@chown",
    }
    assert web - service == {
        "CapabilityBoundingSet=CAP_CHOWN",
        "AmbientCapabilities=CAP_CHOWN",
        "SystemCallFilter=@chown capset",
    }


@pytest.mark.parametrize(
    ("line", "is_on"),
    [
        ("[web]", True),
        ("  [web]", True),
        ('web = {listen = "127.0.0.1:9141"}', True),
        ('web.listen = "127.0.0.1:9141"', True),
        ("# [web]", False),
        ("[webhook]", False),
        ("", False),
    ],
)
def test_the_web_pages_are_off_until_configured(tmp_path: Path, line: str, *, is_on: bool) -> None:
    """The unit's condition finds a table [web] however it is written, and not one in a comment."""
    (condition,) = re.findall(r"^ExecCondition=(.+)$", (_UNITS / _WEB).read_text(), re.MULTILINE)
    config = tmp_path / "sendlimit.toml"
    config.write_text(f'mode = "enforce"\n{line}\n')
    words = shlex.split(condition.replace("/etc/sendlimit/sendlimit.toml", str(config)))
    assert (subprocess.run(words, check=False).returncode == 0) is is_on


def _sandbox(unit: Path) -> list[str]:
    block = unit.read_text().partition("# Sandbox;")[2].partition("[Install]")[0]
    return [line for line in block.splitlines() if re.match(r"[A-Z]\w+=", line)]


def test_user_and_folders_are_what_systemd_makes_of_their_files(tree: Path) -> None:
    """Postfix's group enters the socket's directory and owns new files; other users stay out."""
    _run("systemd-sysusers", f"--root={tree}", _UNITS / "sendlimit.sysusers")
    _run("systemd-tmpfiles", f"--root={tree}", "--create", _UNITS / "sendlimit.tmpfiles")

    user = re.search(
        r"^sendlimit:.*:(\d+):(\d+):.*:(.*)$", (tree / "etc/passwd").read_text(), re.MULTILINE
    )
    assert user is not None
    assert user[3] == "/usr/sbin/nologin"
    folders = {
        name: (tree / name).stat() for name in ("var/spool/postfix/sendlimit", "var/lib/sendlimit")
    }
    assert {
        name: (facts.st_uid, facts.st_gid, oct(facts.st_mode & 0o7777))
        for name, facts in folders.items()
    } == {
        "var/spool/postfix/sendlimit": (int(user[1]), 4242, "0o2750"),
        "var/lib/sendlimit": (int(user[1]), int(user[2]), "0o750"),
    }


def test_a_bare_system_has_the_programs_of_units() -> None:
    """Besides sendlimit they run what is essential: /bin/kill is of procps, which may be missing."""
    programs = {
        program
        for unit in _UNITS.glob("*.service")
        for program in re.findall(r"^Exec\w+=(\S+)", unit.read_text(), re.MULTILINE)
    }
    assert programs == {"/opt/sendlimit/current/bin/sendlimit", "/bin/grep", "/bin/sh"}
