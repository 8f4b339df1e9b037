"""`sendlimit rename`, `forget` and `changes` on both databases."""

import io

import pytest

from sendlimit.rules.limit import EVERYONE, Scope
from support.command_samples import ALICE, NOW, Commands, day, episode

BOB = "bob@example.net"
A_DAY = "mailbox.messages_per_day"


def counters(commands: Commands, scope: str = "mailbox") -> dict[tuple[str, str], int]:
    """Return what is used, by subject and start of the day."""
    assert commands.tables is not None
    rows = commands.tables.execute(
        "SELECT subject, period_start, used FROM er_counter WHERE scope = %s AND `window` = 'day'",
        [scope],
    )
    return {(row[0], str(row[1])[:10]): row[2] for row in rows}


def listed(commands: Commands) -> list[tuple[str, int]]:
    """Return the limits that are set, as (subject, value)."""
    return [(row["subject"], row["max"]) for row in commands.json("limit", "list")]


def test_rename(commands: Commands) -> None:
    """Counts of all days, refusals and limits are the new name's; others are left alone."""
    commands.count(day(ALICE), 60)
    commands.count(day(ALICE, moment=NOW - 86400), 7)
    commands.count(day("example.org", Scope.DOMAIN), 60)
    commands.count(day("carol@example.org"), 5)
    commands.refuse(episode(day(ALICE)))
    commands.refuse(episode(day(EVERYONE, Scope.GLOBAL)))
    commands("limit", "set", ALICE, A_DAY, "300")
    commands("limit", "set", ALICE, A_DAY, "500", "--until", "+2h")

    done = commands.json("rename", ALICE.upper(), BOB, "--yes")

    assert [done[key] for key in ("from", "to", "counters", "refusals", "kept", "applied")] == [
        ALICE, BOB, 2, 1, [], True,
    ]  # fmt: skip
    assert counters(commands) == {
        (BOB, "2026-11-21"): 60,
        (BOB, "2026-11-20"): 7,
        ("carol@example.org", "2026-11-21"): 5,
    }
    assert counters(commands, "domain") == {("example.org", "2026-11-21"): 60}
    assert listed(commands) == [(BOB, 300), (BOB, 500)]
    refused = commands.json("refusals", "--mailbox", BOB)
    assert {(row["subject"], row["last_mailbox"]) for row in refused} == {
        (BOB, BOB),
        (EVERYONE, BOB),
    }
    assert commands.json("refusals", "--mailbox", ALICE) == []


def test_rename_merges(commands: Commands) -> None:
    """What both names have of a period is added up; a limit of the new name stays."""
    commands.count(day(ALICE), 60)
    commands.count(day(BOB), 5)
    commands.refuse(episode(day(ALICE), last_at=NOW - 3600))
    commands.refuse(episode(day(BOB), last_at=NOW - 60, mailbox=BOB))
    for subject, value in ((ALICE, "300"), (BOB, "40")):
        commands("limit", "set", subject, A_DAY, value)
    commands("limit", "set", ALICE, "mailbox.messages_per_hour", "9")

    done = commands.json("rename", ALICE, BOB, "--yes")

    assert counters(commands) == {(BOB, "2026-11-21"): 65}
    assert [row["max"] for row in done["kept"]] == [40]
    assert sorted(listed(commands)) == [(BOB, 9), (BOB, 40)]
    (refused,) = commands.json("refusals")
    assert (refused["subject"], refused["attempts"], refused["last_mailbox"]) == (BOB, 6, BOB)
    assert refused["first_at"] == "2026-11-22T10:20:00+00:00"
    assert refused["last_at"] == "2026-11-22T11:29:00+00:00"


def test_rename_of_a_domain(commands: Commands) -> None:
    """Of a domain its own counts and limits move, its mailboxes keep theirs."""
    commands.count(day("example.org", Scope.DOMAIN), 60)
    commands.count(day(ALICE), 60)
    commands("limit", "set", "example.org", "domain.messages_per_day", "300")

    assert commands("rename", "example.org", "example.com", "--yes") == 0
    assert 'sendlimit.toml: [limits.for."example.org"] stays as it is' in commands.stderr

    assert counters(commands, "domain") == {("example.com", "2026-11-21"): 60}
    assert counters(commands) == {(ALICE, "2026-11-21"): 60}
    assert listed(commands) == [("example.com", 300)]


def test_rename_is_written_down(commands: Commands) -> None:
    """Both names have a line in the audit trail, so the daemon reads both again."""
    commands.count(day(ALICE), 60)
    commands.json("rename", ALICE, BOB, "--yes")

    new, old = commands.json("changes")
    assert (old["what"], old["subject"]) == ("rename", ALICE)
    assert old["before"] == {"counters": 1, "refusals": 0, "limits": []}
    assert old["after"] == {"renamed_to": BOB}
    assert (new["what"], new["subject"], new["before"]) == ("rename", BOB, None)
    assert new["after"]["renamed_from"] == ALICE


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("rename", "global", ALICE), "the server has no other name"),
        (("rename", ALICE, "*"), "the server has no other name"),
        (("rename", ALICE, "example.net"), "can't become domain example.net"),
        (("rename", ALICE, "Alice@EXAMPLE.org"), "is the same name"),
        (("rename", ALICE, BOB, "--json"), "--json does not ask"),
        (("forget", "global"), "the server can't be forgotten"),
        (("forget", ALICE, "--json"), "--json does not ask"),
    ],
)
def test_refused_words(commands: Commands, words: tuple[str, ...], sentence: str) -> None:
    """What can't be renamed or forgotten is answered by what can; nothing is changed."""
    commands.count(day(ALICE), 60)

    assert commands(*words) == 2
    assert sentence in commands.stderr
    assert counters(commands) == {(ALICE, "2026-11-21"): 60}


