"""The committer: every mail counts once, whatever the database does (R6, R8, R11)."""

from dataclasses import replace
from pathlib import Path

import pytest

from sendlimit.counting.waiter import Waiter, WaiterState
from sendlimit.errors import StoreConflict, StoreUnavailable
from sendlimit.rules.decision import Request
from sendlimit.rules.episode import Episode
from support.counting_samples import (
    ALICE,
    ALICES_DAY,
    ALICES_MAIL,
    BOB,
    DAILY,
    LIMIT_OF_3,
    NOON,
    setting,
)
from support.doubles.daemon import SteppedDaemon


def test_one_mail(daemon: SteppedDaemon) -> None:
    """A mail is one batch of two packets, counted in each scope and for the latch."""
    assert daemon.send(ALICE)

    assert daemon.store.verbs[-2:] == ["begin", "write"]
    assert daemon.tables.used() == ALICES_MAIL
    assert set(daemon.tables.batches.values()) == {2}


def test_batches_are_numbered(daemon: SteppedDaemon) -> None:
    """Each batch has the number after the last one that is in, also one that only refuses."""
    passed = [daemon.send(ALICE) for _ in range(5)]

    assert passed == [True, True, True, False, False]
    assert set(daemon.tables.batches.values()) == {6}
    assert daemon.tables.used()[ALICES_DAY] == 3


def test_idle_daemon_writes_nothing(daemon: SteppedDaemon) -> None:
    """Without a mail there is no transaction."""
    daemon.step()

    assert "begin" not in daemon.store.verbs


def test_requests_of_one_batch(daemon: SteppedDaemon) -> None:
    """What waits is decided together, in order, in one transaction."""
    waiters = daemon.ask_together(*[(ALICE, 0, ())] * 5, (BOB, 0, ()))

    refused = [waiter.result.decision.refused for waiter in waiters if waiter.result]
    assert refused == [False, False, False, True, True, False]
    assert daemon.store.verbs.count("write") == 1
    assert all(waiter.wait(0) for waiter in waiters)


@pytest.mark.parametrize("verb", ["begin", "write"])
def test_conflict_is_done_again(daemon: SteppedDaemon, verb: str) -> None:
    """A deadlock or lock wait rolls back: the batch is done again and counts once."""
    daemon.store.fail(verb, StoreConflict(), StoreConflict())

    assert daemon.send(ALICE)
    assert daemon.tables.used() == ALICES_MAIL
    assert daemon.events.recorded == [("retried", "StoreConflict")] * 2


def test_lost_before_packet_2(daemon: SteppedDaemon) -> None:
    """A connection lost in packet 1: connect again, do it again; no fence is needed."""
    daemon.store.fail("begin", StoreUnavailable())

    assert daemon.send(ALICE)
    assert daemon.tables.used() == ALICES_MAIL
    assert "fence" not in daemon.store.verbs


@pytest.mark.parametrize("applied", [False, True], ids=["not in", "in"])
def test_lost_in_packet_2(daemon: SteppedDaemon, *, applied: bool) -> None:
    """A connection lost in packet 2: behind the fence the batch is looked up; it counts once."""
    daemon.store.fail("write", StoreUnavailable(), applied=applied)

    assert daemon.send(ALICE)
    assert daemon.tables.used() == ALICES_MAIL
    assert daemon.store.verbs.count("fence") == 1
    assert daemon.store.verbs.count("write") == (1 if applied else 2)


@pytest.mark.parametrize("applied", [False, True], ids=["not in", "in"])
def test_lost_twice(daemon: SteppedDaemon, *, applied: bool) -> None:
    """The second try of a batch is lost as well: it still counts once."""
    daemon.store.fail("write", StoreUnavailable())
    daemon.store.fail("write", StoreUnavailable(), applied=applied)

    assert daemon.send(ALICE)
    assert daemon.tables.used() == ALICES_MAIL


@pytest.mark.parametrize("applied", [False, True], ids=["not in", "in"])
@pytest.mark.parametrize("verb", ["connect", "fence"])
def test_outcome_that_stays_unknown(daemon: SteppedDaemon, verb: str, *, applied: bool) -> None:
    """No answer after a lost packet 2: the mail is accepted and booked; what was in is undone."""
    daemon.store.fail("write", StoreUnavailable(), applied=applied)
    daemon.store.fail(verb, StoreUnavailable(), StoreUnavailable())

    assert daemon.send(ALICE)
    assert not daemon.ledger.up
    daemon.step()
    daemon.step()

    assert daemon.ledger.up
    assert daemon.tables.used() == ALICES_MAIL
    assert daemon.events.recorded[-1] == ("back", 1)


def test_unknown_outcome_of_what_was_owed(daemon: SteppedDaemon) -> None:
    """Releases in a batch whose outcome stayed unknown are given back once."""
    for applied in (False, True):
        reservation = daemon.ledger.reserve(ALICE, daemon.now)
        daemon.ledger.release(reservation)
        daemon.store.fail("write", StoreUnavailable(), applied=applied)
        daemon.store.fail("connect", StoreUnavailable())
        daemon.step()
        daemon.step()

    assert daemon.tables.used() == {}


