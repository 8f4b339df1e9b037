"""Which notices an event makes, each once."""

import pytest

from sendlimit.notify.notices import (
    HISTORY_MIN,
    MINUTE_NOTICES_APART_S,
    OUTAGE_NOTICES_APART_S,
    Event,
    History,
    Outages,
    ThresholdReached,
    limit_reached,
    thresholds_reached,
)
from sendlimit.rules.decision import LimitUsage, UsageChange
from sendlimit.rules.mailbox import Sender
from support.counting_samples import NOON, moment, usage_of

_DAY = "mailbox.messages_per_day"
_RECIPIENTS = "mailbox.recipients_per_day"
_MINUTE = "mailbox.messages_per_minute"


def _change(limit: int, before: int, after: int) -> UsageChange:
    exceeded = usage_of(_DAY, limit, after)
    return UsageChange(exceeded.limit, exceeded.key, before, after, exceeded.period)


def _reached(name: str = _DAY, limit: int = 100, at: int = NOON) -> ThresholdReached:
    return ThresholdReached(Event.LIMIT_REACHED, usage_of(name, limit, limit, at=at))


def _warning(limit: int = 100) -> ThresholdReached:
    return ThresholdReached(Event.WARNING, usage_of(_DAY, limit, limit * 8 // 10))


class TestThresholds:
    """Which charges and refusals reach a threshold."""

    @pytest.mark.parametrize(
        ("limit", "before", "after", "percent", "expected"),
        [
            pytest.param(100, 78, 79, 80, None, id="below"),
            pytest.param(100, 79, 80, 80, Event.WARNING, id="exactly the threshold"),
            pytest.param(100, 70, 90, 80, Event.WARNING, id="several recipients at once"),
            pytest.param(100, 80, 81, 80, None, id="was passed before"),
            pytest.param(100, 99, 100, 80, Event.LIMIT_REACHED, id="the last one"),
            pytest.param(100, 50, 100, 80, Event.LIMIT_REACHED, id="both at once: only the limit"),
            pytest.param(100, 100, 101, 80, None, id="beyond, in observe mode"),
            pytest.param(3, 2, 3, 80, Event.LIMIT_REACHED, id="3 of 3"),
            pytest.param(3, 1, 2, 80, None, id="2 of 3 are 67 percent"),
            pytest.param(1, 0, 1, 80, Event.LIMIT_REACHED, id="1 of 1"),
            pytest.param(0, 0, 1, 80, None, id="limit 0 is refused, not passed"),
            pytest.param(100, 99, 100, 100, Event.LIMIT_REACHED, id="100 percent: no warning"),
            pytest.param(100, 0, 1, 1, Event.WARNING, id="1 percent"),
        ],
    )
    def test_threshold(
        self, limit: int, before: int, after: int, percent: int, expected: Event | None
    ) -> None:
        """A threshold is reached by the mail that takes the counter to it or over it."""
        found = list(thresholds_reached([_change(limit, before, after)], percent))

        assert [threshold.event for threshold in found] == ([expected] if expected else [])
        assert all(threshold.exceeded.used == after for threshold in found)

    def test_each_limit_by_itself(self) -> None:
        """One mail can reach the thresholds of several limits."""
        found = list(thresholds_reached([_change(10, 7, 8), _change(8, 7, 8)], 80))

        assert [threshold.event for threshold in found] == [Event.WARNING, Event.LIMIT_REACHED]

    @pytest.mark.parametrize(
        ("exceeded", "makes_notice"),
        [
            pytest.param(usage_of(_DAY, 100, 100), True, id="used up"),
            pytest.param(usage_of(_DAY, 100, 120), True, id="was lowered"),
            pytest.param(usage_of(_DAY, 0, 0), True, id="nothing may be sent"),
            pytest.param(usage_of(_RECIPIENTS, 100, 95), False, id="room for fewer recipients"),
            pytest.param(usage_of("mailbox.recipients_per_message", 0, 0), False, id="one mail"),
        ],
    )
    def test_refusal(self, exceeded: LimitUsage, makes_notice: bool) -> None:  # noqa: FBT001 - a table
        """A refusal shows that the limit is reached, unless only this one mail was too large."""
        assert limit_reached(exceeded) == (
            ThresholdReached(Event.LIMIT_REACHED, exceeded) if makes_notice else None
        )


class TestHistory:
    """Once for each mailbox, limit and period."""

    @staticmethod
    def _after(threshold: ThresholdReached, at: int = NOON) -> History:
        history = History()
        assert history.is_new(threshold, at)
        history.add(threshold, at)
        return history

    def test_once(self) -> None:
        """A threshold makes one notice in a period, and another in the next."""
        history = self._after(_reached())
        tomorrow = moment("2026-11-23 00:00")

        assert not history.is_new(_reached(), NOON)
        assert not history.is_new(_reached(), tomorrow - 1)
        assert history.is_new(_reached(at=tomorrow), tomorrow)

    def test_limit_after_warning(self) -> None:
        """The limit makes a notice after its warning; a warning makes none after the limit."""
        history = self._after(_warning())

        assert history.is_new(_reached(), NOON)
        history.add(_reached(), NOON)
        assert not history.is_new(_warning(), NOON)

    def test_changed_limit(self) -> None:
        """A boost is another limit: it makes a notice of its own."""
        assert self._after(_reached(limit=100)).is_new(_reached(limit=200), NOON)

    def test_minute(self) -> None:
        """A limit per minute makes a notice once an hour, not every minute."""
        history = self._after(_reached(_MINUTE))

        assert not history.is_new(_reached(_MINUTE, at=NOON + 60), NOON + 60)
        assert history.is_new(
            _reached(_MINUTE, at=NOON + MINUTE_NOTICES_APART_S), NOON + MINUTE_NOTICES_APART_S
        )

    def test_forgets(self) -> None:
        """Periods that are over are forgotten, so the history does not grow from day to day."""
        history = History()
        for number in range(5000):
            at = NOON + number * 86400
            exceeded = usage_of(_DAY, 3, 3, Sender(f"m{number}@example.org", "example.org"), at)
            history.add(ThresholdReached(Event.WARNING, exceeded), at)

        assert len(history) <= HISTORY_MIN


class TestOutages:
    """Outages of the database."""

    def test_down_and_back(self) -> None:
        """An outage makes a notice at once, and so does its end."""
        outages = Outages()

        assert outages.began("gone", NOON) == "gone"
        assert outages.due(NOON + 1000) is None
        assert outages.ended()
        assert not outages.ended()

    def test_flapping(self) -> None:
        """A second outage soon after makes a notice only if it lasts, and its end only then."""
        outages = Outages()
        outages.began("gone", NOON)
        outages.ended()

        assert outages.began("again", NOON + 10) is None
        assert not outages.ended()
        assert outages.began("third", NOON + 20) is None
        assert outages.due(NOON + OUTAGE_NOTICES_APART_S - 1) is None
        assert outages.due(NOON + OUTAGE_NOTICES_APART_S) == "third"
        assert outages.ended()
