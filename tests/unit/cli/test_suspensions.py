"""`sendlimit suspensions`."""

from support.command_samples import ALICE, Commands


def test_shape(commands: Commands) -> None:
    """Those that hold now are listed, with who, why and until when; ended ones are not."""
    assert commands("suspensions") == 0
    assert commands.stderr == "no one is suspended\n"
    commands("suspend", ALICE, "--until", "+1h", "--reason", "stolen")
    commands("suspend", "example.net")
    commands("limit", "set", ALICE, "mailbox.messages_per_day", "5")

    found = commands.json("suspensions")
    assert [(one["subject"], one["until"]) for one in found] == [
        (ALICE, "2026-11-22T12:30:00+00:00"),
        ("example.net", None),
    ]
    text = " ".join(" ".join(commands.lines("suspensions")).split())
    assert "alice@example.org 2026-11-22 13:30 2026-11-22 12:30" in text
    assert "example.net (released)" in text
    commands.now += 3600
    assert [one["subject"] for one in commands.json("suspensions")] == ["example.net"]
