"""What is printed: escapes, tables, values and times."""

import pytest

from sendlimit.cli.printing import (
    escaped,
    limit_value,
    local_time,
    local_time_with_zone,
    print_data,
    print_error,
    print_note,
    print_table,
)
from support.counting_samples import BERLIN, moment


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ä 日本", "plain ä 日本"),
        ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
        ("a\nb\tc", r"a\nb\tc"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\udc80", r"\udc80"),
    ],
)
def test_escaped(text: str, shown: str) -> None:
    """Nothing that steers a terminal is printed as it is."""
    assert escaped(text) == shown


def test_streams(capsys: pytest.CaptureFixture[str]) -> None:
    """Data goes to stdout, notes and errors to stderr, all of them escaped."""
    print_data("a\x1b", "b")
    print_note("c\x1b")
    print_error("d", "e\x1b")
    assert capsys.readouterr() == (
        "a\\x1b\nb\n",
        "c\\x1b\nsendlimit: d\nsendlimit: e\\x1b\n",
    )


def test_table(capsys: pytest.CaptureFixture[str]) -> None:
    """A table is 80 columns wide, has no blanks at the ends of lines, and folds what is longer."""
    print_table(("WHO", ">|USED"), [("x" * 90, "5"), (["a", "b\x1b"], "10")])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["WHO", "USED"]
    assert all(len(line) <= 80 and line == line.rstrip() for line in lines)
    assert "".join(line.split()[0] for line in lines[1:3]) == "x" * 90
    assert lines[-1] == r"b\x1b"


def test_long_names_of_limits(capsys: pytest.CaptureFixture[str]) -> None:
    """In a table that does not fit they are broken before _per_, and in no other place."""
    name = "mailbox.external_recipients_per_rolling_hour"
    print_table(("LIMIT", "WHY"), [([name, "limit 5"], "x " * 40), (name, "x")])
    lines = [line.split("  ")[0] for line in capsys.readouterr().out.splitlines()]
    broken = ["mailbox.external_recipients", "_per_rolling_hour"]
    assert lines == ["LIMIT", *broken, "limit 5", *broken]

    print_table(("LIMIT", "WHY"), [(name, "x")])
    assert capsys.readouterr().out.splitlines()[1] == f"{name}  x"


def test_table_without_headings(capsys: pytest.CaptureFixture[str]) -> None:
    """Without headings there is no line of them."""
    print_table(("|", ""), [("OK", "file")])
    assert capsys.readouterr().out == "OK  file\n"


def test_values() -> None:
    """No limit is a word; times are the calendar's, with its zone where that matters."""
    at = moment("2026-07-01 18:00", "Europe/Berlin")
    assert (limit_value(None), limit_value(0)) == ("unlimited", "0")
    assert local_time(BERLIN, at) == "2026-07-01 18:00"
    assert local_time_with_zone(BERLIN, at) == "2026-07-01 18:00 CEST"


_HEADINGS = ("SUBJECT, LIMIT", ">|VALUE")
_CELL = ["alice@example.org", "mailbox.messages_per_day"]


@pytest.mark.parametrize(
    ("tail", "lines"),
    [
        (30, [f"{', '.join(_CELL)}  {'x' * 30}"]),
        (40, [f"{_CELL[0]:<24}  {'x' * 40}", _CELL[1]]),
    ],
)
def test_one_line_a_row(capsys: pytest.CaptureFixture[str], tail: int, lines: list[str]) -> None:
    """A row is one line where the whole table fits, else each part of a cell has its own."""
    print_table(_HEADINGS, [(_CELL, "x" * tail)])

    assert capsys.readouterr().out.splitlines()[1:] == lines


def test_wide_characters_and_escapes_have_their_width(capsys: pytest.CaptureFixture[str]) -> None:
    """What a terminal shows in two columns counts as two, an escape as what is shown for it."""
    for cell in (["二" * 36, "三三三三"], ["\x1b" * 18, "12345678"]):
        print_table(("", ""), [(cell, "")])

        assert len(capsys.readouterr().out.splitlines()) == 2
