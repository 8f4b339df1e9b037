"""Growth: many mailboxes against few, and 90 days of history against none."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from bench.own import database, sendlimit
from bench.plan import Plan
from bench.sampling import Sample, progress, rate, settle, take
from support.rig.mariadb import PrivateMariaDB

CONNECTIONS = 50
HISTORY_DAYS = 90
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
    """

    by_mailboxes: dict[int, list[Sample]]
    by_days: dict[int, list[Sample]]
    rows: int


def grow(parent: Path, server: PrivateMariaDB, plan: Plan) -> Growth:
    """Measure sendlimit on databases of different size, two at a time, interleaved."""
    few, many = plan.mailboxes
    number = plan.history_mailboxes
    by_name = _compare(parent, server, plan, {"few": Size(few, 0), "many": Size(many, 0)})
    by_name |= _compare(
        parent, server, plan, {"today": Size(number, 0), "history": Size(number, HISTORY_DAYS)}
    )
    return Growth(
        by_mailboxes={few: by_name["few"], many: by_name["many"]},
        by_days={0: by_name["today"], HISTORY_DAYS: by_name["history"]},
        rows=int(server.query("SELECT COUNT(*) FROM history.er_counter")[0][0]),
    )


def _compare(
    parent: Path, server: PrivateMariaDB, plan: Plan, sizes: Mapping[str, Size]
) -> dict[str, list[Sample]]:
    """Measure each size in turn, round by round, with nothing else on the server."""
    samples: dict[str, list[Sample]] = {name: [] for name in sizes}
    with contextlib.ExitStack() as stack:
        contenders = {
            name: stack.enter_context(
                sendlimit(
                    parent / name,
                    name=name,
                    store=database(server, name).store_settings,
                    server=server,
                )
            )
            for name in sizes
        }
        for name, (mailboxes, days) in sizes.items():
            server.query(_FILL, (_DOMAINS, mailboxes, days), database=name)
            server.query("ANALYZE TABLE er_counter", database=name)
            progress(f"filled a database: {mailboxes} mailboxes, {days} days before today")
            contenders[name].run(seconds=0.5, connections=CONNECTIONS, mailboxes=mailboxes)
            settle(contenders[name])
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
    return samples
