"""The lease's state machine: which steps are allowed, what they keep, who may grant until when."""

import pytest

from sendlimit.counting.illegal_step import IllegalStepError
from sendlimit.counting.lease import (
    UNSEEN_S,
    VALID_S,
    Claim,
    Lease,
    LeaseState,
)
from sendlimit.store import STILL_S, LeaseRow

_STEPS = {
    "kept": lambda lease: lease.kept(0.0, 1),
    "joined": lambda lease: lease.joined(),
    "taken": lambda lease: lease.taken(0.0, 1, 0),
    "flushed": lambda lease: lease.flushed(0.0, 1),
    "lost": lambda lease: lease.lost(),
    "leave": lambda lease: lease.leave(),
    "handed over": lambda lease: lease.handed_over(),
    "leaving failed": lambda lease: lease.leaving_failed(),
}
_REACHED_BY = {
    LeaseState.AWAY: (),
    LeaseState.SHARED: ("joined",),
    LeaseState.SOLE: ("joined", "taken"),
    LeaseState.LEAVING: ("joined", "taken", "leave"),
}
_ALLOWED = {
    (LeaseState.AWAY, "kept"): (LeaseState.SOLE, "memory kept"),
    (LeaseState.AWAY, "joined"): (LeaseState.SHARED, "memory empty"),
    (LeaseState.SHARED, "taken"): (LeaseState.SOLE, "memory empty"),
    (LeaseState.SOLE, "flushed"): (LeaseState.SOLE, "memory kept"),
    (LeaseState.SOLE, "lost"): (LeaseState.AWAY, "memory empty"),
    (LeaseState.SOLE, "leave"): (LeaseState.LEAVING, "memory kept"),
    (LeaseState.LEAVING, "handed over"): (LeaseState.SHARED, "memory empty"),
    (LeaseState.LEAVING, "leaving failed"): (LeaseState.AWAY, "memory kept"),
    (LeaseState.LEAVING, "lost"): (LeaseState.AWAY, "memory empty"),
}


def _lease(
    state: LeaseState = LeaseState.AWAY, ended: tuple[str, ...] = (), *, exclusive: bool = False
) -> tuple[Lease, list[str]]:
    forgotten: list[str] = []
    lease = Lease("me", ended, exclusive=exclusive)
    lease.forget = lambda: forgotten.append("memory empty")
    for step in _REACHED_BY[state]:
        _STEPS[step](lease)
    assert lease.state is state
    forgotten.clear()
    return lease, forgotten


@pytest.mark.parametrize("step", _STEPS)
@pytest.mark.parametrize("state", LeaseState)
def test_the_table_allows_a_step_or_it_raises(state: LeaseState, step: str) -> None:
    """Each state and step: where it leads and whether memory is kept, or an error."""
    lease, forgotten = _lease(state)
    if (state, step) not in _ALLOWED:
        with pytest.raises(IllegalStepError):
            _STEPS[step](lease)
        assert lease.state is state
        return
    _STEPS[step](lease)
    following, memory = _ALLOWED[state, step]
    assert lease.state is following
    assert forgotten == ([memory] if memory == "memory empty" else [])


def test_grants_end_three_seconds_after_the_sending_of_the_last_flush() -> None:
    """A flush that was answered moves the end of grants on, from before it was sent."""
    lease, _ = _lease(LeaseState.SHARED)
    lease.taken(100.0, 1, 0)
    assert lease.grants_until == 100.0 + VALID_S
    lease.flushed(101.0, 2)
    assert lease.grants_until == 101.0 + VALID_S
    assert not lease.lapse(101.0 + VALID_S - 0.001)
    assert lease.lapse(101.0 + VALID_S)
    assert (lease.state, lease.grants_until) == (LeaseState.AWAY, 0.0)


@pytest.mark.parametrize("state", [LeaseState.AWAY, LeaseState.SHARED, LeaseState.LEAVING])
def test_only_sole_grants(state: LeaseState) -> None:
    """Away, shared and leaving grant nothing from memory, whatever the time."""
    assert _lease(state)[0].grants_until == 0.0


def test_a_holder_is_passed_by_when_its_beat_stood_still_for_four_seconds() -> None:
    """The time runs from the answer that first showed the beat to the sending of the next look."""
    lease, _ = _lease(LeaseState.SHARED)
    row = LeaseRow("other", 7, 0)
    assert lease.claim(row, 10.0) is Claim.HELD
    lease.watch(row, 13.0)
    assert lease.claim(row, 13.0 + STILL_S) is Claim.HELD
    lease.watch(row, 14.0)
    assert lease.claim(row, 13.1 + STILL_S) is Claim.CLEAR


@pytest.mark.parametrize("row", [LeaseRow("other", 8, 0), LeaseRow("third", 7, 0)])
def test_another_beat_or_another_holder_begins_the_watch_anew(row: LeaseRow) -> None:
    """What moves, lives."""
    lease, _ = _lease(LeaseState.SHARED)
    lease.watch(LeaseRow("other", 7, 0), 1.0)
    assert lease.claim(row, 100.0) is Claim.HELD
    lease.watch(row, 100.0)
    assert lease.claim(row, 100.0 + STILL_S) is Claim.HELD


