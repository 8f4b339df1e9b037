"""What the holder of the lease sends to MariaDB: one compound statement, and what it returns.

One packet, so a process that is stopped never holds the latch. The lease and the own row are
checked in the transaction itself: whatever is not as the flush says rolls it back.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from sendlimit.rules.limit import LATCH
from sendlimit.store import ChangeRow, Flush, Flushed, rows
from sendlimit.store import statements as sql
from sendlimit.store.sqltime import to_sql
from sendlimit.store.unreadable import ignored

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sendlimit.rules.limit import CounterKey, Scope, Unit
    from sendlimit.rules.window import Window
    from sendlimit.store.rows import Row
    from sendlimit.store.unreadable import Report


def add_statement(additions: Mapping[CounterKey, int]) -> str:
    """Return the statement that adds to counters and returns what they are then.

    Only the subjects are parameters: they alone come from outside, and each parameter costs.
    """
    return sql.MariaDB.ADD.format(
        rows=",".join(
            [
                f"{_row(key.scope, key.unit, key.window, key.period_start)}{amount:d})"
                for key, amount in additions.items()
            ]
        )
    )


@lru_cache(maxsize=4096)
def _row(scope: Scope, unit: Unit, window: Window, period_start: int) -> str:
    """Return the start of a row of er_counter, with a placeholder for the subject."""
    return f"('{scope}',%s,'{unit}','{window}','{to_sql(period_start)}',"


class FlushPacket:
    """One flush, as text with parameters.

    Args:
        flush: what is written and read.

    Attributes:
        statement: with placeholders.
        params: for them.
    """

    def __init__(self, flush: Flush) -> None:
        self.params: list[object] = []
        self._statements: list[str] = []
        self._flush = flush
        additions = dict(flush.additions)
        latch = additions.pop(LATCH, 0)
        self._more, self._back = rows.split(additions)
        self._read = [*dict.fromkeys((*self._back, *flush.read))]
        self._write(latch)
        self._append_reads()
        self.statement = sql.MariaDB.FLUSH.format(statements=";".join(self._statements))

    def _append(self, statement: str, *params: object) -> None:
        self._statements.append(statement)
        self.params.extend(params)

    def _write(self, latch: int) -> None:
        flush = self._flush
        # 1. The latch, then what has to be as this daemon left it.
        self._append(sql.MariaDB.TAKE_LATCH, latch)
        holder = "" if flush.let_go else flush.committer
        self._append(sql.MOVE_LEASE, holder, flush.applied_change, flush.committer, flush.beat)
        self._append(sql.MariaDB.IF_NONE.format(message="lease lost"))
        self._append(sql.MariaDB.FLUSHED, flush.batch, flush.journal, flush.committer, flush.fences)
        self._append(sql.MariaDB.IF_NONE.format(message="fenced"))
        # 2. The counters and the refusals.
        if self._more:
            self._append(add_statement(self._more), *[key.subject for key in self._more])
        for key, amount in self._back.items():
            self._append(sql.MariaDB.GIVE_BACK, amount, *rows.key_params(key))
        if flush.episodes:
            values = ",".join([sql.TWELVE] * len(flush.episodes))
            self._append(
                sql.MariaDB.EPISODES.format(rows=values),
                *[value for one in flush.episodes for value in rows.episode_params(one)],
            )
        self._append(sql.MariaDB.BEAT, flush.committer, flush.host)

    def _append_reads(self) -> None:
        flush = self._flush
        if self._read:
            self._append(rows.usage_query(self._read), *rows.keys_params(self._read))
        if flush.steps:
            self._append(rows.steps_query(flush.steps), *rows.steps_params(flush.steps))
        if flush.subjects:
            self._append(
                sql.SETTINGS.format(subjects=rows.placeholders([*flush.subjects])),
                *flush.subjects,
            )
        self._append(sql.CHANGES, flush.seen_change)
        self._append(sql.MariaDB.BEATS)

    def read(self, results: Sequence[Sequence[Row]], report: Report = ignored) -> Flushed:
        """Read what the statement returned."""
        left = iter(results)
        usage: dict[CounterKey, int] = {}
        if self._more:
            usage |= {key: row[0] for key, row in zip(self._more, next(left), strict=True)}
        if self._read:
            usage |= rows.usage_of(self._read, next(left), report)
        if self._flush.steps:
            usage |= rows.steps_of(self._flush.steps, next(left), report)
        settings = next(left) if self._flush.subjects else ()
        changes, beats = next(left), next(left)
        return Flushed(
            usage,
            rows.settings(settings, report),
            [ChangeRow(*row) for row in changes],
            {row[0]: row[1] for row in beats},
        )
