"""A daemon beside others: entering, replaying, taking the lease, leaving."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sendlimit.counting.journal import Journal
from sendlimit.counting.lease import BEAT_S, UNSEEN_S, LeaseState
from sendlimit.counting.left_journals import left_journals
from sendlimit.counting.records import RecordKeys
from sendlimit.counting.waiter import Waiter, WaiterState
from sendlimit.errors import StoreUnavailable
from sendlimit.rules.decision import Request
from sendlimit.rules.limit import LATCH
from sendlimit.store import COMMITTERS_KEPT_S, STILL_S, ChangeRow, LeaseRow
from support.counting_samples import ALICE, ALICES_DAY, LIMIT_OF_3, NOON
from support.doubles.daemon import SteppedDaemon
from support.doubles.store import Tables

if TYPE_CHECKING:
    from pathlib import Path

    from sendlimit.counting.left_journals import LeftJournal


def _state(daemon: SteppedDaemon) -> LeaseState:
    return daemon.ledger.lease.state


def _daemon(tmp_path: Path, tables: Tables | None = None, name: str = "me") -> SteppedDaemon:
    return SteppedDaemon(tmp_path / name, LIMIT_OF_3, tables=tables, alone=True, name=name)


def _left(folder: Path, token: str, mails: int) -> LeftJournal:
    """Return the journal of a process that was killed after so many mails of Alice."""
    folder.mkdir(exist_ok=True)
    journal = Journal(folder, token, token, "boot", 1 << 20)
    keys = RecordKeys((ALICES_DAY, LATCH))
    for _ in range(mails):
        journal.add(keys, 1, NOON)
    journal.close()
    return next(one for one in left_journals(folder, "")[0] if one.token == token)


def test_alone_at_once(tmp_path: Path) -> None:
    """A start on a database without other daemons decides from memory with its first step."""
    daemon = _daemon(tmp_path).start()

    assert _state(daemon) is LeaseState.SOLE
    assert daemon.tables.lease.holder == "me"
    assert list(daemon.tables.daemons) == ["me"]


@pytest.mark.parametrize("why", ["no journal", "several hosts", "stopping"])
def test_not_alone(tmp_path: Path, why: str) -> None:
    """Without a journal, on a cluster, and while it stops, a daemon shares."""
    if why == "no journal":
        daemon = SteppedDaemon(tmp_path, LIMIT_OF_3)
        daemon.store.may_lease = True
    else:
        daemon = _daemon(tmp_path)
        daemon.store.may_lease = why != "several hosts"
    if why == "stopping":
        daemon.committer.stopping()
    daemon.start()

    assert _state(daemon) is LeaseState.SHARED
    assert daemon.tables.lease.holder == ""
    assert daemon.send(ALICE)


def test_a_living_holder_is_waited_for(tmp_path: Path) -> None:
    """It does not decide, and beats so that the holder sees it."""
    tables = Tables(lease=LeaseRow("other", 5, 0), daemons={"other": 9})
    daemon = _daemon(tmp_path, tables)
    for _ in range(6):
        daemon.step()
        tables.lease = tables.lease._replace(beat=tables.lease.beat + 1)

    assert _state(daemon) is LeaseState.AWAY
    assert daemon.ledger.is_waiting
    assert not daemon.committer.decides
    assert tables.lease.holder == "other"
    assert tables.daemons["me"] >= 5


def test_a_mail_waits_for_the_hand_over(tmp_path: Path) -> None:
    """A request that comes while another daemon holds the lease is answered once it lets go."""
    tables = Tables(lease=LeaseRow("other", 5, 0), daemons={"other": 9})
    daemon = _daemon(tmp_path, tables)
    daemon.step()
    waiter = Waiter(Request(ALICE, NOON))
    daemon.ledger.queue.put(waiter)
    daemon.step()
    assert waiter.state is WaiterState.WAITING
    since = daemon.ledger.working_since

    tables.lease = tables.lease._replace(holder="")
    daemon.step()

    assert waiter.result is not None
    assert since is not None
    assert daemon.ledger.working_since is None


def test_a_dead_holder_is_passed_by(tmp_path: Path) -> None:
    """Its lease is cleared in the same transaction, so it finds nothing when it wakes up."""
    tables = Tables(lease=LeaseRow("other", 5, 3), daemons={"other": 9})
    daemon = _daemon(tmp_path, tables).start()
    daemon.uptime += STILL_S
    daemon.step()

    assert _state(daemon) is LeaseState.SHARED
    assert tables.lease == LeaseRow("", 6, 3)
    assert daemon.send(ALICE)


def test_the_lease_is_taken_when_the_others_are_gone(tmp_path: Path) -> None:
    """Ten seconds after their last beat; their rows are removed."""
    tables = Tables(daemons={"other": 9})
    daemon = _daemon(tmp_path, tables).start()
    daemon.uptime += UNSEEN_S / 2
    daemon.step()
    assert _state(daemon) is LeaseState.SHARED
    daemon.uptime += UNSEEN_S / 2
    daemon.step()

    assert _state(daemon) is LeaseState.SOLE
    assert list(tables.daemons) == ["me"]


def test_a_newcomer_in_the_last_moment_is_seen(tmp_path: Path) -> None:
    """The rows are looked at again in the transaction that takes the lease."""
    daemon = _daemon(tmp_path)
    daemon.store.before["census"] = lambda: daemon.tables.daemons.update(new=1)
    daemon.start()

    assert _state(daemon) is LeaseState.SHARED
    assert daemon.tables.lease.holder == ""


def test_changes_of_before_the_lease_are_known(tmp_path: Path) -> None:
    """A command that comes before it sees no holder; its row of er_change is not waited for."""
    tables = Tables(changes=[ChangeRow(7, "*")])
    _daemon(tmp_path, tables).start()

    assert tables.lease.seen_change == 7


def test_a_lease_that_was_taken_unseen_is_cleared(tmp_path: Path) -> None:
    """The answer to the commit was lost: the next batch frees it, and it is taken again."""
    daemon = _daemon(tmp_path)
    daemon.store.before["limits"] = lambda: setattr(daemon.store, "away", True)
    daemon.start()
    assert daemon.tables.lease.holder == "me"
    daemon.store.before.clear()
    daemon.store.away = False
    daemon.step()
    daemon.step()

    assert _state(daemon) is LeaseState.SOLE
    assert daemon.send(ALICE)


def test_the_lease_is_kept_over_an_outage(tmp_path: Path) -> None:
    """Nobody else had it: sole again at once, with what passed meanwhile in memory."""
    daemon = _daemon(tmp_path).start()
    assert daemon.send(ALICE)
    daemon.store.away = True
    for _ in range(5):
        daemon.step()
    assert _state(daemon) is LeaseState.AWAY
    assert daemon.send(ALICE)
    daemon.store.away = False
    daemon.step()
    assert _state(daemon) is LeaseState.SOLE

    assert [daemon.send(ALICE), daemon.send(ALICE)] == [True, False]
    daemon.step()
    assert daemon.tables.used()[ALICES_DAY] == 3


def test_a_left_journal_is_booked_before_anything_is_decided(tmp_path: Path) -> None:
    """Kill -9 and start: what was answered counts."""
    left = _left(tmp_path / "journals", "aa", mails=3)
    tables = Tables(lease=LeaseRow("aa", 5, 0), daemons={"aa": 9})
    daemon = SteppedDaemon(tmp_path, LIMIT_OF_3, tables=tables, alone=True, left=[left]).start()

    assert tables.used()[ALICES_DAY] == 3
    assert tables.records["aa"] == 3
    assert "aa" not in tables.daemons
    assert not [*(tmp_path / "journals").iterdir()]
    assert _state(daemon) is LeaseState.SOLE
    assert not daemon.send(ALICE)


@pytest.mark.parametrize("applied", [False, True], ids=["not in", "in"])
def test_a_left_journal_is_booked_once(tmp_path: Path, *, applied: bool) -> None:
    """The answer to its booking is lost: what is in is known behind the latch."""
    left = _left(tmp_path / "journals", "aa", mails=3)
    daemon = SteppedDaemon(tmp_path, LIMIT_OF_3, alone=True, left=[left])
    writes = iter([None, StoreUnavailable()])

    def lose_the_second() -> None:
        if (error := next(writes, None)) is not None:
            daemon.store.fail("write", error, applied=applied)

    daemon.store.before["write"] = lose_the_second
    daemon.start()
    daemon.store.before.clear()
    daemon.step()

    assert daemon.tables.used()[ALICES_DAY] == 3
    assert not [*(tmp_path / "journals").iterdir()]


def test_half_a_journal_was_booked(tmp_path: Path) -> None:
    """Only what comes after the number in er_committer."""
    left = _left(tmp_path / "journals", "aa", mails=3)
    tables = Tables(records={"aa": 2})
    SteppedDaemon(tmp_path, LIMIT_OF_3, tables=tables, alone=True, left=[left]).start()

    assert tables.used()[ALICES_DAY] == 1


def test_nothing_is_replayed_beside_a_living_holder(tmp_path: Path) -> None:
    """It has these counters in memory; it lets go first."""
    left = _left(tmp_path / "journals", "aa", mails=3)
    tables = Tables(lease=LeaseRow("other", 5, 0))
    SteppedDaemon(tmp_path, LIMIT_OF_3, tables=tables, alone=True, left=[left]).start()

    assert tables.used() == {}
    assert [*(tmp_path / "journals").iterdir()]


def test_a_replay_ends_when_another_takes_the_lease(tmp_path: Path) -> None:
    """It had entered; from then on the other has these counters in memory."""
    left = _left(tmp_path / "journals", "aa", mails=3)
    tables = Tables()
    daemon = SteppedDaemon(tmp_path, LIMIT_OF_3, tables=tables, alone=True, left=[left])
    begun: list[str] = []

    def taken() -> None:
        begun.append("begin")
        if len(begun) == 2:  # the first is that of entering
            tables.lease = LeaseRow("other", tables.lease.beat + 1, 0)

    daemon.store.before["begin"] = taken
    daemon.start()

    assert len(begun) >= 2
    assert tables.used() == {}
    assert [*(tmp_path / "journals").iterdir()]


def test_records_older_than_the_rows_of_er_committer_are_left_out(tmp_path: Path) -> None:
    """Without a row nobody knows whether they were booked: `purge` may have removed it."""
    left = _left(tmp_path / "journals", "aa", mails=3)
    daemon = SteppedDaemon(tmp_path, LIMIT_OF_3, alone=True, left=[left])
    daemon.now = NOON + COMMITTERS_KEPT_S + 1
    daemon.start()

    assert daemon.tables.used().get(ALICES_DAY, 0) == 0
    assert not [*(tmp_path / "journals").iterdir()]


def test_a_batch_clears_the_lease_of_a_dead_holder(tmp_path: Path) -> None:
    """It was taken and its daemon died: who decides from then on says so in the same transaction."""
    tables = Tables(daemons={"other": 1})
    daemon = _daemon(tmp_path, tables).start()
    assert _state(daemon) is LeaseState.SHARED
    tables.lease = LeaseRow("other", 7, 0)
    undecided = 0
    while daemon.ledger.reserve(ALICE, daemon.now).decision is None:
        undecided += 1
        assert tables.lease == LeaseRow("other", 7, 0)
        assert undecided < 20

    assert undecided >= STILL_S
    assert tables.lease.holder == ""


def test_damage_of_a_left_journal_is_reported(tmp_path: Path) -> None:
    """After a loss of power: what was whole is booked, the rest is said to be lost."""
    left = _left(tmp_path / "journals", "aa", mails=3)
    (path,) = (tmp_path / "journals").glob("*.0")
    written = len(path.read_bytes().rstrip(b"\0"))
    with path.open("r+b") as file:
        file.seek(written - 12)  # where the last record names its counters
        file.write(b"\xff")
    daemon = SteppedDaemon(tmp_path, LIMIT_OF_3, alone=True, left=[left]).start()

    assert daemon.tables.used()[ALICES_DAY] == 2
    assert [event[0] for event in daemon.events.recorded] == ["journal"]  # type: ignore[index]


def test_beats_once_a_second(tmp_path: Path) -> None:
    """Also an idle daemon, in every state: else nobody would see that it lives."""
    daemon = _daemon(tmp_path, Tables(daemons={"other": 1})).start()
    before = daemon.tables.daemons["me"]
    daemon.uptime += BEAT_S / 4
    daemon.refreshes = False
    daemon.store.verbs.clear()
    daemon.step()
    assert "beat" not in daemon.store.verbs
    daemon.uptime += BEAT_S
    daemon.step()

    assert daemon.tables.daemons["me"] == before + 1


def test_a_stop_gives_the_lease_away(tmp_path: Path) -> None:
    """Others need not wait: no row of this daemon is left, its journal is removed."""
    daemon = _daemon(tmp_path).start()
    assert daemon.send(ALICE)

    assert daemon.stop()
    assert daemon.tables.lease.holder == ""
    assert daemon.tables.daemons == {}
    assert daemon.tables.used()[ALICES_DAY] == 1
    assert daemon.journal.records == []
