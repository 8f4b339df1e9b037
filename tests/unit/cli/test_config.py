"""`sendlimit config`: the keys, their values and where these come from."""

import json
import tomllib
from pathlib import Path

import pytest

from sendlimit.cli import run
from sendlimit.config.listing import entries, keys
from sendlimit.config.reading import load


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A configuration with some keys set."""
    path = tmp_path / "sendlimit.toml"
    path.write_text("""
[store]
url = "mariadb://me:pass%20word@db1,db2/sendlimit"
[identity]
exempt = ["a@example.org"]
[limits]
global.messages_per_day = 999
mailbox.messages_per_day = "unlimited"
[limits.for."Example.org"]
mailbox.messages_per_day = 200
[reply.for."example.de"]
mailbox = "Zu viel: {used}"
""")
    path.chmod(0o600)
    return path


def test_value_and_origin(file: Path) -> None:
    """Each key has its value in force, and says whether it stands in the file."""
    found = {entry.key: (entry.value, entry.in_file) for entry in entries(load(file))}
    assert found["mode"] == ("enforce", False)
    assert found["identity.exempt"] == (("a@example.org",), True)
    assert found["limits.global.messages_per_day"] == (999, True)
    assert found["limits.mailbox.messages_per_day"] == ("unlimited", True)
    assert found["limits.mailbox.messages_per_hour"] == (None, False)
    assert found['limits.for."Example.org".mailbox.messages_per_day'] == (200, True)
    assert found['reply.for."example.de".mailbox'] == ("Zu viel: {used}", True)
    assert found["metrics.listen"] == (None, False)


def test_password_is_not_printed(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A password in store.url is hidden, in both forms."""
    for words in ([], ["--json"]):
        assert run(["config", *words, "--config", str(file)]) == 0
        printed = capsys.readouterr().out
        assert "mariadb://me:HIDDEN@db1,db2/sendlimit" in printed
        assert "pass%20word" not in printed


def test_lines_are_toml(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What comes from the file is printed as one could write it in the file."""
    run(["config", "--config", str(file)])
    lines = [line for line in capsys.readouterr().out.splitlines() if line.endswith("  (file)")]
    document = tomllib.loads("\n".join(line.removesuffix("  (file)") for line in lines))
    expected = tomllib.loads(file.read_text())
    expected["store"]["url"] = "mariadb://me:HIDDEN@db1,db2/sendlimit"
    assert document == expected


def test_one_key(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """KEY prints that key, or those below it, and nothing whose name only begins alike."""
    run(["config", "store", "--json", "--config", str(file)])
    found = [entry["key"] for entry in json.loads(capsys.readouterr().out)]
    assert found[0] == "store.url"
    assert all(key.startswith("store.") for key in found)
    run(["config", "store.url", "--json", "--config", str(file)])
    assert [entry["key"] for entry in json.loads(capsys.readouterr().out)] == ["store.url"]


def test_keys_are_unique() -> None:
    """Every key is listed once."""
    names = [entry.key for entry in keys()]
    assert len(names) == len(set(names))


def test_changed(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--changed prints what is not as by default, as a file that makes the same settings."""
    file.write_text('mode = "enforce"\n' + file.read_text())
    assert run(["config", "--changed", "--config", str(file)]) == 0

    printed = capsys.readouterr().out
    assert tomllib.loads(printed)["limits"]["for"] == {
        "Example.org": {"mailbox": {"messages_per_day": 200}}
    }
    assert [line.partition(" = ")[0] for line in printed.splitlines()] == [
        "store.url",
        "identity.exempt",
        'reply.for."example.de".mailbox',
        "limits.global.messages_per_day",
        "limits.mailbox.messages_per_day",
        'limits.for."Example.org".mailbox.messages_per_day',
    ]  # fmt: skip


def test_nothing_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file with nothing but defaults has no changed key, and that is said."""
    path = tmp_path / "sendlimit.toml"
    path.write_text('mode = "enforce"\n')
    assert run(["config", "--changed", "--config", str(path)]) == 0
    assert capsys.readouterr() == ("", "everything is as by default\n")
