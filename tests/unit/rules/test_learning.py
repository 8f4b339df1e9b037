"""Limits that learn (R15)."""

import pytest

from sendlimit.rules.learning import DAYS, Learned, LearnRule, days_to_learn_from, learn
from sendlimit.rules.window import Window
from support.counting_samples import BERLIN, NOON, UTC, moment

_RULE = LearnRule(200, at_least=50, at_most=1000)
_DAY_S = 86_400
_TODAY = UTC.period(Window.DAY, NOON).start


def _days(*counts: int) -> list[tuple[int, int]]:
    """Return counts of the last days, yesterday's last."""
    first = _TODAY - len(counts) * _DAY_S
    return [(first + number * _DAY_S, used) for number, used in enumerate(counts)]


@pytest.mark.parametrize(
    ("counts", "limit"),
    [
        pytest.param([30, 61, 40], 122, id="two times the greatest day"),
        pytest.param([61], 122, id="one day of history"),
        pytest.param([3, 5], 50, id="no less than at_least"),
        pytest.param([3000], 1000, id="no more than at_most"),
        pytest.param([0, 0, 400, *[0] * 27], 800, id="a newsletter once a month"),
        pytest.param([*[40] * 5, *[0] * 20], 80, id="on holiday"),
    ],
)
def test_limit(counts: list[int], limit: int) -> None:
    """R15: the limit is `times` the greatest day, within the bounds; days without mail are no matter."""
    found = learn(_RULE, _days(*counts), (), UTC)
    assert found is not None
    assert (found.max, found.greatest) == (limit, max(counts))


@pytest.mark.parametrize("counts", [[], [0, 0]])
def test_nothing_to_learn_from(counts: list[int]) -> None:
    """R15: a mailbox without a day with mail has nothing learned: at_least holds."""
    assert learn(_RULE, _days(*counts), (), UTC) is None


def test_a_day_with_a_refusal() -> None:
    """R15: a thief's day does not raise the limit, because he was refused on it."""
    counts = _days(40, 100, 45)
    thief = counts[1][0]

    found = learn(_RULE, counts, {thief}, UTC)
    assert found is not None
    assert (found.max, found.period_start) == (90, counts[2][0])
    assert learn(_RULE, counts, [start for start, _ in counts], UTC) is None


def test_hours() -> None:
    """R15: of hours the greatest counts; those of a day with a refusal do not."""
    hours = [(_TODAY - 3 * 3600, 70), (_TODAY - 2 * 3600, 80), (_TODAY - 30 * 3600, 60)]
    found = learn(_RULE, hours, {_TODAY - _DAY_S}, UTC)

    assert found == Learned(120, 60, _TODAY - 30 * 3600)


def test_the_last_of_equal_days() -> None:
    """R15: of equal days the last one is named."""
    counts = _days(60, 60)
    found = learn(_RULE, counts, (), UTC)
    assert found is not None
    assert found.period_start == counts[1][0]


@pytest.mark.parametrize(
    ("percent", "greatest", "limit"),
    [(150, 33, 50), (110, 100, 110), (100, 77, 77), (133, 100, 133)],
)
def test_rounding(percent: int, greatest: int, limit: int) -> None:
    """R15: a part of a mail is a mail; hundredths of `times` are exact."""
    assert LearnRule(percent, 1, 10**6).limit_for(greatest) == limit


@pytest.mark.parametrize(
    ("now", "since", "until"),
    [
        ("2026-11-22 12:00", "2026-10-18", "2026-11-22"),
        ("2026-04-05 00:00", "2026-03-01", "2026-04-05"),
        ("2026-03-28 23:59", "2026-02-21", "2026-03-28"),
    ],
)
def test_days_to_learn_from(now: str, since: str, until: str) -> None:
    """R15: the 35 days before today, also where the clock changes meanwhile."""
    zone = "Europe/Berlin"
    found = days_to_learn_from(BERLIN, moment(now, zone))
    assert found == (moment(f"{since} 00:00", zone), moment(f"{until} 00:00", zone))
    days, at = 0, found[0]
    while at < found[1]:
        at = BERLIN.period(Window.DAY, at).end
        days += 1
    assert days == DAYS


def test_why() -> None:
    """R15: a limit says where it comes from."""
    assert Learned(122, 61, 0).why(_RULE) == "2 times 61, from 50 to 1000"
    assert Learned(55, 37, 0).why(LearnRule(150, 1, 99)) == "1.5 times 37, from 1 to 99"
