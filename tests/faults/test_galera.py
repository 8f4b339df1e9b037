"""Three daemons on a Galera cluster of three nodes: exact, also when a node dies under load."""

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from bench import load

from support.rig.clock import SettableClock
from support.rig.configuration import configuration
from support.rig.counters import Counters, in_mariadb
from support.rig.daemon import Sendlimit
from support.rig.galera import PrivateGalera
from support.rig.milter_client import MilterClient
from support.rig.process import private_folder, running, wait_for

pytestmark = [pytest.mark.mariadb, pytest.mark.timeout(240)]

DECISION_TIMEOUT_S = 2.0
ENOUGH_S = 60
MAILBOX = "mbox000000@dom000.test"
"""The load generator's first mailbox."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[PrivateGalera]:
    """A running cluster; each test leaves all its nodes running."""
    with private_folder("galera") as folder:
        cluster = PrivateGalera(folder)
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()


@pytest.fixture
def stores(cluster: PrivateGalera, request: pytest.FixtureRequest) -> list[Counters]:
    """Empty tables, as each node has them; every store names all nodes in the same order."""
    name = re.sub(r"\W+", "_", request.node.name)
    first = cluster.nodes[0]
    database = first.create_database(name, name[:32], "secret")
    made = in_mariadb(first, database)
    hosts = ",".join(f"127.0.0.1:{node.port}" for node in cluster.nodes)
    settings = {**made.settings, "url": f"mariadb://{database.user}@{hosts}/{name}"}
    return [
        Counters(
            settings,
            lambda sql, *params, node=node: node.query(sql, params, database=name),
        )
        for node in cluster.nodes
    ]


@pytest.fixture
def apart(stores: Sequence[Counters]) -> list[Counters]:
    """The same tables; every store names the node of its own alone."""
    hosts = re.compile(r"@([^/]*)/")
    made = []
    for number, store in enumerate(stores):
        url = store.settings["url"]
        found = hosts.search(url)
        assert found is not None
        own = found[1].split(",")[number]
        made.append(Counters({**store.settings, "url": hosts.sub(f"@{own}/", url)}, store.query))
    return made


@contextmanager
def three_daemons(
    folder: Path,
    stores: Sequence[Counters],
    limits: Mapping[str, int],
    env: Mapping[str, str] | None = None,
) -> Iterator[list[Sendlimit]]:
    """Run a daemon for each store, with a socket `milter.sock` in a folder of its own.

    Args:
        folder: for the daemons' folders.
        stores: where each counts.
        limits: of each mailbox.
        env: variables set for the daemons.
    """
    with ExitStack() as stack:
        daemons = []
        for number, store in enumerate(stores):
            place = folder / f"daemon{number}"
            settings = configuration(
                place,
                place / "milter.sock",
                {**store.settings, "decision_timeout_s": DECISION_TIMEOUT_S},
                limits={"mailbox": limits},
                log={"level": "info"},
            )
            daemons.append(stack.enter_context(running(Sendlimit(place, settings, env))))
        yield daemons


@contextmanager
def loaded(daemons: Sequence[Sendlimit], **options: float | str) -> Iterator[list[load.LoadResult]]:
    """Put load on all daemons while the block runs; the results are there at its end."""
    words = load.options(mailboxes=1, **options)
    generators = [
        load.start(f"unix:{daemon.config_file.parent}/milter.sock", words) for daemon in daemons
    ]
    results: list[load.LoadResult] = []
    try:
        yield results
        results += [load.finish(generator, 2 * ENOUGH_S) for generator in generators]
    finally:
        for generator in generators:
            generator.kill()


def report(
    capsys: pytest.CaptureFixture[str],
    daemons: Sequence[Sendlimit],
    results: Sequence[load.LoadResult],
) -> None:
    """Print the longest stall and how often a batch was done again."""
    stall_s = max(result.max_us for result in results) / 1e6
    retries = sum(len(daemon.lines("batch-retried")) for daemon in daemons)
    undecided = sum(len(daemon.lines("accepted-on-failure")) for daemon in daemons)
    with capsys.disabled():
        sys.stdout.write(
            f"\n  {sum(result.decisions for result in results)} decisions, longest wait"
            f" {stall_s:.2f} s, {retries} batches done again, {undecided} accepted undecided\n"
        )


def test_first_node_killed(
    folder: Path,
    cluster: PrivateGalera,
    stores: list[Counters],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """All daemons use the first node; it is killed under load and comes back.

    No client sees an error, no mail waits longer than decision_timeout_s and a second, and every
    accepted mail is counted once, on every node.
    """
    with three_daemons(folder, stores, {"messages_per_day": 10**6}) as daemons:
        with loaded(
            daemons, seconds=20, connections=10, rate=100, endings="4,1,1", mails_per_connection=5
        ) as results:
            wait_for(lambda: stores[0].used() > 50, ENOUGH_S, "mails counted")
            cluster.nodes[0].kill()
            seen = stores[1].used()
            wait_for(lambda: stores[1].used() > seen + 50, ENOUGH_S, "mails counted elsewhere")
            cluster.start_again(0)
        report(capsys, daemons, results)

        assert sum(result.errors + result.refused + result.unfinished for result in results) == 0
        assert max(result.max_us for result in results) < (DECISION_TIMEOUT_S + 1) * 1e6
        accepted = sum(result.endings["eom"] for result in results)
        for store in stores:
            store.wait_until_used(MAILBOX, accepted)
            store.wait_until_used("*", accepted, window="ever")


@pytest.mark.parametrize("window", ["day", "rolling_hour"])
def test_three_writers(
    folder: Path,
    apart: Sequence[Counters],
    capsys: pytest.CaptureFixture[str],
    window: str,
) -> None:
    """Each daemon writes to a node of its own: the limit is exact to the mail all the same."""
    limit, mails = 300, 300
    with three_daemons(folder, apart, {f"messages_per_{window}": limit}) as daemons:
        with loaded(daemons, seconds=ENOUGH_S, connections=10, count=mails) as results:
            pass
        report(capsys, daemons, results)

        undecided = sum(len(daemon.lines("accepted-on-failure")) for daemon in daemons)
        assert sum(result.errors + result.unfinished for result in results) == 0
        accepted = sum(result.accepted for result in results)
        assert limit <= accepted <= limit + undecided
        for store in apart:
            store.wait_until_used(MAILBOX, accepted, window=window)


def test_rolling_hour_of_three_writers(folder: Path, apart: Sequence[Counters]) -> None:
    """What one node counted is held against the mail at the others, until its minute has left (R19)."""
    clock = SettableClock(folder, "UTC")
    limits = {"messages_per_rolling_hour": 3}
    with ExitStack() as stack:
        clock.set("2026-11-22 13:20:30")
        daemons = stack.enter_context(three_daemons(folder, apart, limits, clock.env))
        first, second, third = (
            stack.enter_context(MilterClient(daemon.config_file.parent / "milter.sock"))
            for daemon in daemons
        )
        assert [first.send_mail(MAILBOX).kind for _ in range(2)] == ["continue"] * 2
        clock.set("2026-11-22 13:50:30")
        assert second.send_mail(MAILBOX).kind == "continue"
        for session in (first, second, third):
            assert "works again from 2026-11-22 14:21" in session.send_mail(MAILBOX).text
        clock.set("2026-11-22 14:21:00")
        assert [one.send_mail(MAILBOX).kind for one in (third, first)] == ["continue"] * 2
        for session in (first, second, third):
            assert "works again from 2026-11-22 14:51" in session.send_mail(MAILBOX).text
        assert not any(daemon.lines("fault|Traceback|on-failure") for daemon in daemons)
    for store in apart:
        store.wait_until_used(MAILBOX, 5, window="rolling_hour")
