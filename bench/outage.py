"""What happens when the database is away, or far away: the rate then, and the counts afterwards."""

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from bench import own
from bench.peers import running
from bench.plan import Plan
from bench.sampling import Sample, progress, rate, settle, take
from support.rig.mariadb import PrivateMariaDB
from support.rig.process import Process, free_port, wait_for

CONNECTIONS = 50
AWAY_MS = 5.0
"""There and back."""
_MAILBOXES = 20000
_REPORTED_S = 30
_OUTAGE = "store-down|store-back|accepted-on-failure|batch-retried|metered|unlimited"


class Outage(NamedTuple):
    """Samples at 50 connections.

    Attributes:
        metered: on_failure = "meter", while the database is frozen.
        accepted: on_failure = "accept", while it is frozen.
        distant: by whether the daemon is alone on its database, which is AWAY_MS away.
    """

    metered: list[Sample]
    accepted: list[Sample]
    distant: dict[bool, list[Sample]]


def measure(parent: Path, plan: Plan) -> Outage:
    """Measure with a server of its own, which is frozen, and with one that is far away."""
    with own.mariadb(parent / "mariadb-away") as server:
        return Outage(
            metered=_while_frozen(parent, server, plan, "meter"),
            accepted=_while_frozen(parent, server, plan, "accept"),
            distant={
                alone: _far_away(parent, server, plan, alone=alone) for alone in (True, False)
            },
        )


def _while_frozen(
    parent: Path, server: PrivateMariaDB, plan: Plan, on_failure: str
) -> list[Sample]:
    where = own.database(server, f"outage_{on_failure}")
    with own.sendlimit_on_mariadb(
        parent / f"outage-{on_failure}",
        server,
        where,
        name=f"on_failure = {on_failure}",
        on_failure=on_failure,
        allowed=_OUTAGE,
    ) as contender:
        contender.run(seconds=0.5, connections=CONNECTIONS, mailboxes=_MAILBOXES)
        settle(contender)
        before = own.counted_in(server, where.name)
        server.process.freeze()
        wait_for(lambda: contender.lines("store-down"), _REPORTED_S, "an outage")
        unobserved = replace(contender, counted=None)
        samples = []
        for round_ in range(plan.rounds):
            sample = take(
                unobserved,
                seconds=plan.seconds,
                connections=CONNECTIONS,
                mailboxes=_MAILBOXES,
                seed=round_ + 1,
            )
            samples.append(sample)
            progress(f"database frozen, {contender.name}: {rate(sample):.0f}/s")
        server.process.thaw()
        sent = sum(sample.load.endings.get("eom", 0) for sample in samples)
        wait_for(
            lambda: own.counted_in(server, where.name) - before == sent,
            _REPORTED_S,
            f"{sent} mails of the outage booked",
        )
        return samples


def _far_away(parent: Path, server: PrivateMariaDB, plan: Plan, *, alone: bool) -> list[Sample]:
    name = "alone" if alone else "shared"
    where = own.database(server, f"far_{name}")
    with contextlib.ExitStack() as stack:
        port = stack.enter_context(_proxy(parent / f"proxy-{name}.log", where.port))
        contender = stack.enter_context(
            own.sendlimit_on_mariadb(
                parent / f"far-{name}", server, where, name=name, shared=not alone, port=port
            )
        )
        contender.run(seconds=0.5, connections=CONNECTIONS, mailboxes=_MAILBOXES)
        settle(contender)
        samples = []
        for round_ in range(plan.rounds):
            sample = take(
                contender,
                seconds=plan.seconds,
                connections=CONNECTIONS,
                mailboxes=_MAILBOXES,
                seed=round_ + 1,
            )
            samples.append(sample)
            progress(f"database {AWAY_MS:g} ms away, {name}: {rate(sample):.0f}/s")
        return samples


@contextlib.contextmanager
def _proxy(log: Path, server_port: int) -> Iterator[int]:
    port = free_port()
    words = [sys.executable, "-m", "bench.delay", str(port), str(server_port), f"{AWAY_MS / 2}"]
    with running(Process("delay", words, log), port):
        yield port
