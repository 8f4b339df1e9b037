"""The history: what the counters of past periods say."""

import pytest

from sendlimit.rules.limit import Scope
from sendlimit.rules.window import Window
from sendlimit.store.connection import Connection
from sendlimit.store.history import (
    Above,
    Span,
    above,
    amounts,
    beginning,
    busiest,
    refused_subjects,
)
from support.command_samples import ALICE, NOW, day, episode
from support.counting_samples import BERLIN, DAILY, named
from support.real_stores import insert_counter, insert_episode

BOB = "bob@example.org"
_DAY_S = 24 * 3600
_TODAY = BERLIN.period(Window.DAY, NOW).start
_SPAN = Span(named(DAILY), _TODAY - 3 * _DAY_S, _TODAY)
"""Three days that are over."""


@pytest.fixture
def history(tables: Connection) -> Connection:
    """Two mailboxes; a count of 0, one of today, one from before and the domain's don't belong."""
    for days_ago, subject, used in [
        (1, ALICE, 10),
        (2, ALICE, 30),
        (3, ALICE, 0),
        (1, BOB, 10),
        (0, ALICE, 99),
        (4, ALICE, 99),
    ]:
        insert_counter(tables, day(subject, moment=NOW - days_ago * _DAY_S), used)
    insert_counter(tables, day("example.org", Scope.DOMAIN, NOW - _DAY_S), 99)
    return tables


def test_amounts(history: Connection) -> None:
    """How often each count was reached, over all mailboxes and the days of the span."""
    assert amounts(history, _SPAN) == {10: 2, 30: 1}


def test_busiest(history: Connection) -> None:
    """Each mailbox's highest count."""
    assert busiest(history, _SPAN) == {ALICE: 30, BOB: 10}


def test_beginning(history: Connection) -> None:
    """The first day with mail, and how many days had any."""
    first = day(ALICE, moment=NOW - 2 * _DAY_S).period_start

    assert beginning(history, _SPAN) == (first, 2)


def test_no_history(tables: Connection) -> None:
    """Before the first mail there is nothing."""
    assert beginning(tables, _SPAN) is None
    assert amounts(tables, _SPAN) == {}
    assert refused_subjects(tables, _SPAN) == 0


def test_above(history: Connection) -> None:
    """Who was above a number, the highest first; exactly the number is not above."""
    assert above(history, _SPAN, 9) == [Above(ALICE, 30, 2), Above(BOB, 10, 1)]
    assert above(history, _SPAN, 10) == [Above(ALICE, 30, 1)]


def test_refused_subjects(history: Connection) -> None:
    """Each mailbox that the limit refused within the span counts once."""
    for days_ago in (0, 1, 2):
        insert_episode(history, episode(day(BOB, moment=NOW - days_ago * _DAY_S)))

    assert refused_subjects(history, _SPAN) == 1
