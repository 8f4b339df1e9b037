"""The commands on both databases: tables, check, show, top, refusals, usage, purge."""

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sendlimit.rules.limit import CounterKey, Scope, Unit
from sendlimit.rules.window import Window
from sendlimit.store import SCHEMA_VERSION
from support.command_samples import ALICE, NOW, Commands, day, episode
from support.counting_samples import BERLIN
from support.real_stores import TABLES


def test_init_twice(commands: Commands) -> None:
    """'db init' on tables that are there changes nothing and succeeds."""
    assert commands("db", "init") == 0
    assert f"tables of version {SCHEMA_VERSION}: nothing to do" in commands.stderr


def test_status(commands: Commands) -> None:
    """'db status' tells the version of the tables."""
    status = commands.json("db", "status")
    assert (status["version"], status["needed"], status["pending"]) == (
        SCHEMA_VERSION, SCHEMA_VERSION, [],
    )  # fmt: skip
    assert commands("db", "upgrade") == 0


def test_newer_tables(commands: Commands) -> None:
    """Tables of a later release are left alone, with exit code 1 and what to do."""
    assert commands.tables is not None
    commands.tables.execute("INSERT INTO er_schema_version (version) VALUES (99)")
    for words in (["db", "status"], ["show"], ["limit", "list"], ["db", "init"], ["db", "upgrade"]):
        assert commands(*words) == 1
        assert "version 99" in commands.stderr
        assert "upgrade sendlimit" in commands.stderr


def test_check(commands: Commands) -> None:
    """'check' has one line a layer; without a daemon the socket is the only error."""
    assert commands("check", "--json") == 1
    found = {line["layer"]: line["state"] for line in json.loads(commands.stdout)}
    expected = dict.fromkeys(["file", "database", "schema", "rights", "limits"], "ok")
    assert found == expected | {"socket": "error"}
    assert "no daemon listens there" in commands.stdout


def test_check_leaves_nothing(commands: Commands) -> None:
    """Trying the rights changes no table."""
    commands.count(day(ALICE), 5)
    before = [commands.rows(table) for table in TABLES]
    commands("check")
    assert [commands.rows(table) for table in TABLES] == before


def test_show_json(commands: Commands) -> None:
    """The JSON of 'show' has these keys; moments are UTC, unlimited is null."""
    commands.count(day(ALICE), 3)
    shown = commands.json("show", ALICE.upper())
    assert {
        key: shown[key] for key in ("subject", "scope", "at", "mode", "refused", "over_limit")
    } == {
        "subject": ALICE,
        "scope": "mailbox",
        "at": "2026-11-22T11:30:00+00:00",
        "mode": "enforce",
        "refused": False,
        "over_limit": None,
    }
    found = {line["limit"]: line for line in shown["limits"]}
    assert found["mailbox.messages_per_day"] == {
        "limit": "mailbox.messages_per_day",
        "subject": ALICE,
        "max": 200,
        "used": 3,
        "remaining": 197,
        "period_start": "2026-11-21T23:00:00+00:00",
        "period_end": "2026-11-22T23:00:00+00:00",
        "origin": "file",
        "set_for": "example.org",
        "override": None,
        "learned_from": None,
        "last_episode": None,
    }
    assert found["domain.messages_per_day"]["max"] is None


def test_top(commands: Commands) -> None:
    """'top' lists who used most, with the limit that holds for each, and who is left out by -n."""
    for number, used in enumerate((5, 90, 40)):
        commands.count(day(f"u{number}@example.net"), used)
    commands.count(day(ALICE), 60)
    found = commands.json("top", "-n", "3")
    assert [tuple(row.values()) for row in found["subjects"]] == [
        ("u1@example.net", 90, 100),
        (ALICE, 60, 200),
        ("u2@example.net", 40, 100),
    ]
    assert commands("top", "--window", "hour") == 0
    assert "mailbox.messages_per_hour is not counted" in commands.stderr


