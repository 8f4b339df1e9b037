"""What the holder of the lease flushes, how it answers and follows; each failure of a flush."""

from __future__ import annotations

from queue import SimpleQueue
from typing import TYPE_CHECKING

import pytest

from sendlimit.counting.lease import BEAT_S, VALID_S, LeaseState
from sendlimit.counting.waiter import Waiter
from sendlimit.counting.write_behind import FLUSH_S
from sendlimit.errors import StoreConflict, StoreUnavailable
from sendlimit.rules.decision import Request
from sendlimit.rules.limit import LATCH
from sendlimit.store import ChangeRow, LeaseRow
from support.counting_samples import ALICE, ALICES_DAY, ALICES_MAIL, BOB, DAILY, LIMIT_OF_3, setting
from support.doubles.daemon import SteppedDaemon

if TYPE_CHECKING:
    from pathlib import Path


def _state(daemon: SteppedDaemon) -> LeaseState:
    return daemon.ledger.lease.state


@pytest.fixture
def daemon(tmp_path: Path) -> SteppedDaemon:
    """A daemon that holds the lease, has read the running day, and has a limit of 3."""
    daemon = SteppedDaemon(tmp_path, LIMIT_OF_3, alone=True, name="me").start()
    for _ in range(4):
        daemon.step()
    assert _state(daemon) is LeaseState.SOLE
    daemon.store.verbs.clear()
    return daemon


def test_a_mail_is_decided_without_the_database(daemon: SteppedDaemon) -> None:
    """It is counted there with the next flush, in one packet."""
    assert daemon.send(ALICE)
    assert daemon.store.verbs == []
    daemon.step()

    assert daemon.store.verbs.count("flush") == 1
    assert daemon.tables.used() == ALICES_MAIL
    assert daemon.tables.records["me"] == daemon.journal.booked == 1


class _Clockwork(SimpleQueue[object]):
    """Notes for how long it is waited on; only what is on it already comes."""

    def __init__(self) -> None:
        super().__init__()
        self.pauses: list[float] = []

    def get(self, block: bool = True, timeout: float | None = None) -> object:  # noqa: FBT001, FBT002 - as SimpleQueue's
        """Wait no moment."""
        del block
        self.pauses.append(timeout or 0.0)
        return self.get_nowait()


def test_what_wakes_an_idle_daemon_is_due_with_the_next_flush(daemon: SteppedDaemon) -> None:
    """The first mail after a flush does not get a flush of its own."""
    queue = _Clockwork()
    daemon.ledger.queue = queue  # type: ignore[assignment]
    daemon.committer.wait()
    assert daemon.ledger.asleep is False
    daemon.ledger.asleep = True
    assert daemon.send(ALICE)
    daemon.committer.wait()

    assert queue.pauses == pytest.approx([BEAT_S, FLUSH_S, FLUSH_S])
    assert daemon.store.verbs == []


def test_the_limit_holds_and_the_refusal_is_the_database_s(daemon: SteppedDaemon) -> None:
    """Three pass from memory; the fourth is decided on the numbers of a flush."""
    passed = [daemon.send(ALICE) for _ in range(3)]
    assert daemon.store.verbs == []

    assert passed == [True, True, True]
    assert not daemon.send(ALICE)
    assert "flush" in daemon.store.verbs
    assert daemon.tables.used()[ALICES_DAY] == 3


def test_room_that_was_made_by_sql_is_seen_by_the_next_refusal(daemon: SteppedDaemon) -> None:
    """Memory follows the database: before each refusal, and with each flush of the counter."""
    for _ in range(3):
        daemon.send(ALICE)
    daemon.step()
    daemon.tables.counters[ALICES_DAY] = 1

    assert [daemon.send(ALICE) for _ in range(3)] == [True, True, False]
    assert daemon.tables.used()[ALICES_DAY] == 3


def test_a_raised_limit_is_seen_by_the_next_refusal(daemon: SteppedDaemon) -> None:
    """The rows of er_limit of the mailbox come with the same flush."""
    for _ in range(3):
        daemon.send(ALICE)
    daemon.tables.limits = [setting(ALICE.mailbox, DAILY, 5)]

    assert [daemon.send(ALICE) for _ in range(3)] == [True, True, False]


