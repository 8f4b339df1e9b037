"""`sendlimit refusals`."""

from support.command_samples import ALICE, NOW, Commands, day, episode


def test_shape(commands: Commands) -> None:
    """An episode has the limit, whose it is, first and last time, and who tried last."""
    commands.refuse(episode(day(ALICE)))
    (found,) = commands.json("refusals")
    assert (found["limit"], found["subject"], found["attempts"]) == (
        "mailbox.messages_per_day", ALICE, 3,
    )  # fmt: skip
    assert (found["last_at"], found["last_client_addr"]) == (
        "2026-11-22T11:29:00+00:00", "192.0.2.7",
    )  # fmt: skip


def test_time(commands: Commands) -> None:
    """--since is a time span before now, or a timestamp."""
    commands.refuse(episode(day(ALICE), last_at=NOW - 7200))
    assert commands.json("refusals", "--since", "1h") == []
    assert len(commands.json("refusals", "--since", "2026-11-22 10:00")) == 1
    assert commands("refusals", "--since", "1h") == 0
    assert "no refusals since 2026-11-22 11:30" in commands.stderr
    assert commands("refusals", "--since", "x") == 2
    assert "Invalid value for --since: 'x' is not a time" in commands.stderr


def test_table(commands: Commands) -> None:
    """The domain is named where the limit is not the mailbox's own; foreign text is escaped."""
    key = day("example.org")
    commands.refuse(episode(key, mailbox="a\x1b@example.org"))
    text = " ".join(" ".join(commands.lines("refusals")).split())
    assert "of example.org" in text
    assert "\x1b" not in text