def test_top_of_nothing(commands: Commands) -> None:
    """'top' before the first mail says that nothing is counted, on stderr."""
    assert commands("top") == 0
    assert commands.stdout == ""
    assert commands.stderr == (
        "nothing is counted yet: mailbox.messages_per_day since 2026-11-22 00:00\n"
    )


def test_reset(commands: Commands) -> None:
    """'usage reset' sets the subject's running counts to 0 and says what it took away."""
    commands.count(day(ALICE), 60)
    commands.count(day(ALICE, moment=NOW - 86400), 77)
    commands.count(day("example.org", Scope.DOMAIN), 61)
    assert commands("usage", "reset", ALICE) == 1
    assert "say --yes" in commands.stderr
    taken = commands.json("usage", "reset", ALICE, "--yes")
    assert [(row["limit"], row["taken"]) for row in taken] == [("mailbox.messages_per_day", 60)]
    assert commands.used() == [0, 61, 77]
    assert commands("usage", "reset", ALICE, "--yes") == 0
    assert "nothing is used" in commands.stderr


def test_reset_of_the_server_spares_the_latch(commands: Commands) -> None:
    """Giving back what the server used leaves the count of all mail ever."""
    commands.count(day("*", Scope.GLOBAL), 500)
    assert commands.tables is not None
    commands.tables.execute("UPDATE er_counter SET used = 4711 WHERE `window` = 'ever'")
    assert commands("usage", "reset", "global", "--yes") == 0
    ever = commands.tables.execute("SELECT used FROM er_counter WHERE `window` = 'ever'")
    assert ever[0][0] == 4711


def test_refusals(commands: Commands) -> None:
    """'refusals' has the last first, by the time and the mailbox asked for."""
    commands.refuse(episode(day(ALICE)))
    commands.refuse(episode(day("*", Scope.GLOBAL), last_at=NOW - 7200))
    commands.refuse(episode(day("bob@example.net"), mailbox="bob@example.net"))
    commands.refuse(episode(day(ALICE, moment=NOW - 86400 * 2), last_at=NOW - 86400 * 2))
    assert subjects(commands, "--mailbox", ALICE.title()) == [ALICE, "*"]
    assert subjects(commands, "--since", "1h", "--mailbox", ALICE) == [ALICE]
    assert subjects(commands, "--since", "2026-11-20 00:00", "--mailbox", ALICE) == [
        ALICE,
        "*",
        ALICE,
    ]
    assert len(subjects(commands)) == 3
    assert all(len(line) <= 80 for line in commands.lines("refusals"))


def subjects(commands: Commands, *words: str) -> list[object]:
    """Return whose limits 'refusals' lists."""
    found = commands.json("refusals", *words)
    return [row["subject"] for row in found]


def test_follow(commands: Commands) -> None:
    """'refusals --follow' prints an episode once, again when it grows, and ends with Ctrl-C."""
    commands.refuse(episode(day(ALICE)))

    def polls() -> Iterator[object]:
        yield "nothing new"
        assert commands.tables is not None
        commands.tables.execute("UPDATE er_refusal SET attempts = 4")
        yield "one more attempt"
        yield "nothing new"

    commands.polls = polls()
    assert commands("refusals", "--follow", "--json") == 0
    printed = [json.loads(line)["attempts"] for line in commands.stdout.splitlines()]
    assert printed == [3, 4]
    commands.polls = iter(())
    assert commands("refusals", "--follow") == 0
    assert f"4 times: {ALICE} [192.0.2.7] <a@example.org>" in commands.stdout


