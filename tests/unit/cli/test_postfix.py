"""`sendlimit postfix`: what an admin sees, and the exit codes."""

import io
import json
from pathlib import Path

import pytest

from sendlimit.cli import run
from sendlimit.postfix.commands import PostfixCommands
from support.postfix_samples import AUTH, Instance, debian_master_cf, make_instance

pytestmark = [pytest.mark.postfix, pytest.mark.usefixtures("aged_files")]


class _Terminal(io.StringIO):
    """An admin who has typed an answer."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def instance(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Instance:
    """Debian's configuration with SASL, and a configuration of sendlimit for it."""
    monkeypatch.setattr(PostfixCommands, "check", lambda _commands: None)
    instance = make_instance(folder, AUTH, debian_master_cf(), ispconfig=False)
    (folder / "sendlimit.toml").write_text(
        f'state_dir = "{instance.state_dir}"\n[milter]\nsocket = "{instance.socket}"\n'
    )
    assert capsys.readouterr().err == ""
    return instance


def _run(instance: Instance, command: str, *options: str) -> int:
    paths = {
        "--config": instance.config_directory.parent / "sendlimit.toml",
        "--config-directory": instance.config_directory,
        "--ispconfig-directory": instance.ispconfig,
    }
    words = [word for name, path in paths.items() for word in (name, str(path))]
    instance.age()
    return run(["postfix", command, *options, *words])


def test_attach_status_detach(instance: Instance, capsys: pytest.CaptureFixture[str]) -> None:
    """Attach shows its changes, status says that all is well, detach leaves nothing."""
    before = instance.content()

    assert _run(instance, "status") == 1
    assert "mend: sendlimit postfix attach --config-directory" in capsys.readouterr().out

    assert _run(instance, "attach", "--yes") == 0
    shown = capsys.readouterr()
    assert "+  -o smtpd_milters=$sendlimit_milters\n" in shown.out
    assert "+sendlimit_milters = { unix:sendlimit/milter.sock, default_action=accept" in shown.out
    assert shown.err == (
        f"sendlimit is attached to {instance.config_directory}\n"
        "Postfix is not running: the change counts from its next start\n"
    )

    assert _run(instance, "attach") == 0
    assert capsys.readouterr().err.endswith(" already\n")

    assert _run(instance, "status") == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()[2:]] == [
        ["Service", "Is", "Asks", "sendlimit"],
        ["smtp/inet", "limited", "as", "milter", "1", "of", "1"],
        ["submission/inet", "limited", "as", "milter", "1", "of", "1"],
        ["submissions/inet", "limited", "as", "milter", "1", "of", "1"],
    ]

    assert _run(instance, "detach", "--yes") == 0
    assert "-  -o smtpd_milters=$sendlimit_milters\n" in capsys.readouterr().out
    assert instance.content() == before

    assert _run(instance, "detach") == 0
    assert "nothing to take out" in capsys.readouterr().err


def test_json(instance: Instance, capsys: pytest.CaptureFixture[str]) -> None:
    """`status --json` has the same for machines."""
    assert _run(instance, "status", "--json") == 1

    report = json.loads(capsys.readouterr().out)

    assert report["attached"] is False
    assert report["endpoint"] == "unix:sendlimit/milter.sock"
    assert report["services"][0] == {
        "service": "smtp/inet",
        "role": "limited",
        "attached": False,
        "milters": [],
    }
    assert sorted(report["findings"][0]) == [
        "code",
        "problem",
        "remedy",
        "severity",
        "subject",
        "why",
    ]


@pytest.mark.parametrize(
    ("answer", "exit_code", "is_attached"), [("y\n", 0, True), ("n\n", 1, False), ("\n", 1, False)]
)
def test_question(
    instance: Instance,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    exit_code: int,
    is_attached: bool,  # noqa: FBT001 - a parameter
) -> None:
    """On a terminal attach asks, and does nothing without a yes."""
    monkeypatch.setattr("sys.stdin", _Terminal(answer))

    assert _run(instance, "attach") == exit_code
    assert ("sendlimit_milters" in instance.main_cf.read_text()) == is_attached


def test_nobody_to_ask(
    instance: Instance, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a terminal and without --yes nothing is changed."""
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    before = instance.content()

    assert _run(instance, "attach") == 1

    assert "nobody can be asked here, so say --yes" in capsys.readouterr().err
    assert instance.content() == before


@pytest.mark.parametrize("command", ["attach", "detach"])
def test_dry_run(instance: Instance, capsys: pytest.CaptureFixture[str], command: str) -> None:
    """--dry-run shows the changes and makes none, --yes or not."""
    if command == "detach":
        instance.attach()
    before = instance.content()

    assert _run(instance, command, "--dry-run", "--yes") == 0

    shown = capsys.readouterr()
    assert "smtpd_milters=$sendlimit_milters" in shown.out
    assert shown.err.endswith("nothing was changed (--dry-run)\n")
    assert instance.content() == before


def test_what_attach_cannot_mend_is_said(
    instance: Instance, capsys: pytest.CaptureFixture[str]
) -> None:
    """After attach the admin reads what else lets mail pass."""
    instance.postconf("-e", "milter_mail_macros=i")

    assert _run(instance, "attach", "--yes") == 0

    assert "error: smtp/inet: milter_mail_macros lacks {auth_authen}" in capsys.readouterr().err


def test_detach_without_a_configuration(
    instance: Instance, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sendlimit can be taken out when its own configuration is gone."""
    instance.attach()
    (instance.config_directory.parent / "sendlimit.toml").unlink()
    monkeypatch.setattr("sendlimit.cli.postfix.Config", lambda: instance)

    assert _run(instance, "detach", "--yes") == 0

    assert f"looking for the backup in {instance.state_dir}" in capsys.readouterr().err
    assert "sendlimit_milters" not in instance.main_cf.read_text()


def test_refusal(instance: Instance, capsys: pytest.CaptureFixture[str]) -> None:
    """A situation that is not understood ends with exit code 1 and one sentence."""
    instance.main_cf.write_text("")
    instance.master_cf.write_text("smtp inet n - y - - smtpd\n")

    assert _run(instance, "attach", "--yes") == 1

    assert capsys.readouterr().err.startswith(
        f"sendlimit: {instance.master_cf}: no smtpd service offers AUTH"
    )


def test_foreign_text_is_escaped(instance: Instance, capsys: pytest.CaptureFixture[str]) -> None:
    """Control characters in Postfix's files do not reach the terminal."""
    with instance.main_cf.open("a") as file:
        file.write("# \x1b[31m\n")

    assert _run(instance, "attach", "--dry-run") == 0

    assert "# \\x1b[31m" in capsys.readouterr().out
