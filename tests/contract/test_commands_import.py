"""`sendlimit import` on both databases."""

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from sendlimit.store.changes import Author
from sendlimit.store.overrides import overrides, set_overrides
from support.command_samples import ALICE, NOW, Commands
from support.rig.mariadb import PrivateMariaDB

BOB = "bob@example.org"
CAROL = "carol@example.net"
A_DAY = "mailbox.recipients_per_day"

_RATELIMITS = """
CREATE TABLE `ratelimits` (
  `id` BIGINT PRIMARY KEY, `sender` VARCHAR(255) NOT NULL, `quota` INT NOT NULL,
  `quota_reset` INT NOT NULL, `quota_locked` TINYINT NOT NULL DEFAULT 0,
  `msg_counter` INT NOT NULL DEFAULT 0, `rcpt_counter` INT NOT NULL DEFAULT 0
)"""
_THROTTLE = """
CREATE TABLE `throttle` (
  `id` BIGINT PRIMARY KEY, `account` VARCHAR(255) NOT NULL,
  `kind` VARCHAR(10) NOT NULL DEFAULT 'outbound', `priority` TINYINT NOT NULL DEFAULT 0,
  `period` INT NOT NULL DEFAULT 0, `msg_size` BIGINT NOT NULL DEFAULT -1,
  `max_msgs` BIGINT NOT NULL DEFAULT -1, `max_quota` BIGINT NOT NULL DEFAULT -1,
  `max_rcpts` BIGINT NOT NULL DEFAULT -1
)"""


def fill(commands: Commands, table: str, rows: Sequence[tuple[object, ...]]) -> None:
    """Make a table of the other program in our database, which serves as its."""
    assert commands.tables is not None
    create, columns = {
        "ratelimits": (_RATELIMITS, "id, sender, quota, quota_reset, quota_locked"),
        "throttle": (_THROTTLE, "id, account, kind, period, max_msgs, max_quota, max_rcpts"),
    }[table]
    commands.tables.execute(create)
    for number, row in enumerate(rows):
        places = ", ".join(["%s"] * (len(row) + 1))
        statement = f"INSERT INTO {table} ({columns}) VALUES ({places})"  # noqa: S608 - a test's words
        commands.tables.execute(statement, (number, *row))


def csv_file(folder: Path, text: str) -> str:
    """Write a CSV file; return its path."""
    path = folder / "limits.csv"
    path.write_text(text)
    return str(path)


def listed(commands: Commands) -> list[tuple[str, str, int | None]]:
    """Return what 'limit list' lists: subject, limit and value."""
    return [(row["subject"], row["limit"], row["max"]) for row in commands.json("limit", "list")]


def test_policyd_rate_guard(commands: Commands, store_url: str) -> None:
    """Rows of `ratelimits` are overrides with a reason; the default is everyone's limit."""
    fill(
        commands,
        "ratelimits",
        [(ALICE, 500, 500, 0), (BOB, 1000, 1000, 0), (CAROL, 9000, 1000, 0), ("d@x.org", 7, 1, 1)],
    )
    words = ("import", "policyd-rate-guard", "--from-url", store_url)
    lines = commands.lines(*words, "--default", "1000", "--dry-run")
    assert [line.split() for line in lines[:4]] == [
        [A_DAY, "BEFORE", "AFTER"],
        ["*", "unlimited", "1000"],
        [ALICE, "unlimited", "500"],
        ["d@x.org", "unlimited", "7"],
    ]
    assert lines[5] == "left out, nothing is set for it:"
    assert lines[6].startswith("     1  'quota' differs from 'quota_reset' for today only")
    assert lines[6].endswith(f"({CAROL})")
    assert "nothing was changed (--dry-run)" in commands.stderr
    assert commands.rows("er_limit") == 0
    assert commands(*words, "--default", "1000", "--yes") == 0
    assert listed(commands) == [("*", A_DAY, 1000), (ALICE, A_DAY, 500), ("d@x.org", A_DAY, 7)]
    (row,) = commands.json("limit", "list", ALICE)
    assert row["reason"] == "imported from policyd-rate-guard"
    assert row["set_by"]
    assert (row["until"], row["set_at"]) == (None, "2026-11-22T11:30:00+00:00")


def test_usual_quota(commands: Commands, store_url: str) -> None:
    """Without --default, a quota that most rows have is named as the likely one."""
    fill(commands, "ratelimits", [(ALICE, 1000, 1000, 0), (BOB, 1000, 1000, 0)])
    words = ("import", "policyd-rate-guard", "--from-url", store_url, "--dry-run")
    assert commands(*words) == 0
    assert "if that is QUOTA, say --default 1000" in commands.stderr


