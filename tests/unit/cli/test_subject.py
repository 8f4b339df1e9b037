"""SUBJECT on the command line: as in the file, and as it has been counted."""

import click
import pytest

from sendlimit.cli.subject import subject_from
from sendlimit.rules.limit import Scope
from support.command_samples import ALICE, Commands, day


@pytest.mark.parametrize(
    ("text", "scope", "key"),
    [
        ("global", Scope.GLOBAL, "*"),
        (ALICE.upper(), Scope.MAILBOX, ALICE),
        ("Example.org", Scope.DOMAIN, "example.org"),
        ("counted.login", Scope.MAILBOX, "counted.login@example.net"),
        ("intranet", Scope.DOMAIN, "intranet"),
        ("other", Scope.MAILBOX, "other@example.net"),
    ],
)
def test_subject(commands: Commands, text: str, scope: Scope, key: str) -> None:
    """A name without "@" that has been counted is what it was counted as."""
    commands.count(day("counted.login"), 1)
    commands.count(day("intranet", Scope.DOMAIN), 1)
    assert commands.tables is not None

    subject = subject_from(text, commands.tables, "example.net")

    assert (subject.scope, subject.key) == (scope, key)


def test_no_subject(commands: Commands) -> None:
    """A text that names none is an error of the command."""
    assert commands.tables is not None
    with pytest.raises(click.UsageError, match=r"^SUBJECT: ' ' names no one"):
        subject_from(" ", commands.tables, "")
