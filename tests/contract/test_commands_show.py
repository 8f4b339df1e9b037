"""The words of `sendlimit show`, and which SUBJECT is what."""

import pytest

from sendlimit.rules.limit import Scope
from support.command_samples import ALICE, Commands, day, episode


def shown(commands: Commands, *words: str) -> str:
    """Return what 'show' prints, on one line."""
    lines = commands.lines("show", *words)
    assert all(len(line) <= 80 for line in lines)
    return " ".join(" ".join(lines).split())


def add_to_config(commands: Commands, text: str) -> None:
    """Write further settings in front of the configuration."""
    commands.config.write_text(f"{text}\n{commands.config.read_text()}")


def test_show_why_refused(commands: Commands) -> None:
    """'show' names the limit that refuses, what is used, and when it frees up."""
    commands.count(day(ALICE), 200)
    commands.count(day("example.org", Scope.DOMAIN), 230)
    commands.refuse(episode(day(ALICE)))
    lines = commands.lines("show", ALICE)
    assert " ".join(lines[:3]).strip() == (
        f"mailbox {ALICE}: the next mail is REFUSED: mailbox.messages_per_day, 200"
        " of 200 used; sending works again from 2026-11-23 00:00 CET (in 11 hours 30 minutes)"
    )
    numbers = next(line for line in lines if line.startswith("mailbox.messages_per_day"))
    assert numbers.split()[1:] == ["200", "200", "0", "2026-11-23", "00:00"]
    text = " ".join(" ".join(lines).split())
    assert "from the file, for example.org" in text
    assert "last refused 2026-11-22 12:29, 3 times since 2026-11-22 12:19" in text
    assert all(len(line) <= 80 for line in lines)


def test_observe(commands: Commands) -> None:
    """In mode observe it says what would have happened."""
    add_to_config(commands, 'mode = "observe"')
    assert "the next mail passes; mode = observe: nothing is refused" in shown(commands, ALICE)
    commands.count(day(ALICE), 300)
    assert (
        "the next mail would be refused, but passes: mode = observe: mailbox.messages_per_day,"
        " 300 of 200 used" in shown(commands, ALICE)
    )
    found = commands.json("show", ALICE)
    assert (found["refused"], found["over_limit"]) == (False, "mailbox.messages_per_day")


def test_exempt(commands: Commands) -> None:
    """An exempt login is never refused, whatever is counted."""
    add_to_config(commands, 'identity.exempt = ["Alice@example.org"]')
    commands.count(day(ALICE), 300)
    assert "exempt (identity.exempt): its mail is never counted" in shown(commands, ALICE)
    assert commands.json("show", ALICE)["refused"] is False


def test_boost(commands: Commands) -> None:
    """A boost is shown with its end, who set it, and why; escapes are shown, not obeyed."""
    words = ("limit", "set", ALICE, "mailbox.messages_per_day", "500", "--until", "18:00")
    commands(*words, "--reason", "big\x1b[2J list " + "x" * 90)
    text = shown(commands, ALICE)
    assert f"boost until 2026-11-22 18:00 CET, for {ALICE}, set by" in text
    assert r"on 2026-11-22 12:30: big\x1b[2J list" in text


def test_nothing_may_be_sent(commands: Commands) -> None:
    """A limit of 0 has no moment from which sending works again."""
    commands("limit", "set", ALICE, "mailbox.messages_per_hour", "0")
    text = shown(commands, ALICE)
    assert "the next mail is REFUSED: mailbox.messages_per_hour, 0 of 0 used: nothing may" in text
    line = next(line for line in commands.lines("show", ALICE) if "per_hour" in line[:30])
    assert line.split() == ["mailbox.messages_per_hour", "0", "0", "0"]
    assert commands.json("show", ALICE)["resets_at"] is None


def test_server(commands: Commands) -> None:
    """Without a subject it is the server, with what holds for each mailbox by default."""
    commands.count(day("*", Scope.GLOBAL), 999)
    commands.refuse(episode(day("*", Scope.GLOBAL)))
    for words in ([], ["global"], ["*"]):
        text = shown(commands, *words)
        assert text.startswith("the server: the next mail is REFUSED: global.messages_per_day")
        assert f"login {ALICE} from 192.0.2.7 as <a@example.org>" in text
        assert "FOR EACH, UNLESS SET OTHERWISE LIMIT mailbox.messages_per_day 100 from" in text


@pytest.mark.parametrize(
    ("subject", "scope", "key"),
    [
        ("Example.ORG", "domain", "example.org"),
        ("@localhost", "domain", "localhost"),
        ("alice@example.org", "mailbox", "alice@example.org"),
        ("alice", "mailbox", "alice"),
        ("counted.login", "mailbox", "counted.login"),
        ("intranet", "domain", "intranet"),
    ],
)
def test_subjects(commands: Commands, subject: str, scope: str, key: str) -> None:
    """A name without "@" is what it was counted as; else a dot makes it a domain."""
    commands.count(day("counted.login"), 1)
    commands.count(day("intranet", Scope.DOMAIN), 1)
    found = commands.json("show", subject)
    assert (found["scope"], found["subject"]) == (scope, key)


def test_default_domain(commands: Commands) -> None:
    """A login without a domain is completed as the daemon does it."""
    add_to_config(commands, 'identity.default_domain = "Example.org"')
    assert commands.json("show", "ALICE")["subject"] == ALICE
    row = commands.json("limit", "set", "alice", "mailbox.messages_per_day", "7")["now"]
    assert row["subject"] == ALICE
