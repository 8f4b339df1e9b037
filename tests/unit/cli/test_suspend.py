"""`sendlimit suspend`."""

import pytest

from support.command_samples import ALICE, Commands


def test_shape(commands: Commands) -> None:
    """--json prints the suspension; a login that never sent can be suspended, which is said."""
    assert commands.lines("suspend", ALICE, "--until", "+1h", "--reason", "stolen password") == [
        "mailbox alice@example.org: suspended until 2026-11-22 13:30 CET",
        "undo:   sendlimit release alice@example.org",
    ]
    assert commands.stderr
    found = commands.json("suspend", ALICE)
    assert list(found) == ["subject", "until", "reason", "set_by", "set_at"]
    assert (found["subject"], found["until"]) == (ALICE, None)
    assert commands.rows("er_limit") == 1


def test_show(commands: Commands) -> None:
    """`show` says that the next mail is refused, who has suspended, why and until when."""
    commands("suspend", "example.org", "--until", "+1h", "--reason", "stolen")
    text = " ".join(" ".join(commands.lines("show", ALICE)).split())

    assert "the next mail is REFUSED: suspended; 'sendlimit release' ends it" in text
    assert "suspended until 2026-11-22 13:30 CET, for example.org, set by" in text
    assert ": stolen" in text
    record = commands.json("show", ALICE)
    assert (record["over_limit"], record["refused"]) == ("mailbox.suspended", True)
    commands("release", "example.org")
    assert "mailbox.suspended" not in " ".join(commands.lines("show", ALICE))


def test_everyone(commands: Commands) -> None:
    """All mailboxes of the server can be suspended; what undoes it can be pasted into a shell."""
    assert commands.lines("suspend", "everyone") == [
        "everyone: suspended until released",
        "undo:   sendlimit release '*'",
    ]
    assert commands.json("show", ALICE)["over_limit"] == "mailbox.suspended"


def test_exempt(commands: Commands) -> None:
    """Whoever is exempt sends all the same, and that is said."""
    config = commands.config.read_text()
    commands.config.write_text(f'mode = "observe"\n{config}\n[identity]\nexempt = ["{ALICE}"]\n')
    assert commands("suspend", ALICE) == 0
    assert "it is exempt" in commands.stderr
    assert "mode = observe" in commands.stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((ALICE, "--until", "2020-01-01"), "is in the past"),
        ((ALICE, "--until", "soon"), "--until"),
        ((ALICE, "--reason", "x" * 256), "has 256 characters; allowed: 255"),
    ],
)
def test_refused(commands: Commands, words: tuple[str, ...], sentence: str) -> None:
    """Wrong words are a sentence, and nothing is suspended."""
    assert commands("suspend", *words) == 2
    assert sentence in commands.stderr
    assert commands.rows("er_limit") == 0
