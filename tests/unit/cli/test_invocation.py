"""What every command has: the file, the database and the rules of both."""

from pathlib import Path

import pytest

from sendlimit.cli.invocation import Invocation
from sendlimit.errors import SchemaError
from sendlimit.rules.limit import Scope
from sendlimit.rules.mailbox import sender_of
from sendlimit.store.overrides import lasting
from support.command_samples import ALICE, NOW, Commands
from support.counting_samples import named

A_DAY = named("mailbox.messages_per_day")


@pytest.fixture
def invocation(commands: Commands) -> Invocation:
    """A run on a store with an override, a boost that holds and one that has ended."""
    limit = ("limit", "set", ALICE)
    assert commands(*limit, "mailbox.messages_per_day", "7") == 0
    assert commands(*limit, "mailbox.messages_per_day", "8", "--until", "+1h") == 0
    assert commands("limit", "set", "*", "mailbox.messages_per_hour", "9", "--until", "+1m") == 0
    return Invocation(clock=lambda: NOW + 60.5, given_path=commands.config)


def test_now(invocation: Invocation) -> None:
    """The time of a command is whole seconds."""
    assert invocation.now() == NOW + 60


def test_rules(invocation: Invocation) -> None:
    """The rules without boosts have what the file and the lasting overrides say."""
    sender = sender_of(ALICE)
    with invocation.database() as connection:
        without_boosts = invocation.rules_without_boosts(lasting(connection))
    limit = without_boosts.limit(A_DAY, sender)
    assert limit is not None
    assert limit.max == 7


def test_subject(commands: Commands, invocation: Invocation) -> None:
    """A SUBJECT is read with the configured default domain."""
    with commands.config.open("a") as file:
        file.write('[identity]\ndefault_domain = "example.net"\n')
    with invocation.database() as connection:
        assert invocation.subject("ALICE", connection).key == "alice@example.net"
        assert invocation.subject("example.org", connection).scope is Scope.DOMAIN


def test_missing_file(invocation: Invocation, tmp_path: Path) -> None:
    """SQLite's file is never made by a command that only reads."""
    (tmp_path / "sendlimit.db").unlink()
    with pytest.raises(SchemaError, match="there is no such file"), invocation.connection():
        pass
    assert not (tmp_path / "sendlimit.db").exists()


def test_other_tables(commands: Commands, invocation: Invocation) -> None:
    """Tables of another release can be opened, but not as a database to work on."""
    assert commands.tables is not None
    commands.tables.execute("INSERT INTO er_schema_version (version) VALUES (99)")
    with invocation.connection() as connection:
        assert connection.execute("SELECT 1") == [(1,)]
    with pytest.raises(SchemaError, match="version 99"), invocation.database():
        pass
