"""`sendlimit web`: who may use the pages and the API."""

import io
from importlib.util import find_spec

import pytest

from sendlimit.store.web_access import digest, find_token, password_hash
from support.command_samples import Commands


def test_tokens(commands: Commands) -> None:
    """A token is printed once and alone; it is listed by name, and gone when it is revoked."""
    assert commands("web", "token", "add", "panel", "--role", "admin") == 0
    secret = commands.stdout.removesuffix("\n")
    assert commands.tables
    assert find_token(commands.tables, digest(secret))
    assert [each["name"] for each in commands.json("web", "token", "list")] == ["panel"]
    assert "panel" in commands.lines("web", "token", "list")[1]

    assert commands("web", "token", "add", "panel", "--role", "read") == 1
    assert "token revoke" in commands.stderr
    assert commands("web", "token", "revoke", "panel") == 0
    assert commands("web", "token", "revoke", "panel") == 1
    assert find_token(commands.tables, digest(secret)) is None


@pytest.mark.parametrize(
    "words",
    [["two words", "--role", "read"], ["x" * 65, "--role", "read"], ["x"], ["x", "--role", "all"]],
)
def test_token_refused(commands: Commands, words: list[str]) -> None:
    """A name has no blanks, and a token one of two roles."""
    assert commands("web", "token", "add", *words) == 2
    assert commands.json("web", "token", "list") == []


def test_users(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """The password is the first line of standard input, and only its hash is kept."""
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse\nmore\n"))
    assert commands("web", "user", "add", "carol") == 0
    assert commands.tables
    kept = password_hash(commands.tables, "carol")
    assert kept
    assert "correct horse" not in kept
    assert [each["name"] for each in commands.json("web", "user", "list")] == ["carol"]

    monkeypatch.setattr("sys.stdin", io.StringIO("battery staple\n"))
    assert commands("web", "user", "add", "carol") == 0
    assert "new password" in commands.stderr
    assert password_hash(commands.tables, "carol") != kept
    assert commands("web", "user", "remove", "carol") == 0
    assert commands("web", "user", "remove", "carol") == 1
    assert commands("web", "user", "list") == 0
    assert commands.stderr == "there is none\n"


def test_short_password(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """A short password, or none, is refused."""
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    assert commands("web", "user", "add", "carol") == 1
    assert "allowed: 10 or more" in commands.stderr


def test_parts_not_installed(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where FastAPI is not installed, the command says what to run."""
    monkeypatch.setattr(
        "sendlimit.cli.web.find_spec", lambda name: None if name == "fastapi" else find_spec(name)
    )
    assert commands("web") == 1
    assert "script/install --web" in commands.stderr


def test_without_a_table(commands: Commands) -> None:
    """Without [web] in the configuration it does not start."""
    assert commands("web") == 2
    assert "web: is missing" in commands.stderr
