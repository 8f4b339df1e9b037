"""Growth: many mailboxes against few, and 90 days of history against none."""

import contextlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.contender import Contender
from bench.own import database, sendlimit
from bench.plan import Plan
from bench.sampling import Sample, progress, rate, settle, take
from rig.mariadb import PrivateMariaDB

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


@dataclass
class Growth:
    """Samples at 50 connections.

    Attributes:
        by_mailboxes: by number of mailboxes in the database and in the load.
        by_days: by days of history; the load is the same.
        rows: counters in the database with history.
    """

    by_mailboxes: dict[int, list[Sample]] = field(default_factory=lambda: defaultdict(list))
    by_days: dict[int, list[Sample]] = field(default_factory=lambda: defaultdict(list))
    rows: int = 0


def grow(parent: Path, server: PrivateMariaDB, plan: Plan) -> Growth:
    """Measure sendlimit on databases of different size, interleaved."""
    few, many = plan.mailboxes
    found = Growth()
    with contextlib.ExitStack() as stack:

        def run(name: str, mailboxes: int, days: int) -> Contender:
            tables = database(server, name)
            contender = stack.enter_context(
                sendlimit(parent / name, name=name, store=tables.store_settings, server=server)
            )
            server.query(_FILL, (_DOMAINS, mailboxes, days), database=name)
            progress(f"filled a database: {mailboxes} mailboxes, {days} days before today")
            return contender

        contenders = {
            "few": run("few", few, 0),
            "many": run("many", many, 0),
            "history": run("history", plan.history_mailboxes, HISTORY_DAYS),
            "today": run("today", plan.history_mailboxes, 0),
        }
        server.query("ANALYZE TABLE er_counter", database="history")
        found.rows = int(server.query("SELECT COUNT(*) FROM history.er_counter")[0][0])
        _measure(contenders, found, plan, (few, many))
    return found


def _measure(
    contenders: dict[str, Contender], found: Growth, plan: Plan, mailboxes: Sequence[int]
) -> None:
    few, many = mailboxes
    cases = (
        ("few", few, found.by_mailboxes[few]),
        ("many", many, found.by_mailboxes[many]),
        ("today", plan.history_mailboxes, found.by_days[0]),
        ("history", plan.history_mailboxes, found.by_days[HISTORY_DAYS]),
    )
    for contender in contenders.values():
        contender.run(seconds=0.5, connections=CONNECTIONS, mailboxes=few)
        settle(contender)
    for round_ in range(plan.rounds):
        for name, number, samples in cases:
            sample = take(
                contenders[name],
                seconds=plan.seconds,
                connections=CONNECTIONS,
                mailboxes=number,
                seed=round_ + 1,
            )
            samples.append(sample)
            progress(f"growth, {name}: {number} mailboxes {rate(sample):.0f}/s")
