"""`sendlimit limit` on both databases, and what the commands answer to wrong words."""

import os
import pwd
import shlex
from collections.abc import Sequence

import pytest

from sendlimit.store.connection import SQLiteConnection
from support.command_samples import ALICE, Commands, at, day


def test_boost_and_override(commands: Commands) -> None:
    """A boost and a lasting override stand side by side; the boost goes first until it ends."""
    commands.json("limit", "set", ALICE, "mailbox.messages_per_day", "300")
    commands.json("limit", "set", ALICE, "mailbox.messages_per_day", "500", "--until", "+2h")
    assert limit_in_force(commands) == (500, "boost")
    commands.now += 2 * 3600
    assert limit_in_force(commands) == (300, "override")
    commands.json("limit", "unset", ALICE, "mailbox.messages_per_day", "--lasting")
    assert limit_in_force(commands) == (200, "file")


def limit_in_force(commands: Commands) -> tuple[int, str]:
    """Return Alice's messages a day, and where they come from."""
    shown = commands.json("show", ALICE)
    found = {line["limit"]: line for line in shown["limits"]}["mailbox.messages_per_day"]
    return found["max"], found["origin"]


def test_set_again_says_what_was(commands: Commands) -> None:
    """Setting a limit again replaces it, and the printed undo brings the old one back."""
    words = ["limit", "set", "Alice@Example.org", "mailbox.messages_per_day"]
    first = commands.lines(*words, "300", "--reason", "a 'big' list")
    assert first[1] == "before: no override"
    second = commands.lines(*words, "unlimited")
    assert second[0] == f"mailbox {ALICE}: mailbox.messages_per_day is unlimited"
    assert second[1].startswith("before: 300, set by ")
    undo = shlex.split(second[2].removeprefix("undo:   sendlimit "))
    assert commands(*undo) == 0
    (row,) = listed(commands)
    assert (row["max"], row["reason"], row["until"]) == (300, "a 'big' list", None)
    undo = shlex.split(first[2].removeprefix("undo:   sendlimit "))
    assert commands(*undo) == 0
    assert listed(commands) == []


def listed(commands: Commands) -> list[dict[str, object]]:
    """Return what 'limit list' lists."""
    return list(commands.json("limit", "list"))


def test_unset_wants_to_know_which(commands: Commands) -> None:
    """With a boost and an override of one limit, 'unset' says that it needs to know which."""
    commands("limit", "set", ALICE, "mailbox.messages_per_day", "300")
    commands("limit", "set", ALICE, "mailbox.messages_per_day", "500", "--until", "+2h")
    assert commands("limit", "unset", ALICE, "mailbox.messages_per_day") == 1
    assert "say --boost or --lasting" in commands.stderr
    assert commands("limit", "unset", ALICE, "mailbox.messages_per_day", "--boost") == 0
    assert commands("limit", "unset", ALICE, "mailbox.messages_per_day") == 0
    assert commands("limit", "unset", ALICE, "mailbox.messages_per_day") == 1
    assert "neither a boost nor an override" in commands.stderr


