"""The manual pages: complete, and nothing in them that roff would take for a request."""

import re
import subprocess

import pytest

from sendlimit.cli import run, sendlimit
from sendlimit.config.listing import keys


@pytest.fixture(params=["8", "5"])
def page(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> str:
    """A manual page, as roff."""
    assert run(["manual", request.param]) == 0
    return capsys.readouterr().out


def test_roff(page: str) -> None:
    """Each request is one of man(7), each escape one of roff's."""
    requests = set(re.findall(r"^[.']\S*", page, re.MULTILINE))
    assert requests <= {".TH", ".SH", ".SS", ".TP", ".PP", ".nf", ".fi", ".ad", ".nh", ".B", ".BR"}
    assert set(re.findall(r"\\(.)", page)) <= set("-&ef")


def test_commands_are_there(capsys: pytest.CaptureFixture[str]) -> None:
    """sendlimit(8) has every command but the hidden ones."""
    run(["manual", "8"])
    text = capsys.readouterr().out
    ctx = sendlimit.make_context("sendlimit", [], resilient_parsing=True)
    for name in sendlimit.list_commands(ctx):
        command = sendlimit.get_command(ctx, name)
        assert command is not None
        assert (f'.SS "sendlimit {name}' in text) is not command.hidden


def test_keys_are_there(capsys: pytest.CaptureFixture[str]) -> None:
    """sendlimit.toml(5) has every key with its meaning."""
    run(["manual", "5"])
    text = capsys.readouterr().out
    for entry in keys():
        assert f"\\fB{entry.key}\\fR\n" in text
        assert entry.meaning, entry.key


def test_man_takes_it(page: str) -> None:
    """man(1) formats it without a complaint."""
    done = subprocess.run(
        ["man", "--warnings=w", "--encoding=UTF-8", "--local-file", "-"],
        input=page,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "SEE ALSO" in re.sub(".\b", "", done.stdout)
