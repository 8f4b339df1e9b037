"""`sendlimit suggest` on both databases."""

import shlex
import tomllib
from collections.abc import Sequence

import pytest

from sendlimit.config import Config
from sendlimit.rules.limit import CounterKey, Scope, Unit
from sendlimit.rules.window import Window
from support.command_samples import ALICE, NOW, Commands, at, day, episode
from support.counting_samples import BERLIN

BOB = "bob@example.org"
CAROL = "carol@example.net"


def listed(commands: Commands) -> list[tuple[str, str, int | None]]:
    """Return what 'limit list' lists: subject, limit and value."""
    return [(row["subject"], row["limit"], row["max"]) for row in commands.json("limit", "list")]


def sent(commands: Commands, subject: str, *amounts: int, scope: Scope = Scope.MAILBOX) -> None:
    """Count messages a day: the last amount yesterday, the others before."""
    for back, amount in enumerate(reversed(amounts), 1):
        commands.count(day(subject, scope, NOW - back * 86400), amount)


def history(commands: Commands) -> None:
    """Five days of three mailboxes in two domains."""
    sent(commands, ALICE, 10, 0, 20, 30, 40)
    sent(commands, BOB, 1, 1, 1, 1)
    sent(commands, CAROL, 412, 95)
    sent(commands, "example.org", 10, 1, 21, 31, 41, scope=Scope.DOMAIN)
    sent(commands, "example.net", 412, 95, scope=Scope.DOMAIN)
    sent(commands, "*", 10, 1, 21, 443, 136, scope=Scope.GLOBAL)
    commands.count(day(ALICE), 5000)  # today is not over
    commands.count(day("old@example.org", moment=at("2026-10-22 12:00")), 5000)
    commands.count(day("first@example.org", moment=at("2026-10-23 12:00")), 2)


def test_suggest(commands: Commands) -> None:
    """Percentiles, trials and proposals are exact; today and what is older are left out."""
    history(commands)
    found = commands.json("suggest", "--at-limit", "30", "--at-limit", "100")
    assert (found["since"], found["until"]) == (
        "2026-10-22T22:00:00+00:00", "2026-11-21T23:00:00+00:00",
    )  # fmt: skip
    assert (found["periods"], found["periods_with_mail"]) == (30, 6)
    assert found["limit"] == "mailbox.messages_per_day"
    assert [list(one.values()) for one in found["proposals"]] == [
        ["global.messages_per_day", 1, 5, 21, 443, 443, 443, 450],
        ["domain.messages_per_day", 2, 7, 31, 412, 412, 412, 450],
        # 1 1 1 1 2 10 20 30 40 95 412
        ["mailbox.messages_per_day", 4, 11, 10, 412, 412, 412, 450],
    ]
    assert [list(one.values()) for one in found["trials"]] == [
        [30, 2, 3, 10 + 65 + 382],
        [100, 1, 1, 312],
        [450, 0, 0, 0],
    ]
    assert found["exceeding"] == []


def crowd(commands: Commands) -> None:
    """Three hundred mailboxes that sent 5 each yesterday, and three that sent more."""
    for number in range(300):
        sent(commands, f"m{number}@example.org", 5)
    sent(commands, ALICE, 50, 60)
    sent(commands, BOB, 70)
    sent(commands, CAROL, 80)


def test_exceeding(commands: Commands) -> None:
    """Who is above the proposal gets one of their own, unless what is set for them is enough."""
    crowd(commands)
    assert commands("limit", "set", BOB, "mailbox.messages_per_day", "65") == 0
    assert commands("limit", "set", "*", "mailbox.messages_per_day", "50") == 0
    assert commands("limit", "set", CAROL, "mailbox.messages_per_day", "unlimited") == 0
    found = commands.json("suggest")
    assert found["proposals"][-1]["proposed"] == 10
    keys = ("subject", "busiest", "periods", "own", "proposed")
    assert [tuple(one[key] for key in keys) for one in found["exceeding"]] == [
        (CAROL, 80, 1, None, None),
        (BOB, 70, 1, 65, 75),
        (ALICE, 60, 2, 200, None),
    ]
    lines = commands.lines("suggest")
    assert [line.split() for line in lines if "@" in line] == [
        [CAROL, "80", "1", "unlimited", "-"],
        [BOB, "70", "1", "65", "75"],
        [ALICE, "60", "2", "200", "-"],
        f"sendlimit limit set {BOB} mailbox.messages_per_day 75 --reason 'busiest day: 70'".split(),
    ]


