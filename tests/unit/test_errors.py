"""Errors: one tree, and what a class says when it is given no words."""

import inspect
import re

import pytest

from sendlimit import errors
from sendlimit.errors import ConfigError, SendlimitError, causes

CLASSES = [
    error
    for _, error in inspect.getmembers(errors, inspect.isclass)
    if issubclass(error, SendlimitError)
]


def test_tree_is_the_documented_one() -> None:
    """The head of errors.py shows every class below its base, and no other."""
    shown: dict[int, str] = {}
    bases: dict[str, str] = {}
    for indent, name in re.findall(r"^( *)(\w+?)(?:  .*)?$", str(errors.__doc__), re.MULTILINE):
        if hasattr(errors, name):
            shown[len(indent)] = name
            bases[name] = shown.get(len(indent) - 2, "Exception")

    assert bases == {error.__name__: error.__base__.__name__ for error in CLASSES}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "error", [error for error in CLASSES if not issubclass(error, ConfigError)]
)
def test_default_message(error: type[SendlimitError]) -> None:
    """Without words of its own an error says what its class is about, in one line."""
    message = str(error())

    assert message.endswith(".")
    assert "\n" not in message
    assert str(error("other words")) == "other words"


def test_config_error_has_all_problems() -> None:
    """A wrong file ends a command with exit code 2 and one line for each problem."""
    error = ConfigError(["f: a: wrong", "f: b: wrong"])

    assert error.problems == ["f: a: wrong", "f: b: wrong"]
    assert str(error) == "f: a: wrong\nf: b: wrong"
    assert (error.exit_code, SendlimitError.exit_code) == (2, 1)


def test_causes() -> None:
    """The error first, then what it was raised from, or while."""
    first, second, third = KeyError(), ValueError(), TypeError()
    third.__cause__, second.__context__ = second, first
    assert [*causes(third)] == [third, second, first]
    assert [*causes(None)] == []
