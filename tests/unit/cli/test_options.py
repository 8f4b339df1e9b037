"""The options that commands share, and how a wrong value is reported."""

import click
import pytest

from sendlimit.cli.options import (
    check_reason,
    database_options,
    require_yes_for_json,
    until_of,
    value_of,
    window_option,
)
from sendlimit.rules.override import REASON_MAX
from sendlimit.rules.window import Window
from support.counting_samples import NOON, UTC


def test_value_of() -> None:
    """A ValueError becomes click's error with the option's name; other errors pass through."""
    with pytest.raises(click.BadParameter) as caught, value_of("--since"):
        raise ValueError("'x' is not a time")
    assert caught.value.format_message() == "Invalid value for --since: 'x' is not a time"
    with pytest.raises(KeyError), value_of("--since"):
        raise KeyError("x")


@pytest.mark.parametrize(("as_json", "is_agreed"), [(False, False), (False, True), (True, True)])
def test_no_question(*, as_json: bool, is_agreed: bool) -> None:
    """Without --json a question may be asked; with it none is to be asked."""
    require_yes_for_json(as_json=as_json, is_agreed=is_agreed)


def test_question_beside_json() -> None:
    """--json alone is refused where a question would be asked."""
    with pytest.raises(click.UsageError, match="say --yes or --dry-run"):
        require_yes_for_json(as_json=True, is_agreed=False)


def test_window() -> None:
    """--window takes the windows given and is the day by default."""
    command = click.Command("x")
    window_option([Window.DAY, Window.MONTH], "Which.")(command)
    (option,) = command.params
    assert isinstance(option.type, click.Choice)
    assert (list(option.type.choices), option.default) == (["day", "month"], "day")


def test_database() -> None:
    """An address comes with the file of its password, under one prefix."""
    command = click.Command("x")
    add = database_options("from", url_help="Where.", file_help="Password.", required=True)
    add(command)
    assert {option.opts[0]: option.required for option in command.params} == {
        "--from-url": True,
        "--from-password-file": False,
    }


def test_until() -> None:
    """--until is a moment to come on the calendar's clock, or was not given."""
    assert until_of(None, UTC, NOON) is None
    assert until_of("+2h", UTC, NOON) == NOON + 7200
    for wrong in ("2026-11-22 11:59", "12 o'clock"):
        with pytest.raises(click.BadParameter) as caught:
            until_of(wrong, UTC, NOON)
        assert caught.value.param_hint == "--until"


def test_reason() -> None:
    """--reason has room for what the column takes."""
    check_reason("x" * REASON_MAX)
    with pytest.raises(click.BadParameter, match="has 256 characters; allowed: 255"):
        check_reason("x" * (REASON_MAX + 1))
