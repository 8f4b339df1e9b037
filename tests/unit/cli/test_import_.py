"""`sendlimit import`: its options, questions and errors; what is read is tested in onboarding."""

from pathlib import Path

import pytest

from support.command_samples import ALICE, Commands


@pytest.fixture
def limits(tmp_path: Path) -> str:
    """A file with one limit."""
    path = tmp_path / "limits.csv"
    path.write_text(f"mailbox,limit\n{ALICE},5\n")
    return str(path)


def test_shape(commands: Commands, limits: str) -> None:
    """The JSON has what is set beside what is in force; --dry-run sets nothing."""
    found = commands.json("import", "csv", limits, "--dry-run")

    assert list(found) == [
        "source", "changes", "kept", "unchanged", "left_out", "different", "applied",
    ]  # fmt: skip
    assert found["changes"] == [
        {
            "subject": ALICE,
            "limit": "mailbox.messages_per_day",
            "max": 5,
            "max_before": 200,
            "origin_before": "file",
            "override_before": None,
        }
    ]
    assert (found["applied"], commands.rows("er_limit")) == (False, 0)


def test_replace(commands: Commands, limits: str) -> None:
    """An override with another value is kept, unless it is to be replaced."""
    commands("limit", "set", ALICE, "mailbox.messages_per_day", "9")

    assert len(commands.json("import", "csv", limits, "--yes")["kept"]) == 1
    assert len(commands.json("import", "csv", limits, "--yes", "--replace")["changes"]) == 1
    assert commands("import", "csv", limits, "--yes") == 0
    assert "limits that are set like this already: 1\nthere is nothing to set" in commands.stderr


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("csv", "FILE"), 1, "nobody can be asked here, so say --yes"),
        (("csv", "FILE", "--json"), 2, "--json does not ask: say --yes or --dry-run, too"),
        (("csv", "FILE", "--limit", "domain.messages_per_day"), 2, "is not a limit of a mailbox"),
        (("csv", "/nowhere.csv"), 1, "/nowhere.csv: No such file or directory"),
        (("iredapd", "--from-url", "x"), 2, "Invalid value for --from-url: "),
        (("iredapd",), 2, "Missing option '--from-url'"),
        (("policyd-rate-guard", "--from-url", "sqlite:///nowhere.db"), 1, "nowhere.db"),
    ],
)
def test_refused(
    commands: Commands, limits: str, words: tuple[str, ...], code: int, sentence: str
) -> None:
    """What is missing or wrong is a sentence, and nothing is set."""
    given = [limits if word == "FILE" else word for word in words]
    assert commands("import", *given) == code
    assert sentence in commands.stderr
    assert commands.rows("er_limit") == 0


def test_not_utf8(commands: Commands, tmp_path: Path) -> None:
    """A file in another encoding is refused with the byte."""
    path = tmp_path / "limits.csv"
    path.write_bytes(b"j\xfcrgen@example.org,5\n")
    assert commands("import", "csv", str(path), "--yes") == 1
    assert f"{path}: is not UTF-8: invalid start byte at byte 1" in commands.stderr
