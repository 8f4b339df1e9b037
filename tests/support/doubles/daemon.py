"""Ledger and committer without a thread: each step is taken when the test says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendlimit.counting.committer import RECONNECT_S, Committer
from sendlimit.counting.lease import Lease
from sendlimit.counting.ledger import Ledger
from sendlimit.counting.limits_refresh import REFRESH_S
from sendlimit.counting.unbooked_file import UnbookedFile, new_id
from sendlimit.counting.waiter import Waiter
from sendlimit.rules.counting_settings import CountingSettings
from sendlimit.rules.decision import Request
from support.counting_samples import NOON, UTC, file_rules
from support.doubles.events import RecordingEvents
from support.doubles.records import ListedRecords
from support.doubles.store import ScriptedStore, Tables

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sendlimit.counting.batch import Answer
    from sendlimit.counting.left_journals import LeftJournal
    from sendlimit.rules.limit import Charge, Setting
    from sendlimit.rules.mailbox import Sender


class SteppedLedger(Ledger):
    """Asks, and lets the committer take one step before it looks for the answer.

    Attributes:
        leaves: the next callback runs out of patience while packet 2 is on its way.
    """

    daemon: SteppedDaemon
    leaves = False

    def ask(self, request: Request) -> Answer | None:
        """Ask, and take one step."""
        if not self.up or self.stuck:
            return None
        waiter = Waiter(request)
        if self.leaves:
            self.leaves = False
            self.daemon.store.before["write"] = waiter.abandon
        self.queue.put(waiter)
        self.daemon.step()
        self.daemon.store.before.pop("write", None)
        return waiter.result


class SteppedDaemon:
    """One daemon start; the next one on the same tables and state_dir is another of these.

    Attributes:
        now: what the daemon's clock shows.
        uptime: CLOCK_BOOTTIME; goes on with each step.
        journal: of a daemon that is alone.
        refreshes: whether it learns at each step which limits are in force anywhere; without it,
            at every second one.
    """

    def __init__(  # noqa: PLR0913 - a daemon's parts, each by its own name
        self,
        state_dir: Path,
        *limits: Setting,
        tables: Tables | None = None,
        observe: bool = False,
        alone: bool = False,
        name: str = "",
        left: Sequence[LeftJournal] = (),
        meters: bool = False,
    ) -> None:
        """Begin as after a start, before the database was tried; alone: with a journal, it takes the lease."""
        self.now = NOON
        self.refreshes = True
        self.events = RecordingEvents()
        self.store = ScriptedStore(tables)
        self.store.may_lease = alone
        self.journal = ListedRecords()
        self.uptime = 0.0
        self.tables = self.store.tables
        self.ledger = SteppedLedger(
            CountingSettings(file_rules(*limits), UTC, observe),
            decision_timeout_s=0,
            lease=Lease(name or new_id(), [journal.lease_id for journal in left]),
            journal=self.journal if alone else None,
            clock=lambda: self.uptime,
            meters=meters,
        )
        self.ledger.daemon = self
        self.file = UnbookedFile(state_dir)
        self.committer = Committer(
            self.ledger,
            self.store,
            self.file,
            self.events,
            clock=lambda: self.now,
            left=left,
            uptime=lambda: self.uptime,
        )
        self.committer.load()

    def start(self) -> SteppedDaemon:
        """Let the committer try the database once."""
        self.step()
        return self

    def step(self) -> None:
        """Let the committer work off what is on the queue, without its pauses."""
        self.uptime += REFRESH_S if self.refreshes else RECONNECT_S
        self.committer.take()
        self.committer.step()

    def send(self, sender: Sender, recipients: int = 1) -> bool:
        """Send one mail as the session does; return whether it passed."""
        reservation = self.ledger.reserve(sender, self.now)
        decision = reservation.decision
        if decision is None:
            self.ledger.book(reservation, recipients, self.now)
            return True
        if decision.refused or not decision.counts_recipients:
            return not decision.refused
        settled = self.ledger.settle(reservation, recipients, self.now)
        if settled is None:
            self.ledger.book(reservation, recipients, self.now)
        return settled is None or not settled.refused

    def ask_together(self, *requests: tuple[Sender, int, tuple[Charge, ...]]) -> list[Waiter]:
        """Put requests on the queue for one batch, as (sender, recipients, reserved); step."""
        waiters = [
            Waiter(Request(sender, self.now, recipients, reserved))
            for sender, recipients, reserved in requests
        ]
        for waiter in waiters:
            self.ledger.queue.put(waiter)
        self.step()
        return waiters

    def stop(self) -> bool:
        """Stop as on SIGTERM: what is pending is booked, or written down; return whether all is booked."""
        self.committer.stopping()
        self.step()
        while not self.committer.is_done:
            self.step()
        booked = self.committer.finish()
        self.ledger.end(booked=booked)
        return booked