def test_a_row_that_was_there_for_a_moment_is_forgotten(daemon: SteppedDaemon) -> None:
    """A request had read it; that er_limit is as a second ago says nothing then."""
    for _ in range(3):
        daemon.send(ALICE)
    daemon.refreshes = False
    daemon.tables.limits = [setting(ALICE.mailbox, DAILY, 100)]
    assert daemon.send(ALICE)
    daemon.tables.limits = []
    daemon.refreshes = True
    daemon.step()

    assert not daemon.send(ALICE)


def test_limits_are_read_once_a_second(daemon: SteppedDaemon) -> None:
    """A limit that was lowered by SQL holds a second later, for mail that memory grants."""
    daemon.send(ALICE)
    daemon.tables.limits = [setting(ALICE.mailbox, DAILY, 1)]
    daemon.step()

    assert not daemon.send(ALICE)


def test_a_change_is_applied_then_reported(daemon: SteppedDaemon) -> None:
    """A command that waits for it returns when memory follows it, not when it was read."""
    daemon.refreshes = False
    daemon.send(ALICE)
    daemon.tables.limits = [setting(ALICE.mailbox, DAILY, 1)]
    daemon.tables.changes.append(ChangeRow(4, ALICE.mailbox))
    daemon.step()
    assert daemon.tables.lease.seen_change == 0
    assert not daemon.send(ALICE)

    assert daemon.tables.lease.seen_change == 4


def test_a_reset_is_followed(daemon: SteppedDaemon) -> None:
    """The counters of the subject are read again."""
    for _ in range(3):
        daemon.send(ALICE)
    daemon.step()
    daemon.tables.counters[ALICES_DAY] = 0
    daemon.tables.changes.append(ChangeRow(1, ALICE.mailbox))
    daemon.step()
    daemon.store.verbs.clear()

    assert [daemon.send(ALICE) for _ in range(3)] == [True, True, True]
    assert daemon.store.verbs == []


def test_a_change_that_could_not_be_read_is_applied_before_the_next_flush(
    daemon: SteppedDaemon,
) -> None:
    """The connection was lost in between."""
    daemon.tables.changes.append(ChangeRow(4, ALICE.mailbox))
    daemon.tables.limits = [setting(ALICE.mailbox, DAILY, 0)]
    daemon.store.fail("limits", StoreUnavailable())
    daemon.refreshes = False
    daemon.uptime += 1
    daemon.step()
    daemon.step()

    assert daemon.tables.lease.seen_change == 4
    assert not daemon.send(ALICE)


