"""iRedAPD's rows as settings, and what has no place here."""

from collections.abc import Mapping

import pytest

from sendlimit.errors import SendlimitError
from sendlimit.onboarding.foreign_limits import ImportNote
from sendlimit.onboarding.iredapd import read
from support.counting_samples import setting

ALICE = "alice@example.org"
A_DAY = "mailbox.recipients_per_day"
AN_HOUR = "mailbox.recipients_per_hour"
ONE_MAIL = "mailbox.recipients_per_message"


def row(account: str, max_msgs: int = -1, period: int = 86400, **more: object) -> dict[str, object]:
    """Return a row of `throttle`, with the defaults of its columns."""
    return {
        "id": 1, "account": account, "kind": "outbound", "priority": 0, "period": period,
        "msg_size": -1, "max_msgs": max_msgs, "max_quota": -1, "max_rcpts": -1,
    } | more  # fmt: skip


@pytest.mark.parametrize(
    ("account", "subject"),
    [
        pytest.param("Alice@Example.org", ALICE, id="mailbox"),
        pytest.param("@Example.org", "example.org", id="domain"),
        pytest.param("@.", "*", id="everyone"),
    ],
)
def test_accounts(account: str, subject: str) -> None:
    """An account is a mailbox, each mailbox of a domain, or everyone's."""
    assert read([row(account, 50)]).settings == (setting(subject, A_DAY, 50),)


@pytest.mark.parametrize(
    ("period", "window"),
    [(60, "minute"), (3600, "hour"), (86400, "day"), (28 * 86400, "month"), (31 * 86400, "month")],
)
def test_windows(period: int, window: str) -> None:
    """A period that is a minute, an hour, a day or a month becomes the calendar's, and it says so."""
    found = read([row(ALICE, 50, period)])

    assert found.settings == (setting(ALICE, f"mailbox.recipients_per_{window}", 50),)
    assert found.left_out == ()
    reasons = [note.reason for note in found.different]
    assert reasons[0] == f"the period began with its first mail; here it is the calendar's {window}"
    months = [f"{period // 86400} days become the calendar month"] if window == "month" else []
    assert reasons[1:] == months


def test_unlimited_and_inherited() -> None:
    """0 is unlimited; -1 sets nothing; max_rcpts is the limit of one mail."""
    found = read([row(ALICE, 0, max_rcpts=12), row("@example.net"), row("@.", max_rcpts=0)])

    assert found.settings == (
        setting("*", ONE_MAIL, None),
        setting(ALICE, A_DAY, None),
        setting(ALICE, ONE_MAIL, 12),
    )
    assert (found.left_out, found.different) == ((), ())


def test_one_row_decides_alone() -> None:
    """IRedAPD asks the most specific row only: windows of the levels above are lifted for it."""
    found = read([row(ALICE, 500), row("@example.org", 50, 3600), row("@.", 5, 60)])

    assert found.settings == (
        setting("*", "mailbox.recipients_per_minute", 5),
        setting(ALICE, A_DAY, 500),
        setting(ALICE, AN_HOUR, None),
        setting(ALICE, "mailbox.recipients_per_minute", None),
        setting("example.org", AN_HOUR, 50),
        setting("example.org", "mailbox.recipients_per_minute", None),
    )


def test_same_window_is_not_lifted() -> None:
    """Where the level above has the same window, the own limit is all that is needed."""
    found = read([row(ALICE, 500), row("@example.org", 50), row("@.", 0, 3600)])

    assert [(one.subject, str(one.name), one.max) for one in found.settings] == [
        ("*", AN_HOUR, None),
        (ALICE, A_DAY, 500),
        ("example.org", A_DAY, 50),
    ]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (row("192.0.2.7", 5), "is about a client's IP address: only logins are counted"),
        (row("192.0.2.*", 5), "is about a client's IP address: only logins are counted"),
        (row("@ip", 5), "is about a client's IP address: only logins are counted"),
        (
            row("@.example.org", 5),
            "is about all subdomains of a domain: a limit is for one domain",
        ),
        (row("@org", 5), "is about a top-level domain: a limit is for one domain"),
        (row("info@*", 5), "is about one name in all domains: a limit is for one mailbox"),
        (row(ALICE, 5, 0), "has period 0: iRedAPD ignores it, too"),
        (
            row(ALICE, 5, kind="inbound"),
            "has kind 'inbound': only mail of logged-in users is counted",
        ),
        (
            row(ALICE, 5, kind="external"),
            "has kind 'external': only mail of logged-in users is counted",
        ),
        (
            row(ALICE, 5, 360),
            "'max_msgs' in a period of 360 s: allowed are a minute (60), an hour (3600), a day (86400) and a month (2592000)",
        ),
        (
            row(ALICE, msg_size=1000),
            "'msg_size' limits the size of a mail: Postfix does, with message_size_limit",
        ),
        (
            row(ALICE, max_quota=1000),
            "'max_quota' limits bytes: only messages and recipients are counted",
        ),
    ],
)
def test_left_out(given: Mapping[str, object], reason: str) -> None:
    """What has no place here is left out, with the reason and the account."""
    found = read([given])

    assert (found.settings, found.different) == ((), ())
    assert found.left_out == (ImportNote(reason, (str(given["account"]),)),)


def test_row_in_parts() -> None:
    """Of a row whose period is none of ours, the limit of one mail is taken all the same."""
    found = read([row(ALICE, 5, 360, max_rcpts=9), row("@.", 50, 3600)])

    assert found.settings == (setting("*", AN_HOUR, 50), setting(ALICE, ONE_MAIL, 9))
    assert [note.subjects for note in found.left_out] == [(ALICE,)]


def test_priority() -> None:
    """A row that went behind a less specific one by its priority is named."""
    found = read([row(ALICE, 5, priority=10), row("@.", 50, priority=20)])

    priorities = [note for note in found.different if "priority" in note.reason]
    assert [note.subjects for note in priorities] == [(ALICE,)]
    found = read([row(ALICE, 5, priority=100), row("@.", 50, priority=0)])
    assert not any("priority" in note.reason for note in found.different)


def test_older_table() -> None:
    """Before iRedAPD 5.0 there was no max_rcpts; other columns must be there."""
    old = row(ALICE, 5)
    del old["max_rcpts"]
    assert read([old]).settings == (setting(ALICE, A_DAY, 5),)
    with pytest.raises(SendlimitError, match="no column account: it has id, sender"):
        read([{"id": 1, "sender": ALICE}])
    with pytest.raises(SendlimitError, match="column period has None, which is not a whole"):
        read([row(ALICE, 5) | {"period": None}])
