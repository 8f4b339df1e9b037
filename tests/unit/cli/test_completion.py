"""`sendlimit completion`: what the shells are given, and what they get when they ask."""

import pytest

from sendlimit.cli import run


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each shell gets a script that asks sendlimit."""
    assert run(["completion", shell]) == 0
    assert "_SENDLIMIT_COMPLETE" in capsys.readouterr().out


def test_other_shell(capsys: pytest.CaptureFixture[str]) -> None:
    """Another shell is a wrong word, and the allowed ones are named."""
    assert run(["completion", "tcsh"]) == 2
    assert "'bash', 'zsh', 'fish'" in capsys.readouterr().err


def test_limit_names(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The word after SUBJECT is completed to names of limits."""
    monkeypatch.setenv("_SENDLIMIT_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "sendlimit limit set a@b.c mailbox.recipients_per_m")
    monkeypatch.setenv("COMP_CWORD", "4")
    assert run([]) == 0
    assert [line.partition(",")[2] for line in capsys.readouterr().out.splitlines()] == [
        "mailbox.recipients_per_minute",
        "mailbox.recipients_per_month",
        "mailbox.recipients_per_message",
    ]
