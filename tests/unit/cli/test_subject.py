"""What commands say of a subject beside its report."""

import pytest

from support.command_samples import ALICE, Commands, day


def test_no_subject(commands: Commands) -> None:
    """A text that names none is a wrong use of the command."""
    assert commands("show", " ") == 2
    assert commands.stderr.startswith("sendlimit: SUBJECT: ' ' names no one")


@pytest.mark.parametrize("is_counted", [True, False])
def test_never_counted(commands: Commands, *, is_counted: bool) -> None:
    """A name that may be mistyped is noted: no mail of it has been counted."""
    if is_counted:
        commands.count(day(ALICE), 1)
    assert commands("show", ALICE) == 0
    assert ("has been counted yet" in commands.stderr) is not is_counted
