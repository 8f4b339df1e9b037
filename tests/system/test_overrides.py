"""Overrides in the database hold from the next mail on, also on a connection that is open."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from support.rig.configuration import configuration
from support.rig.counters import Counters
from support.rig.daemon import Sendlimit
from support.rig.mailboxes import FreshDomain
from support.rig.postfix import PrivatePostfix
from support.rig.process import running, wait_for
from support.rig.smtp import SmtpClient

pytestmark = pytest.mark.postfix

ELSEWHERE = "someone@example.com"
SEEN_S = 10
"""Far more than the second after which a daemon that decides from memory has seen a row."""


@pytest.fixture
def daemon(folder: Path, postfix: PrivatePostfix, store: Counters) -> Iterator[Sendlimit]:
    """A daemon that lets every mailbox send two mails a day and knows no limit on recipients."""
    settings = configuration(
        folder, postfix.milter_socket, store.settings, limits={"mailbox": {"messages_per_day": 2}}
    )
    with running(Sendlimit(folder, settings)) as daemon:
        yield daemon


@pytest.fixture
def client(daemon: Sendlimit, postfix: PrivatePostfix, domain: FreshDomain) -> Iterator[SmtpClient]:
    """A connection that stays open while limits change."""
    assert daemon.process.is_running
    with SmtpClient(postfix.submission_port, domain.alice) as client:
        yield client


def run(daemon: Sendlimit, *words: str) -> None:
    """Run a command that must succeed."""
    done = daemon.command(*words)
    assert done.exit_code == 0, done.stderr


def refuses(client: SmtpClient) -> bool:
    """Begin a mail and give it up; tell whether it was refused at MAIL."""
    is_refused = not client.mail("me@example.org").is_ok
    client.rset()
    return is_refused


def send(client: SmtpClient, recipients: int = 1) -> int:
    """Send a mail; return the code of the last reply."""
    reply = client.send_mail("me@example.org", [f"r{n}@example.com" for n in range(recipients)])
    if reply.stage == "RCPT":
        client.rset()
    return reply.code


def test_limit_set(daemon: Sendlimit, client: SmtpClient, domain: FreshDomain) -> None:
    """`limit set` and `limit unset` hold at the next MAIL; more specific beats less (R10)."""
    assert [send(client) for _ in range(3)] == [250, 250, 450]
    run(daemon, "limit", "set", domain.alice, "mailbox.messages_per_day", "3")
    assert [send(client) for _ in range(2)] == [250, 450]
    run(daemon, "limit", "set", domain.name, "mailbox.messages_per_day", "unlimited")
    assert send(client) == 450
    run(daemon, "limit", "unset", domain.alice, "mailbox.messages_per_day")
    assert [send(client) for _ in range(2)] == [250, 250]
    run(daemon, "limit", "set", domain.name, "domain.messages_per_day", "5")
    assert send(client) == 450


def test_boost(daemon: Sendlimit, client: SmtpClient, domain: FreshDomain, store: Counters) -> None:
    """A boost beats a lasting override while it is valid, and ends by itself."""
    assert [send(client) for _ in range(3)] == [250, 250, 450]
    later = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%d %H:%M")
    run(daemon, "limit", "set", domain.alice, "mailbox.messages_per_day", "1")
    run(daemon, "limit", "set", domain.alice, "mailbox.messages_per_day", "4", "--until", later)
    assert [send(client) for _ in range(3)] == [250, 250, 450]

    soon = (datetime.now(UTC) + timedelta(seconds=2)).strftime("%Y-%m-%d %H:%M:%S")
    store.query("UPDATE er_limit SET max = 100, valid_until = %s WHERE max = 4", soon)
    wait_for(lambda: send(client) == 450, 20, "end of the boost")


def test_row_by_sql(client: SmtpClient, domain: FreshDomain, store: Counters) -> None:
    """A row that an admin writes with plain SQL holds a second later, unsaid columns and all.

    One that allows more than before holds at the next MAIL.
    """
    assert send(client) == 250
    insert = (
        "INSERT INTO er_limit (subject, scope, unit, `window`, max)"
        " VALUES (%s, 'mailbox', 'messages', 'day', %s)"
    )
    store.query(insert, domain.name, 1)
    wait_for(lambda: refuses(client), SEEN_S, "a refusal")
    store.query(insert, domain.alice, None)
    assert send(client) == 250
    store.query("DELETE FROM er_limit WHERE subject = %s", domain.alice)
    wait_for(lambda: refuses(client), SEEN_S, "a refusal")


def test_global_by_sql(client: SmtpClient, store: Counters) -> None:
    """A row for everyone stops the whole server a second later."""
    assert send(client) == 250
    store.query(
        "INSERT INTO er_limit (subject, scope, unit, `window`, max)"
        " VALUES ('*', 'global', 'messages', 'day', 0)"
    )
    wait_for(lambda: refuses(client), SEEN_S, "a refusal")


def test_hour_that_was_not_counted(
    daemon: Sendlimit, client: SmtpClient, domain: FreshDomain, store: Counters
) -> None:
    """A limit on a window that was not limited before counts from then on, exactly."""
    assert send(client) == 250
    run(daemon, "limit", "set", domain.alice, "mailbox.messages_per_month", "1")
    assert [send(client), send(client)] == [250, 450]
    store.wait_until_used(domain.alice, 1, window="month")
    store.wait_until_used(domain.alice, 2)


def test_recipients_of_a_message(
    daemon: Sendlimit, client: SmtpClient, domain: FreshDomain, store: Counters
) -> None:
    """recipients_per_message set in the database holds for the next mail of an open connection."""
    assert send(client, recipients=4) == 250
    run(daemon, "limit", "set", domain.alice, "mailbox.recipients_per_message", "3")

    assert send(client, recipients=4) == 450
    assert send(client, recipients=3) == 250
    store.wait_until_used(domain.alice, 2)


def test_recipients_of_a_day(
    daemon: Sendlimit, client: SmtpClient, domain: FreshDomain, store: Counters
) -> None:
    """A limit on recipients set in the database holds for the next mail of an open connection."""
    run(daemon, "limit", "set", domain.alice, "mailbox.messages_per_day", "unlimited")
    assert send(client, recipients=5) == 250
    run(daemon, "limit", "set", domain.alice, "mailbox.recipients_per_day", "4")

    assert [send(client, recipients=n) for n in (5, 3, 2, 1)] == [450, 250, 450, 250]
    assert send(client) == 450
    store.wait_until_used(domain.alice, 4, unit="recipients")
    store.wait_until_used(domain.alice, 3)


def test_usage_reset(
    daemon: Sendlimit, client: SmtpClient, domain: FreshDomain, store: Counters
) -> None:
    """`usage reset` gives back what the mailbox has used, at once."""
    assert [send(client) for _ in range(3)] == [250, 250, 450]
    run(daemon, "usage", "reset", domain.alice, "--yes")
    assert store.used(domain.alice) == 0
    assert [send(client) for _ in range(3)] == [250, 250, 450]
