"""Limits of rolling windows in the commands: set, shown, summed up, reset (R19). Now is 2026-11-22 12:30 CET."""

from sendlimit.rules.limit import CounterKey
from support.command_samples import ALICE, Commands
from support.counting_samples import key_of, moment

_ROLLING = "mailbox.messages_per_rolling_day"
_NOW = moment("2026-11-22 12:30", "Europe/Berlin")
_HOUR = 3600
BOB = "bob@example.org"


def _step(hours: int, subject: str = ALICE) -> CounterKey:
    return key_of(_ROLLING, subject, _NOW + hours * _HOUR)


def test_show_when_the_next_mail_passes(commands: Commands) -> None:
    """The steps that count are summed up; what has left the window is not in it."""
    assert commands("limit", "set", ALICE, _ROLLING, "5") == 0
    for hours, used in ((-25, 50), (-23, 2), (-3, 3), (0, 1)):
        commands.count(_step(hours), used)
    text = " ".join(" ".join(commands.lines("show", ALICE)).split())
    assert (
        f"the next mail is REFUSED: {_ROLLING}, 6 of 5 used; sending works again from"
        " 2026-11-22 14:00 CET (in 1 hour 30 minutes)"
    ) in text
    found = commands.json("show", ALICE)
    assert (found["over_limit"], found["resets_at"]) == (_ROLLING, "2026-11-22T13:00:00+00:00")
    (status,) = [one for one in found["limits"] if one["limit"] == _ROLLING]
    assert (status["used"], status["remaining"]) == (6, 0)
    assert status["period_start"] == "2026-11-21T11:00:00+00:00"
    assert status["period_end"] == "2026-11-22T13:00:00+00:00"


def test_a_limit_of_0_never_frees_up(commands: Commands) -> None:
    """Whatever leaves the window."""
    commands("limit", "set", ALICE, _ROLLING, "0")
    commands.count(_step(-1), 2)
    found = commands.json("show", ALICE)
    assert (found["over_limit"], found["resets_at"]) == (_ROLLING, None)


def test_top_and_status_sum_the_steps_up(commands: Commands) -> None:
    """Who has used most of the last 24 hours, and who is near the limit."""
    commands("limit", "set", "*", _ROLLING, "10")
    commands.count(_step(-1), 4)
    commands.count(_step(-2), 5)
    commands.count(_step(-2, BOB), 6)
    top = commands.json("top", "--window", "rolling_day")
    assert [(row["subject"], row["used"]) for row in top["subjects"]] == [(ALICE, 9), (BOB, 6)]
    assert top["period_start"] == "2026-11-21T11:00:00+00:00"
    commands("status", "--json")
    near = commands.printed_json()["near"]
    assert [(row["subject"], row["used"]) for row in near] == [(ALICE, 9)]


def test_a_reset_is_one_line(commands: Commands) -> None:
    """Though it takes several steps."""
    commands.count(_step(-1), 4)
    commands.count(_step(-2), 5)
    lines = commands.lines("usage", "reset", ALICE, "--yes")
    (line,) = [line for line in lines if line.startswith(_ROLLING)]
    assert line.split() == [_ROLLING, "9", "2026-11-22", "10:00", "2026-11-22", "12:00"]
    assert commands.json("show", ALICE)["over_limit"] is None


def test_suggest_knows_only_periods(commands: Commands) -> None:
    """Steps are no history: the words say what is allowed."""
    assert commands("suggest", "--window", "rolling_day") == 2
    assert "'rolling_day' is not one of" in commands.stderr
