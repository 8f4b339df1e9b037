"""The command `sendlimit doctor`: what it prints, how it exits, what it leaves out."""

from pathlib import Path

import pytest

from support.command_samples import CONFIG, Commands
from support.notice_receivers import webhook_receiver


@pytest.fixture
def commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Commands:
    """Commands on a configuration whose database is not there yet."""
    config = tmp_path / "sendlimit.toml"
    config.write_text(CONFIG.format(folder=tmp_path, url=f"sqlite:///{tmp_path}/sendlimit.db"))
    return Commands(config, capsys)


def doctor(commands: Commands, *options: str) -> dict[str, tuple[str, str]]:
    """Run the doctor, who finds an error; return state and code of each check, and what mends it."""
    nowhere = f"--config-directory={commands.config.parent}/none"
    assert commands("doctor", "--json", nowhere, *options) == 1
    return {
        record["check"]: (record["code"] or record["state"], record["remedy"] or "")
        for record in commands.printed_json()
    }


def test_new_server(commands: Commands) -> None:
    """Where nothing is set up yet each remedy is the next step; what can't be told is named."""
    found = doctor(commands)

    assert found["file"] == ("ok", "")
    assert found["daemon"] == ("daemon", "systemctl start sendlimit")
    assert found["tables"] == ("schema", "sendlimit db init")
    assert found["postfix"][0] == "postfix"
    assert "rights, rows, limits, reload, mail, attached" in commands.stderr
    assert commands("db", "init") == 0
    assert {"tables": ("ok", ""), "limits": ("ok", "")}.items() <= doctor(commands).items()


def test_wrong_configuration(commands: Commands) -> None:
    """With a wrong file nothing else can be told but the webmail; that is exit code 1, too."""
    commands.config.write_text('mode = "enforced"\n')

    assert set(doctor(commands)) == {"file", "webmail"}


def test_readable_password(commands: Commands) -> None:
    """A password that every user can read is not used: the one finding is about the file."""
    assert commands("db", "init") == 0
    secret = commands.config.parent / "password"
    secret.touch(mode=0o644)
    text = commands.config.read_text()
    commands.config.write_text(text.replace("[store]", f'[store]\npassword_file = "{secret}"'))

    found = doctor(commands)

    assert found["modes"] == ("secret-mode", f"chmod o= {secret}")
    assert "database" not in found
    secret.unlink()
    assert doctor(commands)["database"] == ("ok", "")  # SQLite has no password to read


def test_webmail(commands: Commands, tmp_path: Path) -> None:
    """Roundcube's configuration can be anywhere."""
    roundcube = tmp_path / "config.inc.php"
    roundcube.write_text("<?php $config['smtp_user'] = '';")

    assert doctor(commands, f"--roundcube-config={roundcube}")["webmail"][0] == "webmail-login"


def test_text(commands: Commands) -> None:
    """A line for each check; a finding has why and what mends it below."""
    assert commands("doctor", f"--config-directory={commands.config.parent}/none") == 1

    lines = commands.stdout.splitlines()
    assert lines[0] == f"ok       file       {commands.config}"
    at = next(number for number, line in enumerate(lines) if line.startswith("error    daemon"))
    assert [line.split()[0] for line in lines[at + 1 : at + 3]] == ["why:", "mend:"]


def test_wrong_span(commands: Commands) -> None:
    """A time span that is none is a wrong word."""
    assert commands("doctor", "--seen-within", "soon") == 2
    assert "24h" in commands.stderr


def test_keep(commands: Commands) -> None:
    """A run that is kept tells of new errors once, and of the end of one; without tables nothing is kept."""
    commands.config.chmod(0o600)
    nowhere = ("doctor", "--keep", f"--config-directory={commands.config.parent}/none")
    with webhook_receiver() as receiver:
        commands.config.write_text(
            f'{commands.config.read_text()}[notify]\nwebhook_url = "{receiver.url}"\n'
        )
        assert commands(*nowhere) == 1
        assert "not kept, and no notice is sent: " in commands.stderr
        assert commands("db", "init") == 0

        commands(*nowhere)
        assert receiver.events() == ["finding"]
        commands(*nowhere)
        assert receiver.events() == ["finding"]
        commands.config.chmod(0o606)
        commands(*nowhere)
        commands.config.chmod(0o600)
        commands(*nowhere)

        found = [(post.document["event"], post.document["error"]) for post in receiver.posts[1:]]
        modes = f"modes ({commands.config})"
        assert found == [("finding", modes), ("finding-over", modes)]
