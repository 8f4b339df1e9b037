"""Growth: many mailboxes against few, and 90 days of history against none."""

import contextlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from bench.contender import Contender
from bench.footprint import footprint
from bench.own import database, sendlimit_on_mariadb
from bench.plan import Plan
from bench.sampling import Sample, progress, rate, settle, take
from support.rig.mariadb import PrivateMariaDB

CONNECTIONS = 50
HISTORY_DAYS = 90
_DECISION_S = 30
_READING_DEADLINE_S = 120
_STILL_S = 14
"""Longer than a daemon waits before it takes the lease and begins to read."""
_NOISE_BYTES = 200_000
_DOMAINS = 100  # as the load generator spreads its mailboxes

# One message of each mailbox on each of these days, counted back from today. The names are those
# of the load generator.
_FILL = """
INSERT INTO er_counter (scope, subject, unit, `window`, period_start, used)
SELECT 'mailbox',
       CONCAT('mbox', LPAD(box.seq, 6, '0'), '@dom', LPAD(box.seq MOD %s, 3, '0'), '.test'),
       'messages', 'day', UTC_DATE() - INTERVAL day.seq DAY, 1
  FROM seq_0_to_999999 box JOIN seq_0_to_90 day
 WHERE box.seq < %s AND day.seq <= %s
"""


class Size(NamedTuple):
    """How large a database is: mailboxes, with a row for today and for each of days before."""

    mailboxes: int
    days: int


class Growth(NamedTuple):
    """Samples at 50 connections.

    Attributes:
        by_mailboxes: by number of mailboxes in the database and in the load.
        by_days: by days of history; the load is the same.
        rows: counters in the database with history.
        start_s: by number of mailboxes with a counter of today: from the start of the daemon to its
            first decision.
        resident_bytes: by number of mailboxes: of the daemon, when it has read all counters.
    """

    by_mailboxes: dict[int, list[Sample]]
    by_days: dict[int, list[Sample]]
    rows: int
    start_s: dict[int, float]
    resident_bytes: dict[int, int]


class _Sized(NamedTuple):
    """What was measured on one database."""

    samples: list[Sample]
    start_s: float
    resident_bytes: int


def grow(parent: Path, server: PrivateMariaDB, plan: Plan) -> Growth:
    """Measure sendlimit on databases of different size, two at a time, interleaved."""
    few, many = plan.mailboxes
    number = plan.history_mailboxes
    by_name = _compare(parent, server, plan, {"few": Size(few, 0), "many": Size(many, 0)})
    by_name |= _compare(
        parent, server, plan, {"today": Size(number, 0), "history": Size(number, HISTORY_DAYS)}
    )
    sized = {few: by_name["few"], many: by_name["many"]}
    return Growth(
        by_mailboxes={mailboxes: found.samples for mailboxes, found in sized.items()},
        by_days={0: by_name["today"].samples, HISTORY_DAYS: by_name["history"].samples},
        rows=int(server.query("SELECT COUNT(*) FROM history.er_counter")[0][0]),
        start_s={mailboxes: found.start_s for mailboxes, found in sized.items()},
        resident_bytes={mailboxes: found.resident_bytes for mailboxes, found in sized.items()},
    )


def _compare(
    parent: Path, server: PrivateMariaDB, plan: Plan, sizes: Mapping[str, Size]
) -> dict[str, _Sized]:
    """Measure each size in turn, round by round, with nothing else on the server."""
    samples: dict[str, list[Sample]] = {name: [] for name in sizes}
    start_s: dict[str, float] = {}
    resident: dict[str, int] = {}
    with contextlib.ExitStack() as stack:
        contenders = {}
        for name, size in sizes.items():
            where = database(server, name)
            with sendlimit_on_mariadb(parent / f"{name}-tables", server, where, name=name):
                pass  # it has made the tables
            server.query(_FILL, (_DOMAINS, size.mailboxes, size.days), database=name)
            server.query("ANALYZE TABLE er_counter", database=name)
            progress(f"filled a database: {size.mailboxes} mailboxes, {size.days} days before")
            contender = contenders[name] = stack.enter_context(
                sendlimit_on_mariadb(parent / name, server, where, name=name)
            )
            contender.run(seconds=_DECISION_S, connections=1, count=1, mailboxes=1)
            start_s[name] = time.monotonic() - contender.begun_s
            resident[name] = _when_still(contender)
            contender.run(seconds=0.5, connections=CONNECTIONS, mailboxes=size.mailboxes)
            settle(contender)
        for round_ in range(plan.rounds):
            for name, size in sizes.items():
                sample = take(
                    contenders[name],
                    seconds=plan.seconds,
                    connections=CONNECTIONS,
                    mailboxes=size.mailboxes,
                    seed=round_ + 1,
                )
                samples[name].append(sample)
                progress(f"growth, {name}: {size.mailboxes} mailboxes {rate(sample):.0f}/s")
    return {name: _Sized(samples[name], start_s[name], resident[name]) for name in sizes}


def _when_still(contender: Contender) -> int:
    """Return the resident bytes of a daemon once they have not grown for some seconds."""
    deadline_s = time.monotonic() + _READING_DEADLINE_S
    most, since_s = 0, time.monotonic()
    while time.monotonic() < min(since_s + _STILL_S, deadline_s):
        now = footprint(contender.daemon).resident_bytes
        if now > most + _NOISE_BYTES:
            most, since_s = now, time.monotonic()
        time.sleep(0.2)
    return most