def test_purge(commands: Commands) -> None:
    """'purge' drops what is old; the latch, running periods and limits that hold stay."""
    old = NOW - 100 * 86400
    for minutes in range(450):
        start = old // 60 * 60 - minutes * 60
        commands.count(CounterKey(Scope.MAILBOX, ALICE, Unit.MESSAGES, Window.MINUTE, start), 1)
    commands.count(day(ALICE, moment=old), 5)
    commands.count(day(ALICE), 6)
    month = BERLIN.period(Window.MONTH, NOW).start
    commands.count(CounterKey(Scope.MAILBOX, ALICE, Unit.MESSAGES, Window.MONTH, month), 7)
    commands.refuse(episode(day(ALICE, moment=old), last_at=old))
    commands.refuse(episode(day(ALICE)))
    commands("limit", "set", ALICE, "mailbox.messages_per_day", "300")
    commands.now = old
    commands("limit", "set", ALICE, "mailbox.messages_per_day", "400", "--until", "+1h")
    commands.now = NOW
    assert commands.tables is not None
    commands.tables.execute(
        "INSERT INTO er_committer (id, batch, last_at) VALUES ('old', 1, '2026-08-01 00:00:00'),"
        " ('new', 1, '2026-11-22 11:00:00')"
    )
    expected = {"counters": 451, "refusals": 1, "boosts": 1, "committers": 1}
    assert commands.json("purge", "--older-than", "90d") == expected
    assert commands.json("purge", "--older-than", "1d") == dict.fromkeys(expected, 0)
    assert [
        commands.rows(table) for table in ("er_counter", "er_refusal", "er_limit", "er_committer")
    ] == [3, 1, 1, 1]


@pytest.mark.parametrize(("answer", "code", "left"), [("y\n", 0, 0), ("n\n", 1, 60)])
def test_reset_asks(
    commands: Commands, monkeypatch: pytest.MonkeyPatch, answer: str, code: int, left: int
) -> None:
    """On a terminal 'usage reset' shows the numbers and asks; without a yes nothing changes."""
    commands.count(day(ALICE), 60)
    terminal = io.StringIO(answer)
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdin", terminal)
    assert commands("usage", "reset", ALICE) == code
    assert f"mailbox {ALICE} has used: mailbox.messages_per_day 60" in commands.stderr
    assert ("nothing was changed" in commands.stderr) is bool(left)
    assert commands.used() == [left]


def test_purge_says_how_far_it_is(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long purge reports its progress on stderr, its result on stdout."""
    monkeypatch.setattr("sendlimit.cli.purge._REPORT_EVERY", 2)
    for days in range(100, 103):
        commands.count(day(ALICE, moment=NOW - days * 86400), 1)
    assert commands.lines("purge")[1].split() == ["3", "counters"]
    assert "3 counters removed so far" in commands.stderr


def test_check_of_a_store_that_is_away(commands: Commands, tmp_path: Path) -> None:
    """Without the database 'check' still tells about file, limits and socket."""
    text = commands.config.read_text()
    commands.config.write_text(re.sub(r'url = ".*"', f'url = "sqlite://{tmp_path}/no.db"', text))
    assert commands("check", "--json") == 1
    found = {line["layer"]: line["state"] for line in commands.printed_json()}
    assert found == {"file": "ok", "database": "error", "limits": "ok", "socket": "error"}


def test_check_without_limits(commands: Commands) -> None:
    """A configuration that limits nothing gets a warning, which is no failure of its own."""
    text = commands.config.read_text()
    commands.config.write_text(text.partition("[limits]")[0])
    commands("check", "--json")
    found = {line["layer"]: line["state"] for line in commands.printed_json()}
    assert found["limits"] == "warning"


def test_tables(commands: Commands) -> None:
    """Without --json 'top' and 'usage reset' print tables of at most 80 columns."""
    long = f"{'x' * 200}@example.net"
    commands.count(day(long), 60)
    lines = commands.lines("top")
    assert lines[0].split() == ["MAILBOX", "USED", "OF", "LEFT"]
    assert lines[1].split()[1:] == ["60", "100", "40"]
    assert "".join(line.split()[0] for line in lines[1:]) == long
    reset = commands.lines("usage", "reset", long, "--yes")
    assert reset[1].split() == [
        "mailbox.messages_per_day", "60", "2026-11-22", "00:00", "2026-11-23", "00:00",
    ]  # fmt: skip
    assert all(len(line) <= 80 for line in [*lines, *reset])


def test_top_domains(commands: Commands) -> None:
    """'top --scope domain' lists domains."""
    commands.count(day("example.org", Scope.DOMAIN), 60)
    found = commands.json("top", "--scope", "domain")
    assert found["subjects"] == [{"subject": "example.org", "used": 60, "max": None}]
