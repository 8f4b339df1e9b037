"""Answers that are handed out while the commit is on its way (a single MariaDB server)."""

import pytest

from sendlimit.counting.waiter import Waiter
from sendlimit.errors import StoreConflict, StoreError, StoreUnavailable
from sendlimit.rules.decision import Request
from sendlimit.rules.limit import LATCH
from support.counting_samples import ALICE
from support.doubles.daemon import SteppedDaemon


@pytest.fixture
def daemon(daemon: SteppedDaemon) -> SteppedDaemon:
    """A daemon on a store that commits what it has been sent, with a limit of 3 for everyone."""
    daemon.store.sends_first = True
    return daemon


def _ever(daemon: SteppedDaemon) -> int:
    return daemon.tables.counters.get(LATCH, 0)


def _ask(daemon: SteppedDaemon) -> Waiter:
    waiter = Waiter(Request(ALICE, daemon.now))
    daemon.ledger.queue.put(waiter)
    return waiter


def test_answer_does_not_wait_for_the_disk(daemon: SteppedDaemon) -> None:
    """The callback has its answer before the commit is confirmed."""
    seen: list[bool] = []
    waiter = _ask(daemon)
    daemon.store.before["after on_sent"] = lambda: seen.append(waiter.result is not None)
    daemon.step()

    assert seen == [True]
    assert _ever(daemon) == 1


@pytest.mark.parametrize(
    ("error", "applied"),
    [
        pytest.param(StoreUnavailable(), False, id="lost, not in"),
        pytest.param(StoreUnavailable(), True, id="lost, in"),
        pytest.param(StoreError("full"), False, id="refused"),
        pytest.param(StoreConflict(), False, id="conflict"),
        pytest.param(RuntimeError("broken"), True, id="fault, in"),
    ],
)
def test_early_answer_counts_once(
    daemon: SteppedDaemon, error: Exception, *, applied: bool
) -> None:
    """A mail whose commit fails after its answer counts once, whatever happened."""
    daemon.store.fail("write", error, applied=applied)

    assert daemon.send(ALICE)
    daemon.step()
    assert _ever(daemon) == 1


def test_limit_holds_while_early_answers_are_lost(daemon: SteppedDaemon) -> None:
    """What is pending counts in the next decision: the limit is not passed."""
    for _ in range(6):
        daemon.store.fail("write", StoreConflict())
    passed = [daemon.send(ALICE) for _ in range(5)]

    assert passed == [True, True, True, False, False]
    assert _ever(daemon) == 3


@pytest.mark.parametrize("applied", [False, True], ids=["not in", "in"])
def test_abandoned_request_is_undone(daemon: SteppedDaemon, *, applied: bool) -> None:
    """Who left before the answer has had its mail accepted undecided: its charge is undone."""
    waiter = _ask(daemon)
    daemon.store.before["on_sent"] = waiter.abandon
    daemon.store.fail("write", StoreUnavailable(), applied=applied)
    daemon.step()
    daemon.step()

    assert _ever(daemon) == 0
