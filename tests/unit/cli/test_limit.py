"""`sendlimit limit`: its arguments, and what it prints."""

import pytest

from support.command_samples import ALICE, Commands

A_DAY = "mailbox.messages_per_day"


def test_shape(commands: Commands) -> None:
    """`set` and `unset` have the row that is there now, and the one before."""
    first = commands.json("limit", "set", ALICE, A_DAY, "7", "--reason", "new")
    second = commands.json("limit", "set", ALICE, A_DAY, "unlimited")
    removed = commands.json("limit", "unset", ALICE, A_DAY)

    assert (first["before"], first["now"]["max"], first["now"]["reason"]) == (None, 7, "new")
    assert (second["before"], second["now"]["max"]) == (first["now"], None)
    assert removed == {"now": None, "before": second["now"]}


def test_undo(commands: Commands) -> None:
    """The line "undo" is a command that brings the row before back."""
    assert commands("limit", "set", ALICE, A_DAY, "7", "--reason", "it's") == 0
    undo = commands.lines("limit", "set", ALICE, A_DAY, "9")[-1]
    assert undo == f"""undo:   sendlimit limit set {ALICE} {A_DAY} 7 --reason 'it'"'"'s'"""
    undo = commands.lines("limit", "set", "*", "mailbox.messages_per_hour", "9")[-1]
    assert undo == "undo:   sendlimit limit unset '*' mailbox.messages_per_hour --lasting"


def test_list(commands: Commands) -> None:
    """`list` marks a boost that has ended."""
    commands("limit", "set", ALICE, A_DAY, "7", "--until", "+1m")
    commands.now += 60
    (row,) = commands.json("limit", "list", ALICE)
    assert row["in_force"] is False
    assert "(ended)" in " ".join(commands.lines("limit", "list"))
    assert commands("limit", "list", "bob@example.org") == 0
    assert "no limits of mailbox bob@example.org are set in the database" in commands.stderr


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        ((ALICE, "mailbox.x", "5"), 2, "'mailbox.x' is not a limit; allowed: <global|domain|"),
        ((ALICE, A_DAY, "-1"), 2, "'-1' is not a limit; allowed: a whole number"),
        ((ALICE, A_DAY, "5.5"), 2, "'5.5' is not a limit; allowed: a whole number from 0 to"),
        ((ALICE, A_DAY, "5", "--until", "soon"), 2, "Invalid value for --until: 'soon'"),
        ((ALICE, A_DAY, "5", "--until", "00:01"), 2, "2026-11-22 00:01 CET is in the past"),
        ((ALICE, A_DAY, "5", "--reason", "x" * 256), 2, "has 256 characters; allowed: 255"),
        ((ALICE, "domain.messages_per_day", "5"), 2, "the subject must be 'example.org' or '*'"),
        (("example.org", "global.messages_per_day", "5"), 2, "the subject must be '*'"),
    ],
)
def test_refused(commands: Commands, words: tuple[str, ...], code: int, sentence: str) -> None:
    """A wrong word is a sentence with what is allowed, and nothing is set."""
    assert commands("limit", "set", *words) == code
    assert sentence in commands.stderr
    assert commands.rows("er_limit") == 0


def test_unset_nothing(commands: Commands) -> None:
    """Taking back what is not set fails; of a boost and an override one must be named."""
    assert commands("limit", "unset", ALICE, A_DAY) == 1
    assert "has neither a boost nor an override" in commands.stderr
    commands("limit", "set", ALICE, A_DAY, "5")
    commands("limit", "set", ALICE, A_DAY, "6", "--until", "+1h")
    assert commands("limit", "unset", ALICE, A_DAY) == 1
    assert "say --boost or --lasting" in commands.stderr
    assert commands("limit", "unset", ALICE, A_DAY, "--boost") == 0


@pytest.mark.parametrize("subject", ["@example.org", "*@example.org", "everyone"])
def test_unset_what_sql_has_written(commands: Commands, subject: str) -> None:
    """A row in a spelling that no command writes is named by `check`, and `limit unset` takes it away."""
    assert commands.tables is not None
    commands("limit", "set", ALICE, A_DAY, "7")
    commands.tables.execute("UPDATE er_limit SET subject = %s", [subject])
    commands("check", "--json")
    (found,) = [line for line in commands.printed_json() if line["layer"] == "limits"]
    assert found["state"] == "error"
    assert f"is set for {subject!r} and counts for no mail" in found["message"]
    assert commands("limit", "unset", subject, A_DAY) == 0
    assert commands.rows("er_limit") == 0
    commands("check", "--json")
    (found,) = [line for line in commands.printed_json() if line["layer"] == "limits"]
    assert found["state"] == "ok"
