"""`sendlimit status`: eight lines, and what is wrong on stderr."""

from pathlib import Path

import pytest

from sendlimit.rules.limit import Scope
from support.command_samples import ALICE, Commands, day, episode

_NAMES = ["daemon:", "attached:", "mode:", "server:", "near:", "refused:", "doctor:"]


@pytest.fixture
def nowhere(tmp_path: Path) -> tuple[str, str]:
    """A directory without a Postfix in it."""
    return "--config-directory", str(tmp_path)


def test_eight_lines(commands: Commands, nowhere: tuple[str, str]) -> None:
    """Each line has its name, whatever is counted."""
    commands.count(day("*", Scope.GLOBAL), 230)
    commands.count(day(ALICE), 200)
    commands.count(day("bob@example.net"), 79)
    commands.refuse(episode(day(ALICE)))
    assert commands("status", *nowhere) == 1
    lines = commands.stdout.splitlines()
    assert [line.split()[0] for line in lines] == _NAMES
    said = {line.split()[0]: line[11:] for line in lines}
    assert said["daemon:"] == "no daemon listens there"
    assert said["mode:"] == (
        "enforce: mail is refused beyond 999 messages per day of the whole server, 100 messages per"
        " day of each mailbox; set for single mailboxes or domains: 1"
    )
    assert said["server:"] == "230 of 999 messages this day, until 2026-11-23 00:00"
    assert said["near:"] == f"{ALICE} 200 of 200 (mailbox.messages_per_day)"
    assert said["refused:"] == f"2026-11-22 12:29 {ALICE}: mailbox.messages_per_day 100"
    assert "sendlimit: no daemon listens there" in commands.stderr
    assert "systemctl start sendlimit" in commands.stderr


def test_nothing_yet(commands: Commands, nowhere: tuple[str, str]) -> None:
    """Before the first mail there is nothing near a limit and nothing refused."""
    commands("status", *nowhere)
    assert commands.stdout.splitlines()[4:] == [
        "near:      nothing has used 80 % of a limit",
        "refused:   nothing on record",
        "doctor:    has not looked yet (sendlimit-doctor.timer)",
    ]


def test_many_are_near(commands: Commands, nowhere: tuple[str, str]) -> None:
    """Of many who are near a limit the fullest are named, and the number of the others."""
    for number in range(7):
        commands.count(day(f"u{number}@example.net"), 90 + number)
    commands("status", *nowhere)
    (near,) = [line for line in commands.stdout.splitlines() if line.startswith("near:")]
    assert near.startswith("near:      u6@example.net 96 of 100 (mailbox.messages_per_day), u5@")
    assert near.endswith("u2@example.net 92 of 100 (mailbox.messages_per_day), and 2 more")


def test_suspended(commands: Commands, nowhere: tuple[str, str]) -> None:
    """Who is suspended is named, some and the number of the others, in the JSON all (R17)."""
    for number in range(7):
        commands("suspend", f"u{number}@example.net")
    commands("status", *nowhere)
    (line,) = [line for line in commands.stdout.splitlines() if line.startswith("suspended:")]
    assert line.startswith("suspended: u0@example.net, u1@example.net,")
    assert line.endswith("u4@example.net, and 2 more; see 'sendlimit suspensions'")
    assert "set for single mailboxes or domains: 1\n" in commands.stdout
    commands("status", "--json", *nowhere)
    assert len(commands.printed_json()["suspended"]) == 7


def test_no_database(commands: Commands, nowhere: tuple[str, str]) -> None:
    """Without the database the lines that need it say so, and the mode is the file's."""
    text = commands.config.read_text()
    commands.config.write_text(text.replace("/sendlimit.db", "/none.db"))
    assert commands("status", *nowhere) == 1
    lines = commands.stdout.splitlines()
    assert [line.split()[0] for line in lines] == _NAMES
    assert lines[2].startswith("mode:      enforce: mail is refused beyond 999 messages")
    assert {line[11:] for line in lines[3:]} == {"not known, see below"}
    assert "none.db: there is no such file: run 'sendlimit db init'" in commands.stderr


def test_doctor(commands: Commands, nowhere: tuple[str, str]) -> None:
    """What the doctor found at its last kept run is shown, errors by name, and in the JSON."""
    assert commands("doctor", "--keep", *nowhere) == 1
    assert "ok " not in commands.stdout
    commands("status", *nowhere)
    (line,) = [line for line in commands.stdout.splitlines() if line.startswith("doctor:")]
    assert line.startswith("doctor:    2026-11-22 12:30 errors: 2 (daemon (unix:")
    assert "postfix (" in line

    commands("status", "--json", *nowhere)
    record = commands.printed_json()["doctor"]
    assert record["at"] == "2026-11-22T11:30:00+00:00"
    assert {found["check"] for found in record["found"]} >= {"daemon", "postfix"}


def test_nagios(commands: Commands, nowhere: tuple[str, str]) -> None:
    """--nagios prints one line with performance data, also where no mail is limited."""
    commands.count(day("*", Scope.GLOBAL), 230)
    assert commands("status", "--nagios", *nowhere) == 2
    (line,) = commands.stdout.splitlines()
    assert line.startswith("SENDLIMIT CRITICAL: no daemon listens there")
    assert line.endswith(" | server_today=230;;999;0;999 near_limit=0;0;;0 suspended=0;0;;0")
    assert commands.stderr == ""


def test_nagios_with_a_wrong_file(commands: Commands) -> None:
    """A wrong configuration is the state unknown, on standard output as a monitor wants it."""
    commands.config.write_text("mode = 7\n")
    assert commands("status", "--nagios") == 3
    assert commands.stdout.startswith("SENDLIMIT UNKNOWN: ")
    assert "mode: is not one of the values allowed" in commands.stdout
