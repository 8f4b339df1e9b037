"""The file that a new installation begins with."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

from sendlimit.config.listing import entries, keys
from sendlimit.config.reading import load
from sendlimit.config.template import rendered

_FILE = Path(__file__).parents[3] / "etc" / "sendlimit.toml"
_LIMITS = {"limits.global.messages_per_day": 999, "limits.mailbox.messages_per_day": 100}


@pytest.fixture
def uncommented(tmp_path: Path) -> Path:
    """The template with every key and table in it switched on."""
    text = re.sub(r"^# (\[|[a-z_.]+ = )", r"\1", rendered(), flags=re.MULTILINE)
    file = tmp_path / "sendlimit.toml"
    file.write_text(text)
    return file


def _plain(key: str) -> str:
    """Return a dotted key with "..." for the domain or mailbox in it."""
    return re.sub(r'"[^"]+"', '"..."', key)


def test_file_is_generated() -> None:
    """etc/sendlimit.toml is what the models make."""
    how = "run .venv/bin/python -m sendlimit.config.template > etc/sendlimit.toml"

    assert _FILE.read_text() == rendered(), how


def test_limits_as_the_extension_did() -> None:
    """The template allows 999 messages a day for the server, 100 for a mailbox, and nothing else."""
    settings = load(_FILE).settings()

    assert {f"limits.{setting.name}": setting.max for setting in settings} == _LIMITS
    assert {setting.subject for setting in settings} == {"*"}


def test_every_key_but_limits_is_shown(uncommented: Path) -> None:
    """No setting is missing or misspelt; limits are explained by their pattern."""
    shown = {_plain(entry.key) for entry in entries(load(uncommented)) if entry.in_file}
    all_keys = {_plain(entry.key) for entry in keys()}
    # One text of a domain stands for the others.
    others = r"limits\.|reply\.for\."

    assert {key for key in all_keys - shown if not re.match(others, key)} == set()


def test_commented_values_are_the_defaults_unless_called_examples(uncommented: Path) -> None:
    """What the template shows in comments is what holds without it."""
    defaults = {entry.key: entry.value for entry in keys()}
    shown = {entry.key: entry.value for entry in entries(load(uncommented)) if entry.in_file}
    wrong = {key for key, value in shown.items() if defaults.get(key, value) != value}
    examples = {
        line.removeprefix("# ").partition(" =")[0].rpartition(".")[2]
        for before, line in pairwise(rendered().splitlines())
        if before.endswith("(example).")
    }

    assert {key for key in wrong - set(_LIMITS) if key.rpartition(".")[2] not in examples} == set()


def test_appended_line_is_a_limit(tmp_path: Path) -> None:
    """A line that an admin appends to the file lands in [limits]."""
    file = tmp_path / "sendlimit.toml"
    file.write_text(f"{rendered()}mailbox.messages_per_hour = 20\n")

    limits = {str(setting.name): setting.max for setting in load(file).settings()}
    assert limits["mailbox.messages_per_hour"] == 20
