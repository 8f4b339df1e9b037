"""A daemon that decides from memory is suspended, its lease edited, its database restored."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench import load

from support.rig.counters import Counters, in_mariadb
from support.rig.lone_daemon import LoneDaemon, mailbox, wait_until_counted
from support.rig.mariadb import Database, PrivateMariaDB
from support.rig.process import running, wait_for

pytestmark = [pytest.mark.mariadb, pytest.mark.timeout(300)]

LIMIT = 600
DEADLINE_S = 60
SETTLES_S = 20
ALICE = "alice@example.org"
LEASE_S = 3.0
"""For which a flush lets the daemon grant."""


@pytest.fixture
def store(mariadb: PrivateMariaDB, database: Database) -> Counters:
    """Empty tables in the shared MariaDB."""
    return in_mariadb(mariadb, database)


@pytest.fixture
def on_failure() -> str:
    """What happens to mail that can't be decided."""
    return "accept"


@pytest.fixture
def daemon(folder: Path, store: Counters, on_failure: str) -> Iterator[LoneDaemon]:
    """A daemon that is alone, with a limit for each mailbox."""
    settings = {**store.settings, "on_failure": on_failure}
    daemon = LoneDaemon(folder / "d", settings, {"mailbox": {"messages_per_day": LIMIT}})
    with running(daemon):
        daemon.wait_for_mode("memory")
        yield daemon
    assert not daemon.faults


def test_suspended(daemon: LoneDaemon, store: Counters) -> None:
    """Stopped under load for longer than the lease lasts: then it is alone again, exact to the mail."""
    generator = daemon.load(
        seconds=DEADLINE_S, connections=50, rate=100, count=LIMIT + 100, mailboxes=1, domains=1
    )
    wait_for(lambda: store.used() > LIMIT // 10, DEADLINE_S, "some mails")
    frozen = time.monotonic()
    daemon.process.freeze()
    wait_for(lambda: time.monotonic() > frozen + LEASE_S + 1, LEASE_S + 2, "its sleep")
    daemon.process.thaw()
    result = load.finish(generator, DEADLINE_S)

    assert (result.accepted, result.refused, result.errors) == (LIMIT, 100, 0)
    wait_until_counted(store, mailbox(0), LIMIT, SETTLES_S)
    assert daemon.mode == "memory"
    assert not daemon.lines("accepted-on-failure")


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE er_lease SET holder = ''",
        "UPDATE er_lease SET beat = beat + 5",
        "UPDATE er_lease SET beat = 0, seen_change = 0",
        "DELETE FROM er_daemon",
        "DELETE FROM er_committer",
    ],
)
def test_edited(daemon: LoneDaemon, store: Counters, edit: str) -> None:
    """An edit of the daemons' rows under load is put right within a moment: exact all the time."""
    result = load_beside(daemon, store, edit)

    assert (result.accepted, result.refused, result.errors) == (LIMIT, 100, 0)
    wait_until_counted(store, mailbox(0), LIMIT, SETTLES_S)
    daemon.wait_for_mode("memory")
    assert not daemon.passes(mailbox(0))


@pytest.mark.parametrize("edit", ["UPDATE er_lease SET holder = 'other'", "DELETE FROM er_lease"])
def test_taken_away(daemon: LoneDaemon, store: Counters, edit: str) -> None:
    """A holder that is made up, or none: some seconds of an outage, in which mail is counted.

    Whether another daemon lives shows only when its beat has stood still for 4 s.
    """
    result = load_beside(daemon, store, edit)

    assert (result.errors, result.unfinished) == (0, 0)
    wait_until_counted(store, mailbox(0), result.accepted, SETTLES_S)
    daemon.wait_for_mode("memory")
    assert len(daemon.lines("accepted-on-failure")) >= result.accepted - LIMIT
    assert [daemon.passes(ALICE), daemon.passes(mailbox(0))] == [True, result.accepted < LIMIT]


def load_beside(daemon: LoneDaemon, store: Counters, edit: str) -> load.LoadResult:
    """Send 700 mails of one mailbox; edit after some of them."""
    generator = daemon.load(
        seconds=DEADLINE_S, connections=20, rate=350, count=LIMIT + 100, mailboxes=1, domains=1
    )
    wait_for(lambda: store.used() > LIMIT // 10, DEADLINE_S, "some mails")
    store.query(edit)
    return load.finish(generator, DEADLINE_S)


@pytest.mark.parametrize("on_failure", ["tempfail"])
def test_restored(
    daemon: LoneDaemon, store: Counters, mariadb: PrivateMariaDB, database: Database
) -> None:
    """A dump of an hour ago is restored under the daemon: what was counted since is lost, no more.

    What it restores decides a few seconds later; a limit that the dump does not have ends as well.
    What is not decided meanwhile is refused here, so that each mail that passes was decided.
    """
    tables = ["--no-defaults", "--skip-ssl", f"--socket={mariadb.socket}", "--user=root"]
    assert daemon.run_load(seconds=DEADLINE_S, count=400, mailboxes=1, domains=1).accepted == 400
    wait_until_counted(store, "*", 400, SETTLES_S)
    dump = subprocess.run(
        ["mariadb-dump", *tables, database.name], capture_output=True, check=True, timeout=60
    ).stdout
    assert daemon.run_load(seconds=DEADLINE_S, count=300, mailboxes=1, domains=1).accepted == 200
    done = daemon.command("limit", "set", ALICE, "mailbox.messages_per_day", "0")
    assert done.exit_code == 0, done.stderr
    assert not daemon.passes(ALICE)

    def is_restored() -> bool:
        restored = subprocess.run(
            ["mariadb", *tables, database.name], input=dump, check=False, timeout=60
        )
        return restored.returncode == 0  # else the daemon has made its row of er_lease first

    wait_for(is_restored, DEADLINE_S, "the dump restored")

    wait_for(lambda: daemon.passes(mailbox(0)), SETTLES_S, "what was lost may be sent again")
    wait_for(lambda: daemon.passes(ALICE), SETTLES_S, "the end of a limit that is lost")
    rest = daemon.run_load(seconds=DEADLINE_S, count=300, mailboxes=1, domains=1)
    assert rest.accepted == LIMIT - 400 - 1
    wait_until_counted(store, mailbox(0), LIMIT, SETTLES_S)
    daemon.wait_for_mode("memory")
