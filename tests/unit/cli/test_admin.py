"""Who sits at the terminal: their name, and their yes or no."""

import io
import os
import sys
from collections.abc import Iterator

import pytest

from sendlimit.cli.admin import admin_name, confirm
from sendlimit.errors import SendlimitError
from support.command_samples import Commands


class Terminal(io.StringIO):
    """A standard input with a person at it."""

    def isatty(self) -> bool:
        """Say that it is a terminal."""
        return True


def test_yes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Who says yes is asked on stderr, and nothing is raised."""
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    confirm("Set these limits (2)?")
    shown = capsys.readouterr()
    # Some releases of click 8.1 print the last blank of the question to stdout.
    assert (shown.out.strip(), shown.err.strip()) == ("", "Set these limits (2)? [y/N]:")


def test_no(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enter alone is no."""
    monkeypatch.setattr(sys, "stdin", Terminal("\n"))
    with pytest.raises(SendlimitError, match=r"^nothing was changed$"):
        confirm("Set these limits (2)?")


def test_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a person to ask, the error says how to go on."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    with pytest.raises(SendlimitError, match="say --yes"):
        confirm("Set these limits (2)?")


def test_user_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user id that no account has is named by its number."""
    monkeypatch.delenv("SUDO_USER", raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_000)
    assert admin_name() == "uid 4000000000"


_COMMANDS: list[tuple[str, ...]] = [("show",), ("check",), ("limit", "list"), ("config",)]


@pytest.fixture
def other_user(commands: Commands) -> Iterator[Commands]:
    """Commands of a user who may not read the configuration, loaded while that was possible."""
    for words in _COMMANDS:
        commands(*words)
    commands.config.chmod(0o600)
    os.seteuid(65534)
    yield commands
    os.seteuid(0)


@pytest.mark.parametrize("words", _COMMANDS)
def test_right_that_root_has(other_user: Commands, words: tuple[str, ...]) -> None:
    """Who lacks a right that root has is told so, in the last line."""
    assert other_user(*words) != 0
    assert "Permission denied" in other_user.stdout + other_user.stderr
    assert other_user.stderr.splitlines()[-1] == "sendlimit: run it as root: sudo sendlimit ..."


def test_what_root_could_not_do_either(commands: Commands) -> None:
    """Of another error nothing is said about root."""
    commands.config.unlink()
    assert commands("show") == 2
    assert "run it as root" not in commands.stderr
