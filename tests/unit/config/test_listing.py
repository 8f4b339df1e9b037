"""Every key with its value, origin and meaning."""

import tomllib

import pytest

from sendlimit.config import Config
from sendlimit.config.listing import as_toml, entries, keys, quoted, table_meaning


def test_every_key_is_described() -> None:
    """Each key of the file has a meaning, and so has each table."""
    assert [entry.key for entry in keys() if not entry.meaning] == []
    tables = {entry.key.partition(".")[0] for entry in keys() if "." in entry.key}
    assert [table for table in tables if not table_meaning(table)] == []


def test_keys_have_their_defaults() -> None:
    """Every key is listed once, with the value that holds without it."""
    found = {entry.key: entry.value for entry in keys()}

    assert len(found) == len(keys())
    assert found["store.decision_timeout_s"] == 2.0
    assert found["metrics.listen"] is None
    assert found['limits.for."...".mailbox.messages_per_day'] is None


def test_origin() -> None:
    """A key that the file sets is distinguished from one that has its default."""
    config = Config.model_validate({"log": {"level": "debug"}})
    found = {entry.key: (entry.value, entry.in_file) for entry in entries(config)}

    assert found["log.level"] == ("debug", True)
    assert found["mode"] == ("enforce", False)


def test_password_is_hidden() -> None:
    """The password of store.url is not shown."""
    config = Config.model_validate({"store": {"url": "mariadb://u:SECRET@h/d"}})
    (url,) = [entry.value for entry in entries(config) if entry.key == "store.url"]

    assert url == "mariadb://u:HIDDEN@h/d"


@pytest.mark.parametrize("value", ["text", 'quote " and \\', "ü\n", 7, 2.5, True, ["a", "b"], []])
def test_as_toml(value: object) -> None:
    """A value that is written as TOML reads back as the same."""
    assert tomllib.loads(f"key = {as_toml(value)}")["key"] == value


@pytest.mark.parametrize("part", ["plain-1_a", "example.org", 'odd "name"'])
def test_quoted(part: str) -> None:
    """A part of a key is quoted where TOML wants it, and reads back as the same."""
    assert tomllib.loads(f"{quoted(part)} = 1") == {part: 1}