def test_take_over(commands: Commands) -> None:
    """The lines for the configuration file and the commands are taken as they are printed."""
    history(commands)
    crowd_of = [f"m{number}@example.com" for number in range(400)]
    for mailbox in crowd_of:
        sent(commands, mailbox, 5)
    lines = commands.lines("suggest")
    start = lines.index("[limits]")
    end = lines.index("", start)
    config = Config.model_validate(tomllib.loads("\n".join(lines[start:end])))
    assert {str(one.name): one.max for one in config.settings()} == {
        "global.messages_per_day": 450, "domain.messages_per_day": 450, "mailbox.messages_per_day": 10,
    }  # fmt: skip
    set_them = [line for line in lines if line.startswith("sendlimit limit set")]
    for line in set_them:
        assert commands(*shlex.split(line)[1:]) == 0
    name = "mailbox.messages_per_day"
    assert listed(commands) == [(CAROL, name, 450)]
    shown = [line.split() for line in lines if line.startswith(("mailbox ", "global "))]
    assert shown == [
        ["global", "1", "5", "21", "443", "443", "443", "450"],
        ["mailbox", "404", "411", "5", "5", "20", "412", "10"],
    ]
    assert max(map(len, lines[:start])) <= 80


def test_other_windows_and_units(commands: Commands) -> None:
    """Hours and months, messages and recipients; scopes that were not counted are left out."""
    for hour, amount in ((9, 3), (10, 30), (12, 99)):
        start = BERLIN.period(Window.HOUR, at(f"2026-11-22 {hour:02}:15")).start
        commands.count(
            CounterKey(Scope.MAILBOX, ALICE, Unit.RECIPIENTS, Window.HOUR, start), amount
        )
    found = commands.json("suggest", "--window", "hour", "--unit", "recipients", "--days", "1")
    assert (found["since"], found["until"]) == (
        "2026-11-22T08:00:00+00:00", "2026-11-22T11:00:00+00:00",
    )  # fmt: skip
    assert (found["periods"], found["periods_with_mail"]) == (3, 2)
    assert [list(one.values()) for one in found["proposals"]] == [
        ["mailbox.recipients_per_hour", 1, 2, 3, 30, 30, 30, 35]
    ]
    october = at("2026-10-01 00:00")
    commands.count(CounterKey(Scope.MAILBOX, ALICE, Unit.MESSAGES, Window.MONTH, october), 9)
    found = commands.json("suggest", "--window", "month")
    assert (found["periods"], found["proposals"][0]["proposed"]) == (1, 10)


def test_held_back(commands: Commands) -> None:
    """In mode enforce it is told who wanted more than was counted; in mode observe no mail is held."""
    history(commands)
    commands.refuse(episode(day(ALICE, moment=NOW - 86400)))
    assert commands("suggest") == 0
    assert "mailboxes that were refused by this limit in that time: 1;" in commands.stderr
    assert commands.json("suggest")["mailboxes_refused"] == 1
    commands.config.write_text(f'mode = "observe"\n{commands.config.read_text()}')
    assert commands("suggest") == 0
    assert commands.stderr == ""


@pytest.mark.parametrize(
    "words",
    [(), ("--window", "hour"), ("--unit", "recipients"), ("--window", "month", "--days", "9")],
)
def test_nothing_counted(commands: Commands, words: Sequence[str]) -> None:
    """Without a history there is a sentence that says what to do."""
    commands.count(day(ALICE), 5)
    assert commands("suggest", *words) == 1
    assert "has been counted from 2026-1" in commands.stderr
    assert "while a limit on it is in force" in commands.stderr


def test_learned_limits_beside_one_for_all(commands: Commands) -> None:
    """R15: of the past 35 days, by what could be learned in the 35 before each; the limits that were tried beside it."""
    sent(commands, ALICE, *[20] * 70)
    sent(commands, BOB, *[10] * 65, 300, *[10] * 4)
    sent(commands, CAROL, 400, *[0] * 30, 400, *[0] * 30)
    then = NOW - 5 * 86400
    commands.refuse(episode(day(BOB, moment=then), last_at=then, mailbox=BOB))
    found = commands.json("suggest", "--days", "60", "--at-limit", "100")["comparison"]

    assert (found["since"], found["until"]) == (
        "2026-10-17T22:00:00+00:00", "2026-11-21T23:00:00+00:00",
    )  # fmt: skip
    assert (found["times"], found["at_least"], found["at_most"]) == (2, 50, 1000)
    keys = ("limit", "mailboxes_refused", "days", "thief_median", "thief_most")
    assert [tuple(one[key] for key in keys) for one in found["outcomes"]] == [
        (None, 1, 1, 50, 800),
        (100, 2, 2, 100, 100),
        (450, 0, 0, 450, 450),
    ]
    lines = [" ".join(line.split()) for line in commands.lines("suggest", "--at-limit", "100")]
    assert "learned 1 1 50 800" in lines
    assert "100 for all 2 2 100 100" in lines


def test_months_are_not_learned(commands: Commands) -> None:
    """R15: of a window whose limits can't be learned nothing is compared."""
    month = CounterKey(Scope.MAILBOX, ALICE, Unit.MESSAGES, Window.MONTH, at("2026-10-01 00:00"))
    commands.count(month, 5)
    assert commands.json("suggest", "--window", "month")["comparison"] is None
