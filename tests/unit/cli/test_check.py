"""`sendlimit check`: one line a layer, in words and as JSON."""

import os
import re
from pathlib import Path

import pytest

from support.command_samples import Commands

LAYERS = ["file", "database", "schema", "rights", "limits", "socket"]


def test_lines(commands: Commands) -> None:
    """What is right is one line, what is wrong names what mends it; 1 is the exit code then."""
    assert commands("check") == 1

    lines = commands.stdout.splitlines()
    assert lines[0].split() == ["OK", "file", str(commands.config)]
    text = " ".join(" ".join(lines).split())
    assert "no daemon listens there (systemctl start sendlimit)" in text


def test_shape(commands: Commands) -> None:
    """--json has state, layer and message of each layer, in their order."""
    assert commands("check", "--json") == 1

    found = commands.printed_json()
    assert [list(line) for line in found] == [["state", "layer", "message"]] * len(LAYERS)
    assert [line["layer"] for line in found] == LAYERS
    assert [line["state"] for line in found] == ["ok"] * 5 + ["error"]


def test_no_database(commands: Commands) -> None:
    """A file that is not there is an error of the database, with the command that makes it."""
    text = commands.config.read_text()
    commands.config.write_text(text.replace("/sendlimit.db", "/none.db"))
    assert commands("check", "--json") == 1

    (found,) = (line for line in commands.printed_json() if line["layer"] == "database")
    assert found["state"] == "error"
    assert found["message"].endswith("the tables are missing (sendlimit db init)")


def test_wrong_file(commands: Commands) -> None:
    """A wrong file is exit code 2, with a line for each of its mistakes and nothing else."""
    commands.config.write_text('mode = "maybe"\nstate_dir = 5\n')
    assert commands("check", "--json") == 2
    assert {line["layer"] for line in commands.printed_json()} == {"file"}
    assert len(commands.printed_json()) == 2


def test_only_the_file(commands: Commands, tmp_path: Path) -> None:
    """--file looks at what a reload reads, the secrets too; the database and the daemon do not count."""
    text = commands.config.read_text().replace("/sendlimit.db", "/none.db")
    commands.config.write_text(text)
    assert commands.lines("check", "--file") == [f"OK  file  {commands.config}"]

    secret = tmp_path / "secret"
    notify = f'[notify]\nwebhook_url = "http://h/"\nwebhook_secret_file = "{secret}"\n'
    commands.config.write_text(text.replace("[limits]", f"{notify}[limits]", 1))
    assert commands("check", "--file", "--json") == 1
    (found,) = commands.printed_json()
    assert f"notify.webhook_secret_file: {secret} can't be read" in found["message"]
    secret.write_text("key")
    secret.chmod(0o600)
    assert commands("check", "--file") == 0

    commands.config.write_text('mode = "maybe"\n')
    assert commands("check", "--file") == 2


def test_errors_of_a_reload(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the journal each error has its priority and a line of its own."""
    status = os.fstat(2)
    monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
    assert commands.lines("check", "--file") == [f"OK  file  {commands.config}"]

    commands.config.write_text(f'mode = "{"maybe" * 40}"\nstate_dir = 5\n')
    assert commands("check", "--file") == 2
    assert [line.split(":")[0] for line in commands.stderr.splitlines()] == ["<3>sendlimit"] * 2
    assert commands.stdout == ""


def test_only_the_file_without_credentials(
    commands: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--file looks at no credential: systemd shows none to a reload."""
    text = commands.config.read_text()
    commands.config.write_text(
        re.sub("^url = .*", 'url = "mariadb://u@h/d"', text, flags=re.MULTILINE)
    )
    (tmp_path / "store.password").mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert commands("check", "--file") == 0
