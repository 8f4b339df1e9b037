"""policyd-rate-guard's rows as settings."""

from sendlimit.onboarding.foreign_limits import ImportNote
from sendlimit.onboarding.policyd_rate_guard import read, usual_quota
from support.counting_samples import setting

ALICE = "alice@example.org"
A_DAY = "mailbox.recipients_per_day"
_TODAY = "'quota' differs from 'quota_reset' for today only: use 'limit set --until'"


def row(sender: str, quota: int, quota_reset: int, quota_locked: int = 0) -> dict[str, object]:
    """Return a row of `ratelimits`."""
    return {
        "id": 7, "sender": sender, "quota": quota, "quota_reset": quota_reset,
        "quota_locked": quota_locked, "msg_counter": 3, "rcpt_counter": 4,
    }  # fmt: skip


def test_rows() -> None:
    """A row is the recipients a day of a login; one without a domain gets the default domain."""
    found = read([row("Alice@Example.org", 500, 500), row("bob", 0, 0)], "example.net")

    assert found.settings == (setting(ALICE, A_DAY, 500), setting("bob@example.net", A_DAY, 0))
    assert found.left_out == ()
    (different,) = found.different
    assert different.subjects == (ALICE, "bob@example.net")


def test_raised_for_today() -> None:
    """The lasting quota is quota_reset, unless it is locked: then the nightly job leaves quota."""
    found = read([row(ALICE, 900, 500), row("bob@example.org", 900, 500, 1)], "")

    assert found.settings == (setting(ALICE, A_DAY, 500), setting("bob@example.org", A_DAY, 900))
    assert found.left_out == (ImportNote(_TODAY, (ALICE,)),)


def test_default() -> None:
    """With the default quota it is set for everyone, and those who have it get none."""
    rows = [row(ALICE, 1000, 1000), row("bob@example.org", 900, 1000), row("c@example.org", 5, 5)]
    found = read(rows, "", 1000)

    assert found.settings == (setting("*", A_DAY, 1000), setting("c@example.org", A_DAY, 5))
    assert found.left_out == (ImportNote(_TODAY, ("bob@example.org",)),)


def test_without_sender() -> None:
    """A row without a sender is left out."""
    found = read([row(" ", 5, 5)], "")

    assert found.settings == ()
    assert found.left_out == (ImportNote("has no sender", ("id 7",)),)


def test_usual_quota() -> None:
    """The quota of more than half of the rows is the usual one; one row is no habit."""
    rows = [row(f"{number}@example.org", 1000, 1000) for number in range(2)]
    assert usual_quota(read(rows, "")) == 1000
    assert usual_quota(read([*rows, row("x@example.org", 5, 5)], "")) == 1000
    others = [row("x@example.org", 5, 5), row("y@example.org", 6, 6)]
    assert usual_quota(read([*rows, *others], "")) is None
    assert usual_quota(read(rows[:1], "")) is None
    assert usual_quota(read([], "")) is None
