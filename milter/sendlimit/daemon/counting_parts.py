"""The parts that count, put together for one start: ledger, crash journal, committer.

The caller has locked both directories, so what lies there belongs to this start or to none.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, NamedTuple

from sendlimit import maillog
from sendlimit.counting.committer import Committer
from sendlimit.counting.committer_thread import CommitterThread
from sendlimit.counting.journal import Journal, boot_id
from sendlimit.counting.lease import Lease
from sendlimit.counting.ledger import Ledger
from sendlimit.counting.left_journals import left_journals
from sendlimit.counting.records import NoJournal
from sendlimit.counting.unbooked_file import UnbookedFile, new_id
from sendlimit.daemon.settings import counting_settings
from sendlimit.errors import JournalError
from sendlimit.store.location import SQLiteLocation, parse_url

if TYPE_CHECKING:
    from pathlib import Path

    from sendlimit.config import Config
    from sendlimit.counting.events import Events
    from sendlimit.counting.left_journals import LeftJournal
    from sendlimit.counting.records import Records
    from sendlimit.store import Store


class CountingParts(NamedTuple):
    """What callbacks ask, and the thread behind it."""

    ledger: Ledger
    committer: CommitterThread


def counting_parts(
    config: Config, store: Store, events: Events, *, state_dir: Path, journal_dir: Path
) -> CountingParts:
    """Put the parts together; nothing is started.

    A journal that can't be made is logged: then the daemon does not decide from memory.

    Args:
        config: the configuration.
        store: not yet connected.
        events: is told what happens.
        state_dir: locked by this process.
        journal_dir: the same, or another one that is; before a change of the setting the crash
            journal may have been in state_dir.
    """
    location = parse_url(config.store.url)
    daemon = new_id()
    folders = dict.fromkeys((journal_dir, state_dir))
    left = [journal for folder in folders for journal in _left(folder, daemon)]
    boot = boot_id()
    lease = Lease(
        daemon,
        [journal.lease_id for journal in left if boot and journal.boot_id == boot],
        exclusive=isinstance(location, SQLiteLocation),
    )
    has_one_host = isinstance(location, SQLiteLocation) or len(location.hosts) == 1
    journal, problem = _journal(journal_dir, daemon, boot)
    ledger = Ledger(
        counting_settings(config),
        config.store.decision_timeout_s,
        lease,
        journal,
        meters=config.store.on_failure == "meter" and has_one_host,
        counters_max=config.store.memory_counters,
    )
    ledger.journal_problem = problem
    committer = Committer(
        ledger,
        store,
        UnbookedFile(state_dir),
        events,
        left=left,
        host=socket.gethostname(),
    )
    return CountingParts(ledger, CommitterThread(committer, ledger))


def _left(folder: Path, own: str) -> list[LeftJournal]:
    try:
        left, problems = left_journals(folder, own)
    except JournalError as error:
        maillog.journal_unreadable(ValueError(str(error)))
        return []
    for problem in problems:
        maillog.journal_unreadable(ValueError(problem))
    return left


def _journal(folder: Path, daemon: str, boot: str) -> tuple[Records, str]:
    """Return the crash journal; where there can be none, also why."""
    try:
        return Journal(folder, daemon, daemon, boot), ""
    except JournalError as error:
        maillog.journal_unavailable(error)
        return NoJournal(), str(error)