def test_list_of_a_subject(commands: Commands) -> None:
    """'limit list SUBJECT' lists its limits only, ended boosts marked."""
    commands("limit", "set", ALICE, "mailbox.messages_per_day", "500", "--until", "18:00")
    commands("limit", "set", "example.org", "domain.messages_per_hour", "7", "--reason", "x\x1b[0m")
    commands("limit", "set", "global", "global.messages_per_month", "0")
    assert [row["subject"] for row in listed(commands)] == ["*", ALICE, "example.org"]
    commands.now = at("2026-11-22 19:00")
    lines = commands.lines("limit", "list", ALICE)
    assert "(ended)" in "".join(lines)
    assert "example.org domain" not in "".join(lines)
    assert r"x\x1b[0m" in "".join(commands.lines("limit", "list", "example.org"))


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        pytest.param(
            ["limit", "set", ALICE, "global.messages_per_day", "5"],
            2,
            "must be '*'",
            id="global-of-a-mailbox",
        ),
        pytest.param(
            ["limit", "set", ALICE, "domain.messages_per_day", "5"],
            2,
            "must be 'example.org' or '*'",
            id="domain-of-a-mailbox",
        ),
        pytest.param(
            ["limit", "set", "example.org", "global.messages_per_day", "5"],
            2,
            "must be '*'",
            id="global-of-a-domain",
        ),
        pytest.param(
            ["limit", "set", " ", "mailbox.messages_per_day", "5"],
            2,
            "names no one; allowed: a mailbox",
            id="empty",
        ),
        pytest.param(
            ["limit", "set", ALICE, "mailbox.messages_per_day", "-1"],
            2,
            "'-1' is not a limit; allowed: a whole number from 0",
            id="negative",
        ),
        pytest.param(
            ["limit", "set", ALICE, "mailbox.messages_per_day", "-500", "--reason", "less"],
            2,
            "'-500' is not a limit; allowed: a whole number from 0",
            id="very-negative",
        ),
        pytest.param(
            ["limit", "set", "*@example.org", "mailbox.messages_per_day", "5"],
            2,
            'such as "@example.org" for all mailboxes of a domain',
            id="wildcard",
        ),
        pytest.param(
            ["limit", "set", ALICE, "mailbox.messages_per_day", "5", "--untill", "18:00"],
            2,
            "No such option",
            id="unknown-option",
        ),
        pytest.param(
            ["limit", "set", ALICE, "mailbox.messages_per_day", "1.5"],
            2,
            "a whole number from 0",
            id="fraction",
        ),
        pytest.param(
            ["limit", "set", ALICE, "mailbox.messages_per_year", "1"],
            2,
            "is not a limit; did you mean mailbox.messages_per_",
            id="unknown-limit",
        ),
        pytest.param(
            ["limit", "set", ALICE, "mailbox.messages_per_day", "5", "--until", "12:30"],
            2,
            "is in the past",
            id="past",
        ),
        pytest.param(
            ["limit", "set", ALICE, "mailbox.messages_per_day", "5", "--until", "tomorrow"],
            2,
            "is not a moment; allowed",
            id="no-moment",
        ),
        pytest.param(["purge", "--older-than", "3h"], 2, "1d and more", id="purge-too-short"),
        pytest.param(["refusals", "--since", "yesterday"], 2, "is not a time; allowed", id="since"),
        pytest.param(["shov"], 2, "No such command 'shov'. Did you mean show", id="command"),
        pytest.param(["limit", "sett"], 2, "id you mean", id="command-of-a-group"),
        pytest.param(["config", "limit"], 1, "did you mean limits or ", id="unknown-key"),
        pytest.param(
            ["refusals", "--mailbox", "@example.org"], 2, "allowed: a mailbox", id="no-mailbox"
        ),
    ],
)
def test_refused_words(commands: Commands, words: Sequence[str], code: int, sentence: str) -> None:
    """A wrong word on the command line is answered by what is allowed; nothing is changed."""
    assert commands(*words) == code
    assert commands.stderr.startswith("sendlimit: ")
    assert sentence in commands.stderr
    assert commands.rows("er_limit") == 0


@pytest.mark.parametrize(("sudo_user", "expected"), [("carol", "carol"), ("", "uid-name")])
def test_set_by(
    commands: Commands, monkeypatch: pytest.MonkeyPatch, sudo_user: str, expected: str
) -> None:
    """The row says who set it: behind sudo the admin, else the login's name."""
    monkeypatch.setenv("SUDO_USER", sudo_user)
    row = commands.json("limit", "set", ALICE, "mailbox.messages_per_day", "7")["now"]
    own = pwd.getpwuid(os.getuid()).pw_name
    assert row["set_by"] == {"carol": "carol", "uid-name": own}[expected]


def test_ended_boost_is_not_brought_back(commands: Commands) -> None:
    """A boost that has ended is replaced, and no undo offers it again."""
    words = ("limit", "set", ALICE, "mailbox.messages_per_day")
    commands(*words, "500", "--until", "+1h")
    commands.now += 7200
    lines = commands.lines(*words, "600", "--until", "+1h")
    assert lines[1].startswith("before: 500 until 2026-11-22 13:30 CET")
    assert lines[2] == f"undo:   sendlimit limit unset {ALICE} mailbox.messages_per_day --boost"
    commands.now += 7200
    removed = commands.lines("limit", "unset", ALICE, "mailbox.messages_per_day")
    assert not any(line.startswith("undo") for line in removed)


