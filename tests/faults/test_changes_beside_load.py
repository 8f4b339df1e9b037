"""A daemon that decides from memory: exact under load, whatever an admin changes beside it."""

import itertools
import json
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import median

import pytest
from bench import load

from support.rig.counters import Counters
from support.rig.daemon import CommandResult
from support.rig.lone_daemon import LoneDaemon, mailbox, wait_until_counted
from support.rig.process import running, wait_for

LIMIT = 1000
MAILS = 3000
CONNECTIONS = 50
ROUNDS = 20
RATE = 1000
"""Mails a second: slow enough that several commands run beside 3,000 mails."""
DEADLINE_S = 60
WRITTEN_S = 1.0
"""How long after the end of the load the database may lag: docs/operations.md."""
ALICE = "alice@example.org"
TAKEN = "SELECT `before` FROM er_change WHERE what = 'usage reset' AND subject = %s"


@pytest.fixture
def daemon(folder: Path, store: Counters) -> Iterator[LoneDaemon]:
    """A daemon that is alone, with a limit for each mailbox."""
    daemon = LoneDaemon(folder / "d", store.settings, {"mailbox": {"messages_per_day": LIMIT}})
    with running(daemon):
        daemon.wait_for_mode("memory")
        yield daemon
    assert not daemon.faults
    assert not daemon.lines("store-down|accepted-on-failure")


def command(daemon: LoneDaemon, *words: str) -> CommandResult:
    """Run a command that must succeed."""
    done = daemon.command(*words)
    assert done.exit_code == 0, done.stderr
    return done


def counts(store: Counters, subject: str) -> bool:
    """Tell whether a subject has sent anything."""
    return store.used(subject) > 0


def run_beside_changes(
    daemon: LoneDaemon, store: Counters, number: int, reset: str
) -> load.LoadResult:
    """Send 3,000 mails of one mailbox while its limit is set again, usage reset, the file loaded."""
    generator = daemon.load(
        seconds=DEADLINE_S, connections=CONNECTIONS, count=MAILS, rate=RATE,
        mailboxes=1, first_mailbox=number, domains=1,
    )  # fmt: skip
    set_again = ("limit", "set", mailbox(number), "mailbox.messages_per_day", str(LIMIT))
    wait_for(partial(counts, store, mailbox(number)), DEADLINE_S, "mails")
    for words in itertools.cycle([("usage", "reset", "--yes", reset), set_again]):
        command(daemon, *words)
        assert "config-loaded" in daemon.reload()
        if generator.poll() is not None:
            break
    return load.finish(generator, DEADLINE_S)


@pytest.mark.timeout(600)
def test_exact(daemon: LoneDaemon, store: Counters) -> None:
    """Twenty times: 1,000 of 3,000 pass, and 1 s after the last of them the database has 1,000."""
    for number in range(ROUNDS):
        result = run_beside_changes(daemon, store, number, ALICE)
        wait_until_counted(store, mailbox(number), LIMIT, WRITTEN_S)

        assert (result.accepted, result.refused) == (LIMIT, MAILS - LIMIT)
        assert (result.errors, result.unfinished) == (0, 0)
    assert store.used() == store.used("dom000.test") == ROUNDS * LIMIT
    assert daemon.mode == "memory"


@pytest.mark.parametrize("rounds", [1, pytest.param(10, marks=pytest.mark.soak)])
@pytest.mark.timeout(600)
def test_reset_under_load(daemon: LoneDaemon, store: Counters, rounds: int) -> None:
    """What `usage reset` took from the mailbox that sends, and what it has used, is what passed."""
    for number in range(rounds):
        result = run_beside_changes(daemon, store, number, mailbox(number))
        taken = sum(
            counter["used"]
            for (before,) in store.query(TAKEN, mailbox(number))
            for counter in json.loads(before)
            if counter["limit"] == "mailbox.messages_per_day"
        )
        assert taken > 0
        wait_until_counted(store, mailbox(number), result.accepted - taken, WRITTEN_S)
        assert result.accepted - taken <= LIMIT
        assert (result.errors, result.unfinished) == (0, 0)

        more = daemon.run_load(
            seconds=DEADLINE_S, connections=CONNECTIONS, count=LIMIT + 1,
            mailboxes=1, first_mailbox=number, domains=1,
        )  # fmt: skip
        assert result.accepted - taken + more.accepted == LIMIT


@pytest.mark.parametrize("times", [5, pytest.param(50, marks=pytest.mark.soak)])
@pytest.mark.timeout(300)
def test_holds_when_the_command_returns(daemon: LoneDaemon, times: int) -> None:
    """After `limit set X 0` the next mail is refused; after `usage reset` and `limit unset` the next one passes."""
    generator = daemon.load(seconds=DEADLINE_S * 4, count=10**6, rate=300, connections=10)
    try:
        for _ in range(times):
            command(daemon, "limit", "set", ALICE, "mailbox.messages_per_day", "0")
            assert not daemon.passes(ALICE)
            command(daemon, "limit", "set", ALICE, "mailbox.messages_per_day", "1")
            assert [daemon.passes(ALICE), daemon.passes(ALICE)] == [True, False]
            command(daemon, "usage", "reset", ALICE, "--yes")
            assert [daemon.passes(ALICE), daemon.passes(ALICE)] == [True, False]
            command(daemon, "limit", "unset", ALICE, "mailbox.messages_per_day")
            assert daemon.passes(ALICE)
            command(daemon, "usage", "reset", ALICE, "--yes")
    finally:
        generator.kill()
        generator.communicate()


def test_what_admins_see(daemon: LoneDaemon, store: Counters) -> None:
    """Tables, views and `show` are one flush behind the mail that was answered last."""
    lags = []
    for number in range(1, 21):
        assert daemon.passes(ALICE)
        answered = time.monotonic()
        wait_for(partial(views, store, number), WRITTEN_S, f"{number} in the view")
        lags.append(time.monotonic() - answered)
    assert median(lags) < WRITTEN_S / 2

    shown = json.loads(command(daemon, "show", "--json", ALICE).stdout)
    assert f'"used": {len(lags)}' in json.dumps(shown)


def views(store: Counters, number: int) -> bool:
    """Tell whether the mailbox has used so much by the view."""
    rows = store.query("SELECT used FROM er_mail_user_ratelimit WHERE mailbox = %s", ALICE)
    return [(number,)] == rows
