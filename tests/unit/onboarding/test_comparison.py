"""Learned limits beside one for all: what they would have refused, and what a thief could have sent (R15)."""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

import pytest

from sendlimit.onboarding.comparison import (
    Days,
    LimitOutcome,
    MailboxDays,
    compare,
    mailbox_days,
)
from sendlimit.rules.learning import LearnRule
from sendlimit.rules.window import Calendar, Window
from support.counting_samples import BERLIN, moment

_RULE = LearnRule(200, 50, 1000)
_LAST = 1000
_FIRST = _LAST - 34


def _sent(greatest: Mapping[int, int], *refused: int) -> MailboxDays:
    return MailboxDays(greatest, refused)


def _learned(mailbox: MailboxDays) -> tuple[int, int]:
    """Return on how many days one mailbox is refused, and its limit afterwards."""
    outcomes = compare([mailbox], _RULE, [], _LAST)
    assert outcomes is not None
    (outcome,) = outcomes
    assert outcome.mailboxes_refused == (outcome.days > 0)
    return outcome.days, outcome.thief_most


_STEADY = dict.fromkeys(range(_FIRST - 35, _LAST + 1), 61)
_NEWSLETTER = {_LAST - 3: 400, _LAST - 33: 400, _LAST - 64: 400}


@pytest.mark.parametrize(
    ("mailbox", "days", "limit"),
    [
        pytest.param(_sent(_STEADY), 0, 122, id="the same each day"),
        pytest.param(_sent({_LAST: 7}), 0, 50, id="a small one: at_least"),
        pytest.param(_sent({**_STEADY, _LAST - 5: 900}), 1, 122, id="a thief's day teaches nothing"),
        pytest.param(_sent({**_STEADY, _LAST - 5: 122}), 0, 244, id="the whole limit is no refusal, and teaches"),
        pytest.param(_sent({**_STEADY, _LAST - 5: 122}, _LAST - 5), 0, 122, id="unless mail was refused on it"),
        pytest.param(_sent(_NEWSLETTER), 0, 800, id="a newsletter each month"),
        pytest.param(_sent({_LAST - 3: 400}), 1, 50, id="the first newsletter of all"),
        pytest.param(_sent({_FIRST - 36: 900, _LAST: 120}), 1, 50, id="36 days before is forgotten"),
        pytest.param(_sent({_FIRST - 35: 900, _FIRST: 1000}), 0, 1000, id="35 days before is not; at_most"),
        pytest.param(_sent({_FIRST - 1: 51}), 0, 50, id="days before are not decided"),
    ],
)  # fmt: skip
def test_one_mailbox(mailbox: MailboxDays, days: int, limit: int) -> None:
    """Each day is decided by what was learned before it."""
    assert _learned(mailbox) == (days, limit)


def test_beside_one_for_all() -> None:
    """A limit that lets the newsletter pass leaves each thief as much; learned ones leave little."""
    mailboxes = [_sent(_NEWSLETTER), *(_sent(dict.fromkeys(_STEADY, 20)) for _ in range(4))]

    assert compare(mailboxes, _RULE, [100, 400], _LAST) == [
        LimitOutcome(None, 0, 0, 50, 800),
        LimitOutcome(100, 1, 2, 100, 100),
        LimitOutcome(400, 0, 0, 400, 400),
    ]


def test_no_mailbox() -> None:
    """Where nothing was sent there is nothing to compare."""
    assert compare([], _RULE, [100], _LAST) is None


def test_days_of_a_mailbox() -> None:
    """Of hours the greatest is the day's; a refusal is on each day that it touches, also in the night."""
    days = Days(BERLIN)
    start = moment("2026-11-20 00:00", "Europe/Berlin")
    hours = [(start + hour * 3600, used) for hour, used in ((0, 3), (5, 9), (23, 4), (24, 6))]
    first = days.number(start)
    found = mailbox_days(hours, [(start + 23 * 3600, start + 25 * 3600)], days)

    assert found == MailboxDays({first: 9, first + 1: 6}, {first, first + 1})


@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "Pacific/Auckland", "America/New_York", "Asia/Kolkata"]
)
def test_days_follow_each_other(zone: str) -> None:
    """Each day of a year has the next number, also where clocks change."""
    calendar = Calendar(ZoneInfo(zone))
    days = Days(calendar)
    at = moment("2026-01-01 12:00", zone)
    numbers = []
    for _ in range(366):
        numbers.append(days.number(at))
        at = calendar.period(Window.DAY, at).end + 3600

    assert numbers == list(range(numbers[0], numbers[0] + 366))
