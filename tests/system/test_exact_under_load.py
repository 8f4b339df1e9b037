"""Under load a limit lets through exactly what it says, however many ask."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from bench import load

from support.rig.configuration import configuration
from support.rig.counters import Counters, in_mariadb
from support.rig.daemon import Sendlimit
from support.rig.mailboxes import FreshDomain
from support.rig.mariadb import Database, PrivateMariaDB
from support.rig.postfix import PrivatePostfix
from support.rig.process import running
from support.rig.smtp import many_mails

LIMIT = 1000
MAILS = 3000
CONNECTIONS = 50
DEADLINE_S = 90
MAILBOX = "mbox000000@dom000.test"
"""The load generator's first mailbox."""


@pytest.mark.postfix
def test_over_postfix(
    folder: Path, postfix: PrivatePostfix, domain: FreshDomain, store: Counters
) -> None:
    """50 clients at once over Postfix: the limit and not one mail more; the others are refused."""
    settings = configuration(
        folder,
        postfix.milter_socket,
        store.settings,
        limits={"mailbox": {"messages_per_day": LIMIT}},
        log={"level": "warning"},
    )
    with running(Sendlimit(folder, settings)):
        outcomes = many_mails(MAILS, CONNECTIONS, postfix.submission_port, domain.alice)

    assert outcomes == {"250 2.0.0": LIMIT, "450 4.7.1": MAILS - LIMIT}
    assert store.used(domain.alice) == LIMIT
    assert store.used() == LIMIT


def test_of_one_daemon(folder: Path, store: Counters) -> None:
    """50 connections, limit 1000, 3000 mails of one mailbox: exactly 1000 are let through."""
    with daemon_at(folder, "one", store) as socket:
        result = load.run(
            f"unix:{socket}", seconds=DEADLINE_S, connections=CONNECTIONS, count=MAILS, mailboxes=1
        )

    assert (result.accepted, result.refused) == (LIMIT, MAILS - LIMIT)
    assert (result.errors, result.unfinished) == (0, 0)
    assert [store.used(subject) for subject in (MAILBOX, "dom000.test", "*")] == [LIMIT] * 3


def test_with_endings(folder: Path, store: Counters) -> None:
    """Mails that are given up make room for others, and never too much."""
    with daemon_at(folder, "one", store) as socket:
        result = load.run(
            f"unix:{socket}",
            seconds=DEADLINE_S,
            connections=CONNECTIONS,
            count=MAILS,
            mailboxes=1,
            endings="2,1,1",
            mails_per_connection=5,
        )

    assert (result.errors, result.unfinished) == (0, 0)
    assert result.accepted + result.refused == MAILS
    assert result.endings["eom"] <= LIMIT
    assert store.used(MAILBOX) == store.used() == result.endings["eom"]


@pytest.mark.mariadb
def test_of_three_daemons(folder: Path, mariadb: PrivateMariaDB, database: Database) -> None:
    """Three daemons on one database let exactly 1000 through together, of 3000."""
    store = in_mariadb(mariadb, database)
    with ExitStack() as stack:
        sockets = [
            stack.enter_context(daemon_at(folder, name, store)) for name in ("one", "two", "three")
        ]
        generators = [
            load.start(
                f"unix:{socket}",
                load.options(
                    seconds=DEADLINE_S, connections=CONNECTIONS, count=MAILS // 3, mailboxes=1
                ),
            )
            for socket in sockets
        ]
        results = [load.finish(generator, DEADLINE_S * 2) for generator in generators]

    assert sum(result.accepted for result in results) == LIMIT
    assert sum(result.refused for result in results) == MAILS - LIMIT
    assert all(result.errors == result.unfinished == 0 for result in results)
    assert [store.used(subject) for subject in (MAILBOX, "dom000.test", "*")] == [LIMIT] * 3


@contextmanager
def daemon_at(folder: Path, name: str, store: Counters) -> Iterator[Path]:
    """Run a daemon with a socket of its own, which is given."""
    socket = folder / f"{name}.sock"
    settings = configuration(
        folder / name,
        socket,
        store.settings,
        limits={"mailbox": {"messages_per_day": LIMIT}},
        log={"level": "warning"},
    )
    with running(Sendlimit(folder / name, settings)):
        yield socket