def test_iredapd(commands: Commands, store_url: str) -> None:
    """Rows of `throttle` are overrides for mailboxes, domains and everyone; the rest is told."""
    fill(
        commands,
        "throttle",
        [
            ("@.", "outbound", 3600, 100, -1, 50),
            ("@example.org", "outbound", 86400, 2000, 10**10, -1),
            (ALICE, "outbound", 86400, 0, -1, 0),
            (BOB, "outbound", 600, 5, -1, -1),
            ("@.", "inbound", 3600, 100, -1, -1),
        ],
    )
    found = commands.json("import", "iredapd", "--from-url", store_url, "--yes")
    an_hour, per_message = "mailbox.recipients_per_hour", "mailbox.recipients_per_message"
    expected = [
        ("*", an_hour, 100), ("*", per_message, 50), (ALICE, A_DAY, None), (ALICE, an_hour, None),
        (ALICE, per_message, None), ("example.org", A_DAY, 2000), ("example.org", an_hour, None),
    ]  # fmt: skip
    assert [(one["subject"], one["limit"], one["max"]) for one in found["changes"]] == expected
    assert sorted(listed(commands), key=str) == sorted(expected, key=str)
    assert [remark["subjects"] for remark in found["left_out"]] == [["@example.org"], [BOB], ["@."]]
    assert [remark["subjects"] for remark in found["different"]] == [["@."], ["@example.org"]]
    assert (found["source"], found["applied"], found["kept"]) == ("iRedAPD", True, [])
    shown = {line["limit"]: line for line in commands.json("show", BOB)["limits"]}
    assert shown[an_hour]["max"] is None
    assert (shown[A_DAY]["max"], shown[A_DAY]["set_for"]) == (2000, "example.org")


def test_csv(commands: Commands, tmp_path: Path) -> None:
    """A file's limits are set; what is in force before is the file's or the override's."""
    assert commands("limit", "set", BOB, "mailbox.messages_per_day", "7") == 0
    path = csv_file(tmp_path, f"mailbox,limit\n{ALICE},500\n{BOB},7\n{CAROL},unlimited\n")
    assert commands("import", "csv", path, "--yes") == 0
    assert [line.split() for line in commands.stdout.splitlines()] == [
        ["mailbox.messages_per_day", "BEFORE", "AFTER"],
        [ALICE, "200", "(file)", "500"],
        [CAROL, "100", "(file)", "unlimited"],
        [],
    ]
    assert "limits that are set like this already: 1" in commands.stderr
    assert f"limits that were set: 2 (imported from {path})" in commands.stderr
    name = "mailbox.messages_per_day"
    assert listed(commands) == [(ALICE, name, 500), (BOB, name, 7), (CAROL, name, None)]
    assert commands("import", "csv", path, "--yes") == 0
    assert "there is nothing to set" in commands.stderr
    found = commands.json("import", "csv", path, "--yes")
    assert (found["unchanged"], found["changes"], found["applied"]) == (3, [], True)


def test_kept_and_replaced(commands: Commands, tmp_path: Path) -> None:
    """An override with another value stays, and is replaced with --replace; boosts stay anyhow."""
    name = "mailbox.messages_per_day"
    assert commands("limit", "set", ALICE, name, "7", "--reason", "spam") == 0
    assert commands("limit", "set", ALICE, name, "900", "--until", "+1h") == 0
    path = csv_file(tmp_path, f"{ALICE},500\n")
    words = ("import", "csv", path, "--yes")
    assert commands(*words) == 0
    assert commands.stdout.splitlines()[1].split() == [
        ALICE,
        "7",
        "(override)",
        "kept,",
        "not",
        "500",
    ]
    assert "overrides that are kept: 1 (--replace replaces them)" in commands.stderr
    assert listed(commands) == [(ALICE, name, 7), (ALICE, name, 900)]
    found = commands.json(*words)
    assert [one["override_before"]["reason"] for one in found["kept"]] == ["spam"]
    found = commands.json(*words, "--replace")
    (change,) = found["changes"]
    assert (change["max"], change["max_before"], change["origin_before"]) == (500, 7, "override")
    assert listed(commands) == [(ALICE, name, 500), (ALICE, name, 900)]


def test_many(commands: Commands, tmp_path: Path) -> None:
    """More rows than one statement takes are set all the same."""
    lines = "".join(f"m{number}@example.org,{number}\n" for number in range(450))
    assert commands("import", "csv", csv_file(tmp_path, lines), "--yes") == 0
    assert commands.rows("er_limit") == 450
    assert {max_ for _, _, max_ in listed(commands)} == set(range(450))


