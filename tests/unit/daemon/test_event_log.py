"""Which events make a line in the log."""

import logging
from collections.abc import Callable

import pytest

from sendlimit.daemon.event_log import EventLog
from sendlimit.errors import JournalError, StoreConflict, StoreUnavailable
from sendlimit.rules.decision import Decision
from support.counting_samples import ALICE, usage_of


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (lambda log: log.store_down(StoreUnavailable("gone")), "store-down error=gone"),
        (lambda log: log.mode_changed("memory"), "counting mode=memory"),
        (lambda log: log.store_back(3), "store-back bookings=3"),
        (lambda log: log.batch_retried(StoreConflict("deadlock")), "batch-retried error=deadlock"),
        (lambda log: log.journal_full(JournalError("no space")), 'journal-full error="no space"'),
        (lambda log: log.journal_whole(), "journal-whole"),
        (lambda log: log.journal_unreadable(ValueError("line 3")), 'journal-unreadable error="line 3"'),
    ],
)  # fmt: skip
def test_line(
    caplog: pytest.LogCaptureFixture, event: Callable[[EventLog], None], line: str
) -> None:
    """What happens to the database is one line each."""
    caplog.set_level(logging.INFO, logger="sendlimit")
    event(EventLog())

    assert caplog.messages == [line]


def test_fault(caplog: pytest.LogCaptureFixture) -> None:
    """A fault is logged with the exception that is being handled."""
    try:
        [].pop()
    except IndexError:
        EventLog().fault("eom")

    assert caplog.messages[-1].startswith('fault where=eom error="IndexError(')


def test_mail_makes_no_line(caplog: pytest.LogCaptureFixture) -> None:
    """The session logs refusals itself, with the client's address: they are not logged twice."""
    caplog.set_level(logging.DEBUG, logger="sendlimit")
    log = EventLog()
    log.decided(ALICE, Decision(), 0.1)
    log.refused(ALICE, usage_of("mailbox.messages_per_day", 3, 3))
    log.undecided(accepted=True, seconds=2)

    assert not caplog.messages
