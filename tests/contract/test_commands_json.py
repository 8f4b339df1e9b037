"""What --json prints has the shapes that the manual page names."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sendlimit.reports.records import EPISODE, LIMIT_STATUS, OVERRIDE, SHAPES
from sendlimit.store.web_access import set_user
from support.command_samples import ALICE, NOW, Commands, day, episode
from support.notice_receivers import webhook_receiver


def test_shapes(commands: Commands, tmp_path: Path) -> None:
    """Every command with --json prints exactly the keys in the manual page, in their order."""
    commands.count(day(ALICE), 5)
    for number in range(100):
        commands.count(day(f"m{number}@example.org", moment=NOW - 86400), 10 if number else 500)
    (tmp_path / "limits.csv").write_text(f"{ALICE},5\n")
    commands.refuse(episode(day(ALICE)))
    assert commands("web", "token", "add", "panel", "--role", "read") == 0
    assert commands.tables
    set_user(commands.tables, "carol", "hash", NOW)
    limit = ("mailbox.messages_per_day", "300")
    printed: dict[str, Any] = {
        "config, a list of": commands.json("config"),
        "db status": commands.json("db", "status"),
        "limit set, limit unset": commands.json("limit", "set", ALICE, *limit, "--until", "+1h"),
        "limit list, a list of": commands.json("limit", "list"),
        "show": commands.json("show", ALICE),
        "top": commands.json("top"),
        "refusals, a list of (with --follow one a line)": commands.json("refusals"),
        "learn, a list of": learned(commands),
        "suspend": commands.json("suspend", ALICE),
        "release, suspensions, a list of": commands.json("suspensions"),
        "usage reset, a list of": commands.json("usage", "reset", ALICE, "--yes"),
        "rename": commands.json("rename", "m1@example.org", "m2@example.org", "--dry-run"),
        "forget": commands.json("forget", "m1@example.org", "--dry-run"),
        "changes, a list of": commands.json("changes"),
        "suggest": commands.json("suggest"),
        "import policyd-rate-guard, import iredapd, import csv": commands.json(
            "import", "csv", str(tmp_path / "limits.csv"), "--dry-run"
        ),
        "web token list, a list of": commands.json("web", "token", "list"),
        "web user list, a list of": commands.json("web", "user", "list"),
        "purge": commands.json("purge"),
    }
    with webhook_receiver() as receiver:
        config = commands.config.read_text()
        commands.config.write_text(f'{config}[notify]\nwebhook_url = "{receiver.url}"\n')
        printed["notify test, a list of"] = commands.json("notify", "test")
        commands.config.write_text(config)
    printed["show, each of limits and defaults"] = printed["show"]["limits"]
    imported = printed["import policyd-rate-guard, import iredapd, import csv"]
    printed["import, each of changes and kept"] = imported["changes"]
    for part in ("proposals", "trials", "exceeding"):
        printed[f"suggest, each of {part}"] = printed["suggest"][part]
    comparison = printed["suggest, comparison"] = printed["suggest"]["comparison"]
    printed["suggest, each of outcomes"] = comparison["outcomes"]
    assert commands("check", "--json") == 1  # no daemon
    printed["check, a list of"] = commands.printed_json()
    assert commands("status", "--json") == 1
    printed["status"] = commands.printed_json()
    assert commands("doctor", "--json") == 1
    printed["doctor, a list of"] = commands.printed_json()
    assert {what: keys_of(found) for what, found in printed.items()} == {
        what: list(shape) for what, shape in SHAPES.items()
    }
    assert keys_of(printed["limit set, limit unset"]["now"]) == list(OVERRIDE)
    (own,) = (one for one in printed["show"]["limits"] if one["limit"] == limit[0])
    assert keys_of(own) == list(LIMIT_STATUS)
    assert keys_of(own["override"]) == list(OVERRIDE)
    assert keys_of(own["last_episode"]) == list(EPISODE)
    assert list(printed["top"]["subjects"][0]) == ["subject", "used", "max"]


def learned(commands: Commands) -> list[dict[str, object]]:
    """Learn with another configuration; the limits of the one before are in force again."""
    config = commands.config.read_text()
    rule = "{ learned = { times = 2, at_least = 50, at_most = 1000 } }"
    config_ = config.replace("mailbox.messages_per_day = 200", "")
    commands.config.write_text(config_.replace("mailbox.messages_per_day = 100", f"mailbox.messages_per_day = {rule}"))  # fmt: skip
    found = commands.json("learn", "--dry-run")
    commands.config.write_text(config)
    assert isinstance(found, list)
    return found


def keys_of(printed: Mapping[str, object] | list[Mapping[str, object]]) -> list[str]:
    """Return the keys of an object, or of each object of a list."""
    if isinstance(printed, list):
        (keys,) = {tuple(each) for each in printed}
        return list(keys)
    return list(printed)


def test_moments_and_unlimited(commands: Commands) -> None:
    """Moments are UTC with offset; unlimited is null."""
    set_now = commands.json("limit", "set", ALICE, "mailbox.messages_per_day", "unlimited")
    assert set_now["before"] is None
    assert (set_now["now"]["max"], set_now["now"]["until"]) == (None, None)
    assert set_now["now"]["set_at"] == "2026-11-22T11:30:00+00:00"
    assert commands.now == NOW