def test_all_or_nothing(
    commands: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When one of the limits is changed meanwhile, nothing is set."""
    path = csv_file(tmp_path, f"{ALICE},500\n{BOB},600\n")

    def set_meanwhile(question: str) -> None:
        assert question == "Set these limits (2)?"
        other = Commands(commands.config, commands._capsys)
        assert other("limit", "set", BOB, "mailbox.messages_per_day", "1") == 0

    monkeypatch.setattr("sendlimit.cli.import_.confirm", set_meanwhile)
    assert commands("import", "csv", path) == 1
    assert (
        f"{BOB}: mailbox.messages_per_day was changed meanwhile: nothing was set" in commands.stderr
    )
    assert listed(commands) == [(BOB, "mailbox.messages_per_day", 1)]


def test_row_that_the_database_refuses(commands: Commands) -> None:
    """One row that can't be stored takes back all."""
    assert commands("limit", "set", ALICE, "mailbox.messages_per_day", "1") == 0
    assert commands.tables is not None
    (good,) = overrides(commands.tables)
    changed = good._replace(setting=good.setting._replace(max=5))
    bad = good._replace(setting=good.setting._replace(subject="UPPER"))
    with pytest.raises(Exception, match=r"(?i)constraint|check"):
        set_overrides(commands.tables, [(changed, good), (bad, None)], Author("t", "command", NOW))
    assert overrides(commands.tables) == [good]


@pytest.fixture
def places(tmp_path: Path, store_url: str) -> dict[str, str]:
    """Files and addresses, by the names that the words below have for them."""
    (tmp_path / "good.csv").write_text(f"{ALICE},5\n")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe")
    return {
        "file": csv_file(tmp_path, f"{BOB},5\n{ALICE},x\n"),
        "good": str(tmp_path / "good.csv"),
        "binary": str(tmp_path / "binary.csv"),
        "folder": str(tmp_path),
        "url": store_url,
    }


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("csv", "{file}"), 1, "line 2, column 2: 'x' is not a limit"),
        (("csv", "{folder}/none.csv"), 1, "No such file or directory"),
        (("csv", "{file}", "--limit", "domain.messages_per_day"), 2, "is not a limit of a mailbox"),
        (("csv", "{good}"), 1, "nobody can be asked here, so say --yes"),
        (("csv", "{good}", "--json"), 2, "--json does not ask: say --yes or --dry-run"),
        (("csv", "{binary}"), 1, "is not UTF-8: invalid start byte at byte 0"),
        (("iredapd", "--from-url", "http://x"), 2, "--from-url"),
        (("iredapd", "--from-url", "{url}"), 1, "throttle"),
        (("iredapd", "--from-url", "sqlite://{folder}/none.db"), 1, "can't be opened: No such file or directory"),
        (("iredapd", "--from-url", "mysql://a@127.0.0.1:1/x"), 1, "mariadb a@127.0.0.1:1/x"),
        (("iredapd",), 2, "Missing option '--from-url'"),
    ],
)  # fmt: skip
def test_refused(
    commands: Commands, places: dict[str, str], words: Sequence[str], code: int, sentence: str
) -> None:
    """What can't be read is a sentence, and nothing is set."""
    assert commands("import", *(word.format_map(places) for word in words)) == code
    assert sentence in commands.stderr
    assert "unexpected" not in commands.stderr
    assert commands.rows("er_limit") == 0


def test_csv_from_standard_input(
    commands: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """'-' reads standard input; a byte order mark, as of a spreadsheet, is no part of a mailbox."""
    words = ("import", "csv", "-", "--limit", "mailbox.recipients_per_message", "--yes")
    with Path(csv_file(tmp_path, f"\ufeff{ALICE},5\n")).open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        assert commands(*words) == 0
    assert listed(commands) == [(ALICE, "mailbox.recipients_per_message", 5)]


@pytest.mark.mariadb
def test_other_server(commands: Commands, mariadb: PrivateMariaDB, tmp_path: Path) -> None:
    """A user who may only read is enough, with the password in a file that only we can read."""
    other = mariadb.create_database("postfix_guard", "postfix_guard", "secret", rights="SELECT")
    mariadb.query(_RATELIMITS, database=other.name)
    insert = "INSERT INTO ratelimits (id, sender, quota, quota_reset) VALUES (1, %s, 500, 500)"
    mariadb.query(insert, [ALICE], database=other.name)
    password = tmp_path / "password"
    password.write_text("secret\n")
    password.chmod(0o604)
    words = (
        "import", "policyd-rate-guard", "--from-url", other.url.replace("mariadb:", "mysql:"),
        "--from-password-file", str(password), "--yes",
    )  # fmt: skip
    assert commands(*words) == 1
    assert "every local user can read" in commands.stderr
    password.write_text("wrong\n")
    password.chmod(0o600)
    assert commands(*words) == 1
    assert "Access denied" in commands.stderr
    password.write_text("secret\n")
    assert commands(*words) == 0
    assert listed(commands) == [(ALICE, A_DAY, 500)]
    mariadb.drop_database(other)
