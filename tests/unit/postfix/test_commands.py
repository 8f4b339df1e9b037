"""Postfix's own commands, and what they report when they fail."""

from pathlib import Path
from subprocess import CompletedProcess

import pytest

from sendlimit.errors import PostfixError
from sendlimit.postfix.commands import PostfixCommands, error_text, run, run_on_terminal
from support.postfix_samples import AUTH, make_instance


def test_no_postfix(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Postfix the admin is told to install it."""
    monkeypatch.setattr("sendlimit.postfix.commands._PATH", "/nowhere")

    with pytest.raises(PostfixError, match="no 'postconf' command: install Postfix first"):
        run("postconf")


@pytest.mark.postfix
def test_parameters(folder: Path) -> None:
    """The lines of postconf are names and values, empty values among them."""
    instance = make_instance(folder, f"{AUTH}relayhost =\n", "", ispconfig=False)
    commands = PostfixCommands(instance.config_directory)

    assert commands.parameters("smtpd_sasl_auth_enable", "relayhost") == {
        "smtpd_sasl_auth_enable": "yes",
        "relayhost": "",
    }


@pytest.mark.postfix
def test_configuration_that_postfix_cannot_read(folder: Path) -> None:
    """What postconf reports is passed on, with the command that shows it."""
    commands = PostfixCommands(folder / "none")

    with pytest.raises(PostfixError, match=r"can't read .*/none: .*see 'postconf -c .*/none -n'"):
        commands.postconf("-n")


def test_terminal() -> None:
    """What a command writes to a terminal only is read, too."""
    done = run_on_terminal("bash", "-c", "test -t 2 && echo on a terminal >&2; exit 3")

    assert (done.returncode, done.stderr.strip()) == (3, "on a terminal")


@pytest.mark.parametrize(
    ("stderr", "stdout", "expected"),
    [
        ("warning: a\nfatal: b\n", "", "fatal: b"),
        ("a\n\n b \n", "c\n", "a; b; c"),
        ("", "", "exit code 1"),
    ],
    ids=["diagnostic", "other-lines", "nothing"],
)
def test_error_text(stderr: str, stdout: str, expected: str) -> None:
    """Postfix's diagnostics say why it failed; without any the last lines do."""
    assert error_text(CompletedProcess([], 1, stdout, stderr)) == expected
