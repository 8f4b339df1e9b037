"""`sendlimit db` on SQLite."""

import pytest

from sendlimit.store import SCHEMA_VERSION
from support.command_samples import Commands


def test_status(commands: Commands) -> None:
    """`db status` has the version of the tables, the needed one, and the files to run."""
    status = commands.json("db", "status")
    assert list(status) == ["store", "version", "needed", "pending"]
    assert (status["version"], status["needed"], status["pending"]) == (
        SCHEMA_VERSION, SCHEMA_VERSION, [],
    )  # fmt: skip
    assert commands.lines("db", "status")[1] == (
        f"version: {SCHEMA_VERSION}, this release needs {SCHEMA_VERSION}"
    )


@pytest.mark.parametrize("command", ["init", "upgrade"])
def test_nothing_to_do(commands: Commands, command: str) -> None:
    """On tables of this release init and upgrade change nothing, and say so."""
    assert commands("db", command) == 0
    assert commands.stdout == ""
    assert f"tables of version {SCHEMA_VERSION}: nothing to do" in commands.stderr


def test_upgrade_makes_no_file(commands: Commands) -> None:
    """`db upgrade` is not `db init`: it makes no database."""
    text = commands.config.read_text()
    commands.config.write_text(text.replace("/sendlimit.db", "/none.db"))
    assert commands("db", "upgrade") == 1
    assert "run 'sendlimit db init'" in commands.stderr
    assert not (commands.config.parent / "none.db").exists()


def test_printed_sql(commands: Commands) -> None:
    """`db init --print` prints the tables and makes none."""
    assert "CREATE TABLE er_counter (" in commands.lines("db", "init", "--print")