@pytest.mark.parametrize("words", [("rename", ALICE, BOB), ("forget", ALICE)])
@pytest.mark.parametrize("answer", ["n\n", "dry run", "nobody"])
def test_nothing_is_changed(
    commands: Commands, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], answer: str
) -> None:
    """Without a yes, with --dry-run, or where nobody can be asked nothing changes."""
    commands.count(day(ALICE), 60)
    commands.refuse(episode(day(ALICE)))
    if answer == "n\n":
        terminal = io.StringIO(answer)
        monkeypatch.setattr(terminal, "isatty", lambda: True)
        monkeypatch.setattr("sys.stdin", terminal)
    dry_run = answer == "dry run"

    assert commands(*words, *(["--dry-run"] if dry_run else [])) == (0 if dry_run else 1)

    assert commands.stdout.splitlines()[0] == f"mailbox {ALICE}: 1 counters, 1 refusals, 0 limits"
    assert "nothing was changed" in commands.stderr
    assert counters(commands) == {(ALICE, "2026-11-21"): 60}
    assert commands.rows("er_change") == 0


def test_yes(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal a yes is enough."""
    commands.count(day(ALICE), 60)
    terminal = io.StringIO("y\n")
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdin", terminal)

    assert commands("rename", ALICE, BOB) == 0
    assert f"mailbox {ALICE} is {BOB} now" in commands.stderr
    assert counters(commands) == {(BOB, "2026-11-21"): 60}


@pytest.mark.parametrize("words", [("rename", ALICE, BOB), ("forget", ALICE)])
def test_nothing_is_stored(commands: Commands, words: tuple[str, ...]) -> None:
    """A mailbox that never sent is no failure: who calls it for each change need not know."""
    assert commands(*words) == 0
    assert "nothing is stored of it" in commands.stderr
    assert commands.rows("er_change") == 0


def test_forget(commands: Commands) -> None:
    """Counts, refusals and limits of a mailbox go, its name goes from others' refusals."""
    commands.count(day(ALICE), 60)
    commands.count(day(ALICE, moment=NOW - 86400), 7)
    commands.count(day(EVERYONE, Scope.GLOBAL), 60)
    commands.refuse(episode(day(ALICE)))
    commands.refuse(episode(day(EVERYONE, Scope.GLOBAL)))
    commands.refuse(episode(day(BOB), mailbox=BOB))
    commands("limit", "set", ALICE, A_DAY, "300")
    commands("limit", "set", BOB, A_DAY, "400")

    done = commands.json("forget", ALICE, "--yes")

    assert (done["counters"], done["refusals"], done["applied"]) == (2, 1, True)
    assert [row["max"] for row in done["limits"]] == [300]
    assert counters(commands) == {}
    assert counters(commands, "global") == {(EVERYONE, "2026-11-21"): 60}
    assert listed(commands) == [(BOB, 400)]
    refused = {row["subject"]: row["last_mailbox"] for row in commands.json("refusals")}
    assert refused == {EVERYONE: "", BOB: BOB}
    (line,) = commands.json("changes", "--subject", ALICE)[:1]
    assert (line["what"], line["before"]["counters"], line["after"]) == ("forget", 2, None)


def test_changes(commands: Commands) -> None:
    """'changes' lists the last first, of one subject or since a moment, in at most 80 columns."""
    commands("limit", "set", ALICE, A_DAY, "300", "--reason", "list\x1b[0m")
    commands.now += 3600
    commands("limit", "set", "*", A_DAY, "unlimited")
    commands.now += 3600
    commands.count(day(ALICE), 60)
    commands("usage", "reset", ALICE, "--yes")

    def what(*words: str) -> list[tuple[str, str]]:
        return [(row["what"], row["subject"]) for row in commands.json("changes", *words)]

    assert what() == [("usage reset", ALICE), ("limit set", "*"), ("limit set", ALICE)]
    assert what("--subject", ALICE) == [("usage reset", ALICE), ("limit set", ALICE)]
    assert what("--subject", "global") == [("limit set", "*")]
    assert what("--since", "90m") == [("usage reset", ALICE), ("limit set", "*")]
    lines = commands.lines("changes")
    assert all(len(line) <= 80 for line in lines)
    assert r"\x1b" in "".join(lines)
    assert "unlimited" in "".join(lines)


def test_no_changes(commands: Commands) -> None:
    """Without changes 'changes' says since when."""
    assert commands("changes", "--since", "1h") == 0
    assert "no changes since 2026-11-22 11:30" in commands.stderr
    assert commands("changes", "--since", "yesterday") == 2