def _waiter(daemon: SteppedDaemon) -> Waiter:
    waiter = Waiter(Request(ALICE, daemon.now))
    daemon.ledger.queue.put(waiter)
    return waiter


def test_abandoned_request_is_undone(daemon: SteppedDaemon) -> None:
    """Its callback left while packet 2 was on its way, and books the mail: the charge is reversed."""
    waiter = _waiter(daemon)
    daemon.store.before["write"] = waiter.abandon
    daemon.step()
    assert waiter.result is None
    assert daemon.tables.used() == ALICES_MAIL

    daemon.step()

    assert daemon.tables.used() == {}


def test_abandoned_request_is_not_asked_again(daemon: SteppedDaemon) -> None:
    """Its callback left before a conflict was over: the second try leaves it out."""
    waiter = _waiter(daemon)
    daemon.store.fail("write", StoreConflict())
    daemon.store.before["write"] = waiter.abandon
    daemon.step()

    assert daemon.tables.used() == {}


def test_request_that_finds_the_database_away(daemon: SteppedDaemon) -> None:
    """A callback that waits when the database goes away is let go at once, with no answer."""
    daemon.store.away = True
    waiters = daemon.ask_together((ALICE, 0, ()), (BOB, 0, ()))

    assert [waiter.state for waiter in waiters] == [WaiterState.ABANDONED] * 2
    assert all(waiter.wait(0) for waiter in waiters)


def test_stuck_ends_with_the_next_batch(daemon: SteppedDaemon) -> None:
    """A ledger that answers at once because a batch was stuck asks again after it."""
    daemon.ledger.stuck = True
    assert daemon.ledger.reserve(ALICE, daemon.now).decision is None

    daemon.step()

    assert daemon.ledger.reserve(ALICE, daemon.now).decision is not None


def test_boost_ends(daemon: SteppedDaemon) -> None:
    """R10: the database may still have the row of a boost that has ended; it does not hold."""
    daemon.tables.limits = [setting("*", DAILY, 5, until=NOON + 60)]
    assert [daemon.send(ALICE) for _ in range(5)] == [True] * 5

    daemon.now += 60

    assert not daemon.send(ALICE)


def test_observe_counts_beyond_the_limit(daemon: SteppedDaemon) -> None:
    """R12: in observe mode all mails pass and all are counted."""
    daemon.ledger.use(replace(daemon.ledger.settings, observe=True))

    assert [daemon.send(ALICE) for _ in range(5)] == [True] * 5
    assert daemon.tables.used()[ALICES_DAY] == 5


def test_episodes_are_written_with_the_next_batch(daemon: SteppedDaemon) -> None:
    """R13: repeats of a refusal are merged before and in the table."""
    for at in (NOON, NOON + 5, NOON + 60):
        daemon.ledger.record(Episode(ALICES_DAY, 3, at, at, 1, "192.0.2.7", "a@b.org", "alice"))
        if at > NOON:
            daemon.step()

    episode = daemon.tables.episodes[ALICES_DAY]
    assert (episode.first_at, episode.last_at, episode.attempts) == (NOON, NOON + 60, 3)


def test_fault_of_our_own(daemon: SteppedDaemon) -> None:
    """R11: whatever raises in the committer is told; who waits is let go, the next mail is decided."""
    daemon.store.fail("begin", RuntimeError("broken"))

    assert daemon.ledger.reserve(ALICE, daemon.now).decision is None
    assert daemon.events.recorded == [("fault", "committer"), ("down", "BatchFault")]
    assert daemon.ledger.state() == ("fault", "batches")
    assert daemon.ledger.reserve(ALICE, daemon.now).decision is not None
    assert daemon.events.recorded[2:] == [("back", 0)]
    assert daemon.ledger.state() == ("decides", "batches")


def test_fault_that_stays(daemon: SteppedDaemon) -> None:
    """An error that ends each batch is one outage, also while steps without a request succeed."""
    for _ in range(3):
        daemon.store.fail("begin", RuntimeError("broken"))
        assert daemon.ledger.reserve(ALICE, daemon.now).decision is None
        daemon.step()
        assert daemon.ledger.state()[0] == "fault"

    assert daemon.events.recorded.count(("down", "BatchFault")) == 1
    assert "RuntimeError('broken')" in daemon.ledger.outage.error


def test_two_daemons_share_the_counters(daemon: SteppedDaemon, tmp_path: Path) -> None:
    """R4: all daemons on one database together let no more than the limit pass."""
    other = SteppedDaemon(tmp_path / "other", LIMIT_OF_3, tables=daemon.tables).start()

    assert [daemon.send(ALICE), other.send(ALICE), daemon.send(ALICE), other.send(ALICE)] == [
        True,
        True,
        True,
        False,
    ]
    assert len(daemon.tables.batches) == 2
