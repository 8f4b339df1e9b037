"""Gives the crash journal space while the database is away, and says when it has none.

| the journal | a stretch that is begun | then                                                     |
|-------------|-------------------------|----------------------------------------------------------|
| has room    | is recorded             | full, with the first record without room (memory.py)     |
| is full     | is not recorded         | has room again, once there is space: a stretch is begun  |

What was counted meanwhile stays a stretch apart: a stretch is in the journal whole, or not at all.

FAILURE: what is counted while there is no space is kept in memory, and written to the unbooked
file at a clean stop; a kill of the process loses it. This is logged, and shown by `doctor`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendlimit.errors import JournalError

if TYPE_CHECKING:
    from sendlimit.counting.events import Events
    from sendlimit.counting.ledger import Ledger


class JournalUpkeep:
    """Looks after the journal of one ledger; the committer's thread alone uses it.

    Args:
        ledger: whose journal.
        events: is told when not all that is pending outlives the process.
    """

    def __init__(self, ledger: Ledger, events: Events) -> None:
        self._ledger = ledger
        self._events = events

    def tick(self) -> None:
        """Make space before it is needed; take records again where there was none."""
        ledger = self._ledger
        journal, stretches = ledger.journal, ledger.stretches
        if not journal.is_durable:
            return
        problem = JournalError("it was filled faster than it grows")
        try:
            journal.keep_space(ledger.mutex)
        except JournalError as error:
            problem = error
        with ledger.mutex:
            if journal.is_full and journal.reopen():
                stretches.begin(journal.number, is_recorded=True)
            is_whole = stretches.is_all_recorded
        if is_whole == (not ledger.journal_problem):
            return
        if is_whole:
            ledger.journal_problem = ""
            self._events.journal_whole()
        else:
            ledger.journal_problem = str(problem)
            self._events.journal_full(problem)
