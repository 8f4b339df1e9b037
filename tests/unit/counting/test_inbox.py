"""What is taken from the ledger's queue, how much at once, and what becomes of the rest at the end."""

import pytest

from sendlimit.counting import inbox as inbox_module
from sendlimit.counting.backlog import Backlog
from sendlimit.counting.inbox import Inbox
from sendlimit.counting.unbooked_file import UnbookedFile
from sendlimit.counting.waiter import Waiter, WaiterState
from sendlimit.rules.decision import Request
from sendlimit.rules.episode import Episode
from support.counting_samples import ALICE, ALICES_DAY, CAROL, NOON
from support.doubles.daemon import SteppedDaemon


def test_large_crowd_is_several_batches(
    daemon: SteppedDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch has at most BATCH_MAX requests; the rest is the next batch."""
    monkeypatch.setattr(inbox_module, "BATCH_MAX", 4)
    waiters = daemon.ask_together(*[(CAROL, 0, ())] * 10)
    daemon.step()
    daemon.step()

    assert all(waiter.result for waiter in waiters)
    assert set(daemon.tables.batches.values()) == {4}


def test_nothing_waits_at_the_end(daemon: SteppedDaemon) -> None:
    """However many are on the queue: callbacks go on undecided, refusals are kept."""
    backlog = Backlog(
        UnbookedFile(daemon.file.path.parent), daemon.ledger, daemon.events, lambda: NOON
    )
    inbox = Inbox(daemon.ledger, backlog)
    waiters = [Waiter(Request(ALICE, NOON)) for _ in range(inbox_module.BATCH_MAX + 1)]
    for waiter in waiters:
        daemon.ledger.queue.put(waiter)
    daemon.ledger.queue.put(Episode(ALICES_DAY, 3, NOON, NOON, 1, "", "", ALICE.mailbox))
    inbox.abandon_all()

    assert {waiter.state for waiter in waiters} == {WaiterState.ABANDONED}
    assert list(backlog.pending.episodes) == [ALICES_DAY]
    assert daemon.ledger.queue.empty()


def test_waits_for_what_comes(daemon: SteppedDaemon) -> None:
    """Nothing in time is nothing; what only wakes is something, and no request."""
    backlog = Backlog(
        UnbookedFile(daemon.file.path.parent), daemon.ledger, daemon.events, lambda: NOON
    )
    inbox = Inbox(daemon.ledger, backlog)
    assert not inbox.take(0.001)
    daemon.ledger.queue.put(None)
    assert inbox.take()
    assert inbox.waiters == []
