"""`sendlimit learn`."""

import pytest

from sendlimit.rules.window import DAY_S
from support.command_samples import ALICE, NOW, Commands, day

_LEARNED = "{ learned = { times = 2, at_least = 50, at_most = 1000 } }"


@pytest.fixture
def learning(commands: Commands) -> Commands:
    """Commands with a limit that is learned."""
    config = commands.config.read_text().replace("mailbox.messages_per_day = 100", f"mailbox.messages_per_day = {_LEARNED}")  # fmt: skip
    commands.config.write_text(config.replace("mailbox.messages_per_day = 200", ""))
    return commands


def test_shape(learning: Commands) -> None:
    """What changes is listed, with the day that it comes from; --dry-run changes nothing."""
    learning.count(day(ALICE, moment=NOW - 2 * DAY_S), 61)
    found = learning.json("learn", "--dry-run")
    assert found == [
        {
            "subject": ALICE,
            "limit": "mailbox.messages_per_day",
            "before": None,
            "max": 122,
            "greatest": 61,
            "learned_from": "2026-11-19T23:00:00+00:00",
        }
    ]
    assert learning.rows("er_limit") == 0

    text = " ".join(" ".join(learning.lines("learn")).split())
    assert "alice@example.org - 122 2026-11-20" in text
    assert "2 times 61, from 50 to 1000" in text
    assert learning.stderr == "1 limits change, 0 stay as they are\n"
    assert learning.json("learn") == []
    learning.now += 40 * DAY_S
    text = " ".join(" ".join(learning.lines("learn")).split())
    assert "122 - nothing in the last 35 days" in text


def test_show(learning: Commands) -> None:
    """R15: `show` says which day the limit comes from; of a new mailbox that nothing is known."""
    learning.count(day(ALICE, moment=NOW - 2 * DAY_S), 61)
    learning("learn")
    text = " ".join(" ".join(learning.lines("show", ALICE)).split())
    assert "learned on 2026-11-22 12:30 from 2026-11-20" in text
    assert ": 2 times 61, from 50 to 1000" in text
    (own,) = [one for one in learning.json("show", ALICE)["limits"] if one["max"] == 122]
    assert (own["origin"], own["learned_from"]) == ("learned", "2026-11-19T23:00:00+00:00")

    new = learning.json("show", "new@example.org")["limits"][0]
    assert (new["max"], new["origin"], new["learned_from"]) == (50, "learned", None)
    assert "no day of the last 35 to learn from, at_least holds" in " ".join(learning.lines("show", "new@example.org"))  # fmt: skip


def test_override_goes_before(learning: Commands) -> None:
    """R10, R15: what was learned is below an override, and comes back when that is unset."""
    learning.count(day(ALICE, moment=NOW - 2 * DAY_S), 61)
    learning("learn")
    learning("limit", "set", "everyone", "mailbox.messages_per_day", "7")
    assert learning.json("show", ALICE)["limits"][0]["max"] == 7
    learning("limit", "unset", "everyone", "mailbox.messages_per_day")
    assert learning.json("show", ALICE)["limits"][0]["max"] == 122
    assert learning.json("limit", "list") == []


def test_config(learning: Commands) -> None:
    """`config` prints the rule as the file has it."""
    assert f"limits.mailbox.messages_per_day = {_LEARNED}" in learning.lines("config", "--changed")
    (entry,) = learning.json("config", "limits.mailbox.messages_per_day")
    assert entry["value"] == {"learned": {"times": 2.0, "at_least": 50, "at_most": 1000}}


def test_nothing_to_learn(commands: Commands) -> None:
    """Without such a limit the command says how to write one."""
    assert commands("learn") == 1
    assert "no limit is to be learned; write one as mailbox.messages_per_day =" in commands.stderr
