"""The files that script/install puts on a system: units, user, folders, settings."""

import re
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from sendlimit.config.listing import entries, keys
from sendlimit.config.reading import load

_ROOT = Path(__file__).parents[2]
_UNITS = _ROOT / "systemd"
_TEMPLATE = _ROOT / "etc" / "sendlimit.toml"
_SERVICES = ("sendlimit.service", "sendlimit-purge.service")
_LIMITS = {"limits.global.messages_per_day": 999, "limits.mailbox.messages_per_day": 100}


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


@pytest.fixture
def uncommented(tmp_path: Path) -> Path:
    """The template with every setting and table in it switched on."""
    text = re.sub(r"^# (\[|[a-z_.]+ = )", r"\1", _TEMPLATE.read_text(), flags=re.MULTILINE)
    file = tmp_path / "sendlimit.toml"
    file.write_text(text)
    return file


@pytest.mark.parametrize("service", _SERVICES)
def test_a_service_is_sandboxed(service: str) -> None:
    """systemd-analyze security gives 2.0 or less, on its scale from 0 (best) to 10."""
    unit = _UNITS / service
    _run("systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold=20", unit)


def test_both_services_have_the_same_sandbox() -> None:
    """Units can't include each other, so what is written twice is compared."""
    service, purge = (_sandbox(_UNITS / name) for name in _SERVICES)
    assert service == purge
    assert "NoNewPrivileges=yes" in service


def _sandbox(unit: Path) -> list[str]:
    block = unit.read_text().partition("# Sandbox;")[2].partition("[Install]")[0]
    return [line for line in block.splitlines() if re.match(r"[A-Z]\w+=", line)]


def test_user_and_folders_are_what_systemd_makes_of_their_files(tree: Path) -> None:
    """Postfix's group enters the socket's directory and owns new files; nobody else gets in."""
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


def test_the_template_limits_as_the_extension_did() -> None:
    """999 messages a day for the server and 100 for a mailbox, and nothing else."""
    settings = load(_TEMPLATE).settings()

    assert {f"limits.{setting.name}": setting.max for setting in settings} == _LIMITS
    assert {setting.subject for setting in settings} == {"*"}


def test_the_template_names_every_key_but_limits(uncommented: Path) -> None:
    """No setting is missing or misspelt; limits are explained by their pattern."""
    named = {_plain(entry.key) for entry in entries(load(uncommented)) if entry.in_file}
    all_keys = {_plain(entry.key) for entry in keys()}
    # One kind of mail and one text of a domain stand for the others.
    examples = r"limits\.|notify\.texts\.|reply\.for\."

    assert {key for key in all_keys - named if not re.match(examples, key)} == set()


def test_commented_values_are_the_defaults_unless_called_examples(uncommented: Path) -> None:
    """What the template shows in comments is what holds without it."""
    defaults = {entry.key: entry.value for entry in keys()}
    shown = {entry.key: entry.value for entry in entries(load(uncommented)) if entry.in_file}
    wrong = {key for key, value in shown.items() if defaults.get(key, value) != value}

    lines = _TEMPLATE.read_text().splitlines()
    examples = {
        line.removeprefix("# ").partition(" =")[0].rpartition(".")[2]
        for before, line in pairwise(lines)
        if "(example)" in before
    }
    assert {key for key in wrong - set(_LIMITS) if key.rpartition(".")[2] not in examples} == set()


def _plain(key: str) -> str:
    """A dotted key with "..." for the domain or mailbox in it."""
    return re.sub(r'"[^"]+"', '"..."', key)
