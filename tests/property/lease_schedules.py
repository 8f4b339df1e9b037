"""Schedules that come upon the weak spot of a piece of the lease, step by step; each asserts that it ends well.

The real ledgers and committers run on one table double, each step taken when the schedule says so.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING
from unittest import mock

from sendlimit.counting.lease import Claim, Lease, LeaseState, claim_of
from sendlimit.errors import LeaseLost, StoreUnavailable
from sendlimit.rules.limit import LATCH
from sendlimit.store import STILL_S, ChangeRow, LeaseRow, Writing, changes, mariadb
from sendlimit.store.drivers import IDLE_TRANSACTION_S
from support.counting_samples import (
    ALICE,
    ALICES_DAY,
    BOB,
    CAROL,
    DAILY,
    LIMIT_OF_3,
    key_of,
    moment,
    setting,
)
from support.doubles.daemon import SteppedDaemon
from support.doubles.store import ScriptedStore, Tables
from support.simulation.server import copied

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sendlimit.store import Flush, Flushed

MIDNIGHT = moment("2026-11-23 00:00")


def _daemon(folder: Path, name: str, tables: Tables) -> SteppedDaemon:
    """Describe a daemon that may hold the lease, with a limit of 3 mails a day."""
    (folder / name).mkdir()
    return SteppedDaemon(folder / name, LIMIT_OF_3, tables=tables, alone=True, name=name)


def _step_until(daemon: SteppedDaemon, state: LeaseState) -> None:
    """Let a daemon work until the state of its lease is this."""
    for _ in range(20):
        if daemon.ledger.lease.state is state:
            return
        daemon.step()
    raise TimeoutError(f"{daemon.ledger.lease.state}, and not {state}")


def _alone(folder: Path, name: str, tables: Tables) -> SteppedDaemon:
    """Return a daemon that decides from memory and has read the running day."""
    daemon = _daemon(folder, name, tables)
    _step_until(daemon, LeaseState.SOLE)
    for _ in range(4):
        daemon.step()
    return daemon


def _is_granted(daemon: SteppedDaemon) -> bool:
    """Ask for a mail of Alice; say whether it was decided that it may pass."""
    decision = daemon.ledger.reserve(ALICE, daemon.now).decision
    return decision is not None and not decision.refused


def _from_memory(daemon: SteppedDaemon) -> bool:
    """Ask for a mail of Alice while the committer is at work; say whether memory grants it."""
    return daemon.ledger.memory.reserve(ALICE, daemon.now, daemon.uptime) is not None


def dead_holder_comes_back(folder: Path) -> None:
    """A holder that was passed by finds the database again: it does not count as holder any more."""
    tables = Tables()
    first = _alone(folder, "one", tables)
    assert first.send(ALICE)
    first.step()
    first.store.away = True
    second = _daemon(folder, "two", tables)
    _step_until(second, LeaseState.SHARED)
    assert [second.send(ALICE) for _ in range(2)] == [True, True]
    first.uptime += 10
    first.step()
    first.store.away = False
    granted: list[bool] = []
    first.store.before["flush"] = lambda: granted.append(_from_memory(first))
    first.step()

    assert not any(granted), "the second has used up what the first believes to be left"


def old_dump_is_restored(folder: Path) -> None:
    """ChangeRow ids begin again below what the holder has seen: a command is not taken for applied."""
    tables = Tables()
    daemon = _alone(folder, "one", tables)
    dump = copied(tables)
    tables.changes += [ChangeRow(number, BOB.mailbox) for number in range(1, 8)]
    for _ in range(3):
        daemon.step()
    assert tables.lease.seen_change == 7
    daemon.refreshes = False  # what is seen once a second comes later than the command's return
    vars(tables).update(vars(copied(dump)))
    tables.changes.append(ChangeRow(4, ALICE.mailbox))
    tables.limits = [setting(ALICE.mailbox, DAILY, 0)]
    watch = changes.HolderWatch(4, tables.lease, daemon.uptime)
    verdict = None
    while verdict is None:
        daemon.step()
        verdict = watch.verdict(tables.lease, daemon.uptime)

    assert verdict == ""
    assert not _is_granted(daemon), "the command has returned"


class _IdleTimeoutStore(ScriptedStore):
    """A single MariaDB server that ends a transaction in which nothing is said.

    Attributes:
        stopped_s: how long the daemon is stopped between the packets of its next batch.
        meanwhile: what others do then.
    """

    stopped_s = 0.0

    @staticmethod
    def meanwhile() -> None:
        """Do nothing."""

    def write(self, writing: Writing, on_sent: Callable[[], None] = lambda: None) -> None:
        """Write, if the transaction is still there."""
        stopped_s, self.stopped_s = self.stopped_s, 0.0
        if stopped_s > IDLE_TRANSACTION_S:
            self.meanwhile()
            self.fail("write", StoreUnavailable())
        if stopped_s < mariadb.EARLY_S:
            on_sent()
        super().write(writing)


def stopped_between_the_packets(folder: Path) -> None:
    """Longer than the server waits: answers are not given before the commit is there."""
    tables = Tables()
    store = _IdleTimeoutStore(tables)
    with mock.patch("support.doubles.daemon.ScriptedStore", return_value=store):
        first = _daemon(folder, "one", tables)
    second = _daemon(folder, "two", tables)
    for daemon in (first, second):
        daemon.store.may_lease = False
        _step_until(daemon, LeaseState.SHARED)
    passed: list[bool] = []
    store.stopped_s = IDLE_TRANSACTION_S + 1
    store.meanwhile = lambda: passed.extend(second.send(ALICE) for _ in range(3))  # type: ignore[method-assign]

    assert not first.send(ALICE)
    assert passed == [True, True, True]


def hand_over_in_doubt(folder: Path) -> None:
    """The last flush is in and its answer lost: the lease is free, and nothing is granted any more."""
    tables = Tables()
    first = _alone(folder, "one", tables)
    assert first.send(ALICE)
    tables.daemons["two"] = 1
    first.step()
    first.store.fail("flush", StoreUnavailable(), applied=True)
    first.store.fail("connect", *[StoreUnavailable()] * 3)
    first.step()
    assert tables.lease.holder == ""
    second = _daemon(folder, "two", tables)
    _step_until(second, LeaseState.SHARED)
    assert [second.send(ALICE) for _ in range(2)] == [True, True]

    assert not _is_granted(first)


def flush_comes_after_the_fence(folder: Path) -> None:
    """A packet that lay unread in the server's socket is refused: what it carried was done again."""
    tables = Tables()
    daemon = _alone(folder, "one", tables)
    assert daemon.send(ALICE)
    late: list[Flush] = []
    in_time = daemon.store.flush

    def lost(flush: Flush) -> Flushed:
        late.append(flush)
        daemon.store.flush = in_time  # type: ignore[method-assign]
        daemon.store.close()
        raise StoreUnavailable

    def deliver() -> None:
        if late:
            with suppress(LeaseLost):
                tables.flush(late.pop())

    daemon.store.flush = lost  # type: ignore[method-assign]
    daemon.store.before["flush"] = deliver  # behind the fence, before what is sent again
    for _ in range(8):
        daemon.step()

    assert tables.used()[ALICES_DAY] == tables.used()[LATCH] == 1