@pytest.mark.parametrize("applied", [False, True], ids=["not in", "in"])
def test_a_flush_in_doubt_counts_once(daemon: SteppedDaemon, *, applied: bool) -> None:
    """The fence decides; the lease stays."""
    daemon.send(ALICE)
    daemon.store.fail("flush", StoreUnavailable(), applied=applied)
    daemon.step()
    daemon.step()

    assert daemon.tables.used()[ALICES_DAY] == 1
    assert _state(daemon) is LeaseState.SOLE
    assert [daemon.send(ALICE) for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize("applied", [False, True], ids=["not in", "in"])
def test_a_request_waits_over_a_lost_connection(daemon: SteppedDaemon, *, applied: bool) -> None:
    """It is answered by the flush that is in."""
    for _ in range(3):
        daemon.send(ALICE)
    daemon.store.fail("flush", StoreUnavailable(), applied=applied)

    assert not daemon.send(ALICE)
    assert daemon.send(BOB)


def test_grants_go_on_without_the_database_until_the_lease_ends(daemon: SteppedDaemon) -> None:
    """Three seconds from the last flush; then everything passes undecided."""
    daemon.step()
    daemon.store.away = True
    assert daemon.send(ALICE)
    daemon.step()
    assert daemon.send(ALICE)
    assert daemon.ledger.unbooked == 0
    daemon.uptime += VALID_S
    assert daemon.send(ALICE)

    assert daemon.ledger.unbooked == 1


def test_a_conflict_is_done_again(daemon: SteppedDaemon) -> None:
    """Rolled back: the stretch goes with the next flush."""
    daemon.send(ALICE)
    daemon.store.fail("flush", StoreConflict())
    daemon.step()
    assert daemon.tables.used() == {}
    daemon.step()

    assert daemon.tables.used() == ALICES_MAIL


def test_a_lease_edited_by_hand_is_lost(daemon: SteppedDaemon) -> None:
    """Nothing is written by the old memory; what was granted is booked, and it starts anew."""
    daemon.send(ALICE)
    daemon.tables.lease = LeaseRow("", 77, 0)
    daemon.step()
    assert daemon.tables.used() == {}
    assert _state(daemon) is LeaseState.AWAY
    daemon.step()

    assert daemon.tables.used() == ALICES_MAIL
    assert [daemon.send(ALICE) for _ in range(3)] == [True, True, False]


def test_hands_over_when_another_daemon_beats(daemon: SteppedDaemon) -> None:
    """All that is pending goes with the flush that frees the lease; then batches are written."""
    daemon.send(ALICE)
    daemon.tables.daemons["other"] = 1
    daemon.step()
    daemon.send(ALICE)
    daemon.step()

    assert _state(daemon) is LeaseState.SHARED
    assert daemon.tables.lease.holder == ""
    assert daemon.tables.used()[ALICES_DAY] == 2
    assert [daemon.send(ALICE), daemon.send(ALICE)] == [True, False]


def test_hands_over_to_an_old_release(daemon: SteppedDaemon) -> None:
    """A committer that never beats knows no lease: it is shared with for as long as it writes."""
    for batch in range(2, 20):
        daemon.tables.daemons["committer old"] = batch
        daemon.step()
        assert daemon.send(ALICE) == (batch < 5)
    assert _state(daemon) is LeaseState.SHARED
    del daemon.tables.daemons["committer old"]
    daemon.step()

    assert _state(daemon) is LeaseState.SOLE
    assert daemon.tables.used()[ALICES_DAY] == 3


@pytest.mark.parametrize("applied", [False, True], ids=["not in", "in"])
def test_a_hand_over_in_doubt(daemon: SteppedDaemon, *, applied: bool) -> None:
    """Nothing is granted until the fence has decided; the mail counts once."""
    daemon.tables.daemons["other"] = 1
    daemon.step()
    daemon.send(ALICE)
    daemon.store.fail("flush", StoreUnavailable(), applied=applied)
    daemon.store.fail("connect", StoreUnavailable())
    daemon.step()
    assert _state(daemon) is LeaseState.AWAY
    assert daemon.ledger.lease.grants_until == 0
    for beat in (2, 3, 4):
        daemon.tables.daemons["other"] = beat
        daemon.step()

    assert _state(daemon) is LeaseState.SHARED
    assert daemon.tables.used()[ALICES_DAY] == 1


def test_hands_over_when_the_journal_is_full(daemon: SteppedDaemon) -> None:
    """What can't be noted is not granted from memory."""
    daemon.journal.full = True
    assert daemon.send(ALICE)

    assert _state(daemon) is LeaseState.SHARED
    assert daemon.tables.used() == ALICES_MAIL


def test_who_has_left_is_not_charged(daemon: SteppedDaemon) -> None:
    """Its mail was accepted undecided and is booked at its end."""
    daemon.tables.counters[ALICES_DAY] = 3
    daemon.send(ALICE)
    daemon.step()
    daemon.tables.counters[ALICES_DAY] = 0
    waiter = Waiter(Request(ALICE, daemon.now))
    daemon.ledger.queue.put(waiter)
    daemon.store.before["flush"] = waiter.abandon
    daemon.step()
    daemon.store.before.clear()
    daemon.step()

    assert daemon.tables.used().get(LATCH, 0) == 1


def test_stop_in_doubt_leaves_the_journal(daemon: SteppedDaemon) -> None:
    """What the flush carried is booked, or not, by the number in er_committer at the next start."""
    daemon.send(ALICE)
    daemon.store.fail("flush", StoreUnavailable())
    daemon.store.before["flush"] = lambda: setattr(daemon.store, "away", True)

    assert not daemon.stop()
    assert len(daemon.journal.records) == 1
    assert not daemon.file.path.exists()


def test_refusals_of_a_flush_in_doubt_are_kept(daemon: SteppedDaemon) -> None:
    """They go into the unbooked file, unless the flush is in."""
    from sendlimit.rules.episode import Episode  # noqa: PLC0415 - for this test alone

    daemon.ledger.record(Episode(ALICES_DAY, 3, daemon.now, daemon.now, 1, "", "", ALICE.mailbox))
    daemon.store.fail("flush", StoreUnavailable())
    daemon.store.before["flush"] = lambda: setattr(daemon.store, "away", True)
    daemon.stop()

    (entry,) = daemon.file.load()
    assert entry.unless is not None
    assert list(entry.pending.episodes) == [ALICES_DAY]
