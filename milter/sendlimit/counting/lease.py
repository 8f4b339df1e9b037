"""Who may grant from memory: the states of one daemon beside others on one database. Pure.

The lease is a row (holder, beat) that the holder's every flush moves on, in its own transaction.
The holder grants from memory for VALID_S from the moment before that flush was sent. Another
daemon passes a holder by once it has itself seen the beat stand still for STILL_S. So no clocks
of two machines are compared. All transactions take the latch first.

| state   | step        | next    | memory |                                                |
|---------|-------------|---------|--------|------------------------------------------------|
| away    | KEPT        | sole    | kept   | the row still has this daemon and its beat     |
| away    | JOINED      | shared  | empty  | no living daemon holds the lease               |
| shared  | TAKEN       | sole    | empty  | no other daemon beats                          |
| sole    | FLUSHED     | sole    | kept   | its beat went on                               |
| sole    | LAPSED      | away    | kept   | no flush was answered in time                  |
| sole    | LOST        | away    | empty  | the row has another holder or another beat     |
| sole    | LEAVE       | leaving | kept   | another daemon beats, or this one stops        |
| leaving | HANDED_OVER | shared  | empty  | the last flush is committed: the lease is free |
| leaving | FAILED      | away    | kept   | the last flush failed, or is in doubt          |
| leaving | LOST        | away    | empty  | as in sole                                     |

Every other step is an error of the caller. `leaving` is sole without grants.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from sendlimit.counting.illegal_step import IllegalStepError
from sendlimit.store import OLD_RELEASE, STILL_S

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from sendlimit.store import LeaseRow

VALID_S = 3.0
"""How long a flush that was answered lets the holder grant, from before it was sent."""
UNSEEN_S = 10.0
"""How long the others have not beaten before the lease is taken, so that it does not wander."""
BEAT_S = 1.0
"""How often each daemon beats in every state, also an idle one."""
RETRY_S = 0.25
"""How long a daemon that found a living holder waits before it tries again."""


class LeaseState(StrEnum):
    """Where a daemon stands beside others on its database."""

    AWAY = "away"
    SHARED = "shared"
    SOLE = "sole"
    LEAVING = "leaving"


class LeaseStep(StrEnum):
    """What changes the state of a lease."""

    KEPT = "kept"
    JOINED = "joined"
    TAKEN = "taken"
    FLUSHED = "flushed"
    LAPSED = "lapsed"
    LOST = "lost"
    LEAVE = "leave"
    HANDED_OVER = "handed over"
    FAILED = "failed"


class _Next(NamedTuple):
    state: LeaseState
    keeps_memory: bool


_STEPS: Mapping[tuple[LeaseState, LeaseStep], _Next] = {
    (LeaseState.AWAY, LeaseStep.KEPT): _Next(LeaseState.SOLE, keeps_memory=True),
    (LeaseState.AWAY, LeaseStep.JOINED): _Next(LeaseState.SHARED, keeps_memory=False),
    (LeaseState.SHARED, LeaseStep.TAKEN): _Next(LeaseState.SOLE, keeps_memory=False),
    (LeaseState.SOLE, LeaseStep.FLUSHED): _Next(LeaseState.SOLE, keeps_memory=True),
    (LeaseState.SOLE, LeaseStep.LAPSED): _Next(LeaseState.AWAY, keeps_memory=True),
    (LeaseState.SOLE, LeaseStep.LOST): _Next(LeaseState.AWAY, keeps_memory=False),
    (LeaseState.SOLE, LeaseStep.LEAVE): _Next(LeaseState.LEAVING, keeps_memory=True),
    (LeaseState.LEAVING, LeaseStep.HANDED_OVER): _Next(LeaseState.SHARED, keeps_memory=False),
    (LeaseState.LEAVING, LeaseStep.FAILED): _Next(LeaseState.AWAY, keeps_memory=True),
    (LeaseState.LEAVING, LeaseStep.LOST): _Next(LeaseState.AWAY, keeps_memory=False),
}


class Claim(StrEnum):
    """What a transaction that has the latch finds out about the lease."""

    FREE = "free"
    CLEAR = "clear"
    """Held by this daemon, which does not count as its holder, or by one that has ended."""
    MINE = "mine"
    """Held by this daemon with the beat that it wrote last."""
    HELD = "held"
    """By another that is alive: nothing may be decided."""


def claim_of(lease: Lease, row: LeaseRow | None, sent: float, now: float) -> Claim:
    """Say what a row means that was read under the latch, and note who holds it.

    Args:
        lease: of this daemon.
        row: as read; None: on Galera no daemon takes the lease.
        sent: CLOCK_BOOTTIME before the reading was sent, so not after it was read.
        now: CLOCK_BOOTTIME when the answer was here.
    """
    if row is None:
        return Claim.FREE
    claim = lease.claim(row, sent)
    lease.watch(row, now)
    return claim


class Lease:
    """The lease of a database, as one daemon start sees it; changed by the committer, under the ledger's mutex.

    Args:
        daemon: id of this start, new with every start.
        ended: ids of earlier starts that are known to have ended: this one has locked their
            state_dir, on the same boot of the machine.
        exclusive: the database is locked for this process: no other daemon can be alive on it.

    Attributes:
        forget: empties the memory: counters, plans and which periods are complete; set by Memory.
        state: see the table.
        grants_until: CLOCK_BOOTTIME, s: before it a grant from memory is allowed; 0: not at all.
            Read by callbacks, under the mutex, before each grant.
        beat: the beat of the row as this daemon wrote it last; -1: it never has.
        seen_change: the last row of er_change that was read.
        applied_change: the last one that memory follows; reported with the next flush.
        is_wanted: while this daemon held the lease another has beaten: it wants to decide, too.
    """

    def __init__(
        self, daemon: str, ended: Collection[str] = (), *, exclusive: bool = False
    ) -> None:
        self.daemon = daemon
        self.ended = frozenset(ended)
        self.exclusive = exclusive
        self.forget: Callable[[], None] = lambda: None
        self.state = LeaseState.AWAY
        self.grants_until = 0.0
        self.beat = -1
        self.seen_change = 0
        self.applied_change = 0
        self.is_wanted = False
        self._valid_until = 0.0
        self._watched: tuple[str, int, float] = "", -1, 0.0
        self._others: dict[str, tuple[int, float]] = {}

    def _go(self, step: LeaseStep) -> None:
        """Change the state: the one place that does.

        Raises:
            IllegalStepError: the state does not allow the step.
        """
        following = _STEPS.get((self.state, step))
        if following is None:
            raise IllegalStepError(f"{step} in state {self.state}")
        self.state = following.state
        self.grants_until = self._valid_until if self.state is LeaseState.SOLE else 0.0
        self.is_wanted = self.is_wanted and self.holds
        if not following.keeps_memory:
            self.forget()

    @property
    def holds(self) -> bool:
        """Whether this daemon counts as the holder: it flushes, and no other daemon decides."""
        return self.state in {LeaseState.SOLE, LeaseState.LEAVING}

    # what a transaction finds

    def claim(self, row: LeaseRow, sent: float) -> Claim:
        """Say what the row means for this daemon, when it was read under the latch.

        Args:
            row: as read.
            sent: CLOCK_BOOTTIME before the reading was sent, so not after it was read.
        """
        holder, beat, _ = row
        if not holder:
            return Claim.FREE
        if holder == self.daemon:
            mine = self.state is LeaseState.AWAY and beat == self.beat
            return Claim.MINE if mine else Claim.CLEAR
        if self.exclusive or holder in self.ended:
            return Claim.CLEAR
        watched_holder, watched_beat, since = self._watched
        stood_still = (holder, beat) == (watched_holder, watched_beat) and sent - since > STILL_S
        return Claim.CLEAR if stood_still else Claim.HELD

    def watch(self, row: LeaseRow, now: float) -> None:
        """Note who holds the lease; the time counts from the answer that first showed the beat."""
        if self._watched[:2] != row[:2]:
            self._watched = row.holder, row.beat, now

    @property
    def is_anothers(self) -> bool:
        """Whether another daemon held it when its row was read last."""
        return self._watched[0] not in {"", self.daemon}

    def look_at_others(self, beats: Mapping[str, int], now: float) -> None:
        """Note the beats of other daemons' rows, and whether one has gone on, or is new.

        A daemon of an old release shows by its batches: it does not heed the lease, so the lease
        is let go.

        Args:
            beats: by daemon.
            now: CLOCK_BOOTTIME, when they were here.
        """
        known = self._others
        self._others = {
            daemon: known[daemon] if daemon in known and known[daemon][0] == beat else (beat, now)
            for daemon, beat in beats.items()
            if self._may_live(daemon)
        }
        if self.holds and any(known.get(daemon) != seen for daemon, seen in self._others.items()):
            self.is_wanted = True

    def alone(self, now: float) -> bool:
        """Say whether no other daemon has beaten for UNSEEN_S."""
        return all(now - since > UNSEEN_S for _, since in self._others.values())

    def as_seen(self, beats: Mapping[str, int]) -> bool:
        """Say whether the other daemons' rows are as when they were looked at last."""
        found = {daemon: beat for daemon, beat in beats.items() if self._may_live(daemon)}
        return found == {daemon: beat for daemon, (beat, _) in self._others.items()}

    def _may_live(self, daemon: str) -> bool:
        committer = daemon.removeprefix(OLD_RELEASE)
        if committer == self.daemon or committer in self.ended:
            return False
        # An old release does not heed the lock of a file either.
        return daemon.startswith(OLD_RELEASE) or not self.exclusive

    # the steps

    def kept(self, sent: float, beat: int) -> None:
        """ENTER found the lease as it was left, and moved its beat: sole again, memory is right."""
        self._renewed(sent, beat)
        self._go(LeaseStep.KEPT)

    def joined(self) -> None:
        """ENTER found no living holder: decide under the latch, as others may, too."""
        self._go(LeaseStep.JOINED)

    def taken(self, sent: float, beat: int, last_change: int) -> None:
        """TAKE is committed: no other daemon beats, and those that begin will see the row."""
        self.seen_change = self.applied_change = last_change
        self._renewed(sent, beat)
        self._go(LeaseStep.TAKEN)

    def flushed(self, sent: float, beat: int) -> None:
        """A flush is committed: its beat went on."""
        self._renewed(sent, beat)
        self._go(LeaseStep.FLUSHED)

    def lapse(self, now: float) -> bool:
        """Leave sole when no flush was answered in time; return whether that was so."""
        if self.state is not LeaseState.SOLE or now < self._valid_until:
            return False
        self._go(LeaseStep.LAPSED)
        return True

    def lost(self) -> None:
        """A flush found another holder or another beat: memory is not right any more."""
        self.beat = -1
        self._go(LeaseStep.LOST)

    def leave(self) -> None:
        """Grant nothing more from memory; the next flush hands over."""
        self._go(LeaseStep.LEAVE)

    def handed_over(self) -> None:
        """The flush that let go of the lease is committed."""
        self.beat = -1
        self._go(LeaseStep.HANDED_OVER)

    def leaving_failed(self) -> None:
        """The flush that let go failed or is in doubt: perhaps another decides already."""
        self._go(LeaseStep.FAILED)

    def committed_in_doubt(self, beat: int) -> None:
        """The fence found a flush committed whose answer was lost: the row has the beat that it wrote."""
        self.beat = beat

    def changes_read(self, last: int) -> None:
        """Rows of er_change up to this one were read; they are still to be applied."""
        self.seen_change = last

    def changes_applied(self) -> None:
        """Memory follows all rows of er_change that were read; the next flush says so."""
        self.applied_change = self.seen_change

    def _renewed(self, sent: float, beat: int) -> None:
        self._valid_until = sent + VALID_S
        self.beat = beat
