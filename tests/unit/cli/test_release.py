"""`sendlimit release`."""

from support.command_samples import ALICE, Commands


def test_shape(commands: Commands) -> None:
    """What was suspended is printed; a second time there is nothing to release."""
    commands("suspend", ALICE, "--reason", "stolen")
    found = commands.json("release", ALICE)
    assert [(one["subject"], one["reason"]) for one in found] == [(ALICE, "stolen")]

    assert commands("release", ALICE) == 1
    assert "mailbox alice@example.org is not suspended; see 'sendlimit suspensions'" in commands.stderr  # fmt: skip
    assert commands.rows("er_limit") == 0


def test_limits_stay(commands: Commands) -> None:
    """An override or a boost of the mailbox is no suspension."""
    commands("limit", "set", ALICE, "mailbox.recipients_per_message", "0")
    assert commands("release", ALICE) == 1
    assert commands.rows("er_limit") == 1


def test_a_suspended_domain(commands: Commands) -> None:
    """A mailbox whose domain is suspended as well goes on being refused, and that is said."""
    commands("suspend", "example.org")
    commands("suspend", ALICE)
    assert commands.lines("release", ALICE) == ["mailbox alice@example.org: released"]
    assert commands.stderr == "example.org is suspended as well: release it, too\n"