def clock_that_was_ahead(folder: Path) -> None:
    """Another daemon has counted in tomorrow before it stopped: tomorrow is not known to be empty."""
    tables = Tables()
    other = _daemon(folder, "two", tables)
    other.now = MIDNIGHT + 1
    _step_until(other, LeaseState.SOLE)
    assert [other.send(ALICE) for _ in range(2)] == [True, True]
    other.stop()
    daemon = _daemon(folder, "one", tables)
    daemon.now = MIDNIGHT - 1
    _step_until(daemon, LeaseState.SOLE)
    for _ in range(4):
        daemon.step()
    daemon.now = MIDNIGHT + 1

    assert [_is_granted(daemon) for _ in range(2)] == [True, False]


def hand_over_with_much_to_write(folder: Path) -> None:
    """What does not fit into one flush is written before the lease is let go."""
    tables = Tables()
    daemon = _alone(folder, "one", tables)
    for sender in (ALICE, BOB, CAROL, ALICE):
        assert daemon.send(sender)
    tables.daemons["two"] = 1
    daemon.step()
    for sender in (ALICE, BOB, CAROL):
        assert daemon.send(sender)
    while tables.lease.holder == "one":
        daemon.step()

    used = tables.used()
    mailboxes = [key_of(DAILY, sender.mailbox) for sender in (ALICE, BOB, CAROL)]
    assert [used.get(key) for key in mailboxes] == [3, 2, 2]


def clocks_that_drift(folder: Path) -> None:
    """The holder's clock is slow by 8 %, the other's fast: who passes it by comes after its last grant."""
    del folder
    slow, fast = 0.92, 1.08
    holder, other = Lease("one"), Lease("two")
    holder.joined()
    holder.taken(0.0, 7, 0)
    row = LeaseRow("one", 7, 0)
    claim_of(other, row, 0.0, 0.0)
    seconds = 0.0
    while claim_of(other, row, seconds * fast, seconds * fast) is Claim.HELD:
        seconds += 0.01

    assert seconds * slow >= holder.grants_until


def look_that_was_long_under_way(folder: Path) -> None:
    """The beat was written just before the answer came: it stands still from then on, not from when it was asked for."""
    del folder
    other = Lease("two")
    row = LeaseRow("one", 7, 0)
    claim_of(other, row, 0.0, STILL_S - 0.1)

    assert claim_of(other, row, STILL_S + 0.1, STILL_S + 0.2) is Claim.HELD