def test_override_behind_a_boost(commands: Commands) -> None:
    """Who sets an override is told of the boost that still goes before it."""
    words = ("limit", "set", ALICE, "mailbox.messages_per_day")
    commands(*words, "500", "--until", "+1h")
    assert commands(*words, "300") == 0
    assert "a boost goes before it: 500 until 2026-11-22 13:30 CET" in commands.stderr


def test_reason_that_is_too_long(commands: Commands) -> None:
    """A reason longer than its column is refused, not cut."""
    assert (
        commands("limit", "set", ALICE, "mailbox.messages_per_day", "7", "--reason", "x" * 256) == 2
    )
    assert "has 256 characters; allowed: 255" in commands.stderr


def test_undo_of_a_domain_without_a_dot(commands: Commands) -> None:
    """The undo of a domain without a dot says that it is one."""
    lines = commands.lines("limit", "set", "@localhost", "domain.messages_per_day", "7")
    assert lines[2] == "undo:   sendlimit limit unset @localhost domain.messages_per_day --lasting"
    assert commands("limit", "unset", "@localhost", "domain.messages_per_day") == 0


@pytest.mark.parametrize("word", ["everyone", "Everyone", "*", "global"])
def test_limit_for_everyone(commands: Commands, word: str) -> None:
    """A limit for everyone holds for a mailbox that has none of its own, however it is written."""
    commands.json("limit", "set", word, "mailbox.messages_per_hour", "7")
    (row,) = listed(commands)
    assert row["subject"] == "*"
    shown = {line["limit"]: line for line in commands.json("show", ALICE)["limits"]}
    assert shown["mailbox.messages_per_hour"]["max"] == 7


@pytest.mark.parametrize(
    ("words", "title"),
    [
        (("limit", "set", ALICE, "mailbox.messages_per_day", "7"), None),
        (("show", ALICE), None),
        (("limit", "set", "alcie@example.org", "mailbox.messages_per_day", "7"), "mailbox alcie@example.org"),
        (("limit", "set", "@example.com", "mailbox.messages_per_day", "7"), "domain example.com"),
        (("show", "alcie@example.org"), "mailbox alcie@example.org"),
    ],
)  # fmt: skip
def test_a_name_that_never_sent(
    commands: Commands, words: Sequence[str], title: str | None
) -> None:
    """'limit set' and 'show' point out a name of which no mail was counted, and only that."""
    commands.count(day(ALICE), 1)
    assert commands(*words) == 0
    assert ("counted yet" in commands.stderr) == (title is not None)
    assert title is None or f"no mail of {title} has been counted yet" in commands.stderr


def test_list_of_a_name_without_limits(commands: Commands) -> None:
    """'limit list NAME' says that NAME has none, not that there are none."""
    commands("limit", "set", "*", "mailbox.messages_per_day", "7")
    assert commands("limit", "list", ALICE) == 0
    assert commands.stderr == f"no limits of mailbox {ALICE} are set in the database\n"


def test_until_a_date(commands: Commands) -> None:
    """A date alone is the beginning of that day, and it is printed with its time."""
    lines = commands.lines(
        "limit", "set", ALICE, "mailbox.messages_per_day", "500", "--until", "2026-11-27"
    )
    assert lines[0].endswith("is 500 until 2026-11-27 00:00 CET")


def test_unset_of_a_row_that_cannot_be_read(commands: Commands) -> None:
    """`check` names the row, `limit unset` removes it; it is a boost, as it has an end of some kind."""
    assert commands.tables
    if isinstance(commands.tables, SQLiteConnection):
        commands.tables.execute("DROP TRIGGER er_limit_new")
    else:
        commands.tables.execute("SET SESSION sql_mode = '', check_constraint_checks = 0")
    commands.tables.execute(
        "INSERT INTO er_limit (subject, scope, unit, `window`, max, valid_until)"
        " VALUES (%s, 'mailbox', 'messages', 'day', 5, '0000-00-00 00:00:00')",
        [ALICE],
    )
    commands("check", "--json")
    assert [line["state"] for line in commands.printed_json() if line["layer"] == "rows"] == [
        "warning"
    ]

    assert commands("limit", "unset", ALICE, "mailbox.messages_per_day") == 0
    assert "a row that could not be read" in commands.stdout
    assert commands.rows("er_limit") == 0
    assert commands("limit", "unset", ALICE, "mailbox.messages_per_day") == 1