def test_the_own_row_is_mine_only_with_the_beat_that_was_written_last() -> None:
    """A dump that was restored, or a loss in between, has another beat: memory is not right."""
    lease, _ = _lease(LeaseState.SOLE)
    lease.flushed(1.0, 5)
    lease.lapse(100.0)
    assert lease.claim(LeaseRow("me", 5, 0), 101.0) is Claim.MINE
    assert lease.claim(LeaseRow("me", 4, 0), 101.0) is Claim.CLEAR


def test_a_daemon_that_shares_clears_its_own_row() -> None:
    """A restored dump may name it: no other daemon has to wait for it to stand still."""
    lease, _ = _lease(LeaseState.SHARED)
    assert lease.claim(LeaseRow("me", 3, 0), 1.0) is Claim.CLEAR


def test_a_free_row_is_free() -> None:
    """An empty holder is no daemon."""
    assert _lease()[0].claim(LeaseRow("", 3, 0), 1.0) is Claim.FREE


def test_the_earlier_start_with_the_same_state_dir_is_followed_at_once() -> None:
    """Its process has ended, as its lock is free: no need to wait, and its row says nothing."""
    lease, _ = _lease(ended=("before",))
    assert lease.claim(LeaseRow("before", 3, 0), 1.0) is Claim.CLEAR
    assert lease.claim(LeaseRow("other", 3, 0), 1.0) is Claim.HELD
    lease.look_at_others({"before": 8}, 1.0)
    assert lease.alone(1.0)
    assert lease.as_seen({"before": 9})


def test_a_file_that_is_locked_has_no_other_daemon() -> None:
    """SQLite: whatever the rows say, their daemons have ended."""
    lease, _ = _lease(exclusive=True)
    assert lease.claim(LeaseRow("other", 3, 0), 1.0) is Claim.CLEAR
    lease.look_at_others({"other": 8}, 1.0)
    assert lease.alone(1.0)
    assert lease.as_seen({"other": 9})


def test_a_lost_lease_is_not_mine_again_with_the_old_beat() -> None:
    """Once memory is gone, the row with the old beat is only cleared."""
    lease, _ = _lease(LeaseState.SOLE)
    lease.flushed(1.0, 5)
    lease.lost()
    assert lease.claim(LeaseRow("me", 5, 0), 2.0) is Claim.CLEAR


def test_a_flush_whose_answer_was_lost_moves_the_beat_when_the_fence_finds_it() -> None:
    """The row has the beat of the flush that came in unseen."""
    lease, _ = _lease(LeaseState.SOLE)
    lease.lapse(100.0)
    lease.committed_in_doubt(2)
    assert lease.claim(LeaseRow("me", 2, 0), 101.0) is Claim.MINE


def test_others_are_gone_when_none_has_beaten_for_ten_seconds() -> None:
    """A beat that moves, and a row that is new, count from when they were seen; the own row does not."""
    lease, _ = _lease(LeaseState.SHARED)
    assert lease.alone(0.0)
    lease.look_at_others({"me": 9, "other": 1}, 1.0)
    lease.look_at_others({"me": 10, "other": 1}, 5.0)
    assert not lease.alone(1.0 + UNSEEN_S)
    assert lease.alone(1.1 + UNSEEN_S)
    assert lease.as_seen({"me": 11, "other": 1})
    assert not lease.as_seen({"other": 2})
    assert not lease.as_seen({"other": 1, "third": 1})
    lease.look_at_others({"other": 2}, 12.0)
    assert not lease.alone(12.0)
    lease.look_at_others({}, 13.0)
    assert lease.alone(13.0)


def test_the_holder_is_wanted_when_another_beats() -> None:
    """Until it has let go; a row that stands still wants nothing."""
    lease, _ = _lease(LeaseState.SHARED)
    lease.look_at_others({"other": 1}, 0.0)
    lease.taken(20.0, 1, 0)
    lease.look_at_others({"other": 1}, 20.0)
    assert not lease.is_wanted
    lease.look_at_others({"other": 2}, 21.0)
    assert lease.is_wanted
    lease.flushed(21.0, 2)
    lease.leave()
    assert lease.is_wanted
    lease.handed_over()
    assert not lease.is_wanted


def test_a_change_is_reported_once_it_is_applied() -> None:
    """What was read is not yet followed."""
    lease, _ = _lease(LeaseState.SHARED)
    lease.taken(0.0, 1, 4)
    assert (lease.seen_change, lease.applied_change) == (4, 4)
    lease.changes_read(6)
    assert (lease.seen_change, lease.applied_change) == (6, 4)
    lease.changes_applied()
    assert lease.applied_change == 6


@pytest.mark.parametrize("exclusive", [False, True])
def test_an_old_release_is_another_daemon(*, exclusive: bool) -> None:
    """Its batches count as beats, also on a file whose lock it does not know; own rows do not."""
    lease = Lease("me", ["before"], exclusive=exclusive)
    lease.joined()
    lease.taken(0.0, 1, 0)
    lease.look_at_others({"me": 1, "committer me": 5, "committer before": 9}, 1.0)
    assert not lease.is_wanted

    lease.look_at_others({"me": 2, "committer old": 2}, 2.0)
    assert lease.is_wanted
    assert not lease.alone(2.0 + UNSEEN_S)
    assert lease.alone(2.1 + UNSEEN_S)
